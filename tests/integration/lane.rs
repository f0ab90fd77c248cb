//! Fresh hits that are answered in front of the proxy, by the same rules.
//!
//! The lane keeps the origin's `Date`, which the engine replaces: that tells who answered.

mod closing;
mod purging;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::support::*;

/// A date that nobody takes for now.
const ONCE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn page(body: impl Into<Vec<u8>>) -> Answer {
    Answer::fresh(body).header("Date", ONCE)
}

/// A page long enough for a preset to believe it.
fn html(text: &str) -> Answer {
    let filler = "<p>lorem ipsum</p>".repeat(60);
    page(format!("<html>{text}{filler}</html>")).header("Content-Type", "text/html")
}

/// Fails unless the lane answered.
#[track_caller]
fn by_lane(response: Response) -> Response {
    assert_eq!(response.header("date").as_deref(), Some(ONCE), "{response:?}");
    response
}

/// Fails if the lane answered.
#[track_caller]
fn by_proxy(response: Response) -> Response {
    assert_ne!(response.header("date").as_deref(), Some(ONCE), "{response:?}");
    response
}

/// A gateway in front of an origin that answers everything with `answer`, and `/` in its memory.
async fn warm(answer: Answer, more: serde_json::Value) -> (Origin, Gateway) {
    let origin = Origin::fixed(answer).await;
    let gateway = Gateway::start(Conf::origin(&origin).with(more)).await;
    by_proxy(gateway.get("/").await.expect(200, "MISS"));
    (origin, gateway)
}

/// What is compared between two answers to the same request: all but what differs by nature.
fn comparable(response: &Response) -> Vec<(String, String)> {
    let mut fields: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "cf-ray" | "age" | "cache-status"))
        .cloned()
        .collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn a_hit_has_the_same_header_with_and_without_the_lane() {
    let answer = page("body")
        .header("Content-Type", "text/html")
        .header("ETag", "\"v1\"")
        .header("Link", "<a>")
        .header("Link", "<b>")
        .header("X-Powered-By", "PHP");
    let (_with, lane) = warm(answer.clone(), json!({})).await;
    let (_without, plain) = warm(answer, json!({ "lane": false })).await;
    for request in [
        Req::get("/"),
        Req::new("HEAD", "/"),
        Req::get("/").header("If-None-Match", "W/\"v1\""),
        Req::get("/").header("Connection", "close"),
    ] {
        let one = by_lane(lane.fetch(request.clone()).await);
        let other = by_proxy(plain.fetch(request).await);
        assert_eq!((one.status, &one.body), (other.status, &other.body));
        assert_eq!(comparable(&one), comparable(&other));
        assert!(one.age().unwrap().abs_diff(other.age().unwrap()) <= 1);
        assert_eq!(one.cache_status().split("ttl=").next(), Some("popgate; hit; "));
        assert_eq!(one.header("cf-ray").unwrap().len(), 16 + "-tst1".len());
    }
}

#[tokio::test]
async fn pipelined_hits_are_answered_in_order_among_misses() {
    let origin = Origin::start(|seen| page(seen.target.clone()).into()).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/a").await;
    gateway.get("/b").await;
    let mut client = Http1::connect(gateway.address()).await;
    let targets = ["/a", "/new", "/b", "/a", "/newer", "/b"];
    let requests: Vec<_> = targets.map(|target| http1::encode(&Req::get(target))).concat();
    client.send(requests).await;
    for target in targets {
        assert_eq!(client.read("GET").await.text(), target);
    }
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let (_origin, gateway) = warm(page("body"), json!({})).await;
    let mut client = Http1::connect(gateway.address()).await;
    for byte in http1::encode(&Req::get("/")) {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(by_lane(client.read("GET").await).text(), "body");
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let (_origin, gateway) = warm(page("body"), json!({})).await;
    let mut client = Http1::connect(gateway.address()).await;
    let head = by_lane(client.fetch(&Req::new("HEAD", "/")).await).expect(200, "HIT");
    assert_eq!(head.header("content-length").as_deref(), Some("4"));
    assert_eq!(client.get("/").await.text(), "body");
}

#[tokio::test]
async fn rfc9110_13_1_a_good_copy_is_answered_with_304() {
    let modified = "Sat, 05 Nov 1994 00:00:00 GMT";
    let answer = page("body")
        .header("ETag", "\"v1\"")
        .header("Last-Modified", modified)
        .header("Content-Type", "text/html");
    let (_origin, gateway) = warm(answer, json!({})).await;
    let mut client = Http1::connect(gateway.address()).await;
    for (name, value, status) in [
        ("If-None-Match", "\"v1\"", 304),
        ("If-None-Match", "\"v0\", W/\"v1\"", 304),
        ("If-None-Match", "\"v2\"", 200),
        ("If-Modified-Since", modified, 304),
        ("If-Modified-Since", "Fri, 04 Nov 1994 00:00:00 GMT", 200),
        ("If-Modified-Since", "yesterday", 200),
    ] {
        let response = client.fetch(&Req::get("/").header(name, value)).await;
        let response = by_lane(response).expect(status, "HIT");
        let whole = status == 200;
        assert_eq!(response.header("content-type").is_some(), whole, "{response:?}");
        assert_eq!(response.body.is_empty(), !whole);
        assert_eq!(response.header("etag").as_deref(), Some("\"v1\""));
    }
}

#[tokio::test]
async fn a_large_body_reaches_a_slow_reader_whole() {
    let body: Vec<u8> = (0..1_048_576_u32).flat_map(u32::to_le_bytes).collect();
    let (_origin, gateway) = warm(page(body.clone()), json!({})).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.request(&Req::get("/")).await;
    client.request(&Req::new("HEAD", "/")).await;
    let head = client.read_head().await.unwrap();
    let mut got = Vec::new();
    while got.len() < body.len() {
        // Few bytes at a time keep the sender waiting for room.
        got.extend(client.bytes(8192.min(body.len() - got.len())).await);
        if got.len() % (1 << 20) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    by_lane(head);
    assert!(got == body);
    assert_eq!(by_lane(client.read("HEAD").await).status, 200);
}

#[tokio::test]
async fn a_reader_that_stops_is_dropped_after_the_write_timeout() {
    let more = json!({ "timeouts": { "write": "300ms" } });
    let (_origin, gateway) = warm(page(vec![b'x'; 32 << 20]), more).await;
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    let request = http1::encode(&Req::get("/"));
    tokio::io::AsyncWriteExt::write_all(&mut client, &request)
        .await
        .unwrap();
    gateway
        .metric_becomes("popgate_requests_total", &[("cache", "hit")], |count| {
            count == 1.0
        })
        .await;
    let mut rest = Vec::new();
    let end = soon("the end", client.read_to_end(&mut rest)).await;
    assert!(end.is_err() || rest.len() < 32 << 20, "{}", rest.len());
}

#[tokio::test]
async fn a_client_that_has_nothing_more_to_send_gets_its_answer() {
    let (_origin, gateway) = warm(page("body"), json!({})).await;
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut client, &http1::encode(&Req::get("/")))
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut client).await.unwrap();
    let mut client = Http1::over(client);
    assert_eq!(by_lane(client.read("GET").await).text(), "body");
    assert!(client.closed().await);
}

#[tokio::test]
async fn names_are_spelled_alike_with_and_without_the_lane() {
    for lane in [true, false] {
        let answer = page("body")
            .header("etag", "\"v1\"")
            .header("x-frame-options", "DENY");
        let (_origin, gateway) = warm(answer, json!({ "lane": lane })).await;
        let mut client = TcpStream::connect(gateway.address()).await.unwrap();
        let request = http1::encode(&Req::get("/").header("Connection", "close"));
        tokio::io::AsyncWriteExt::write_all(&mut client, &request)
            .await
            .unwrap();
        let mut text = String::new();
        soon("the end", client.read_to_string(&mut text)).await.unwrap();
        for name in [
            "ETag",
            "X-Frame-Options",
            "Content-Length",
            "Age",
            "Cache-Status",
            "X-Cache",
            "CF-Ray",
            "Connection",
            "Date",
        ] {
            assert!(text.contains(&format!("\r\n{name}: ")), "{lane} {name} {text}");
        }
    }
}

#[tokio::test]
async fn purges_reach_the_lane_at_once() {
    let (origin, gateway) = warm(page("body"), json!({})).await;
    for (round, hard) in [false, true, false].into_iter().enumerate() {
        by_lane(gateway.get("/").await.expect(200, "HIT"));
        gateway
            .purged(json!({ "urls": [format!("http://{SITE}/")], "hard": hard }))
            .await;
        let response = by_proxy(gateway.get("/").await);
        assert_ne!(response.x_cache(), "HIT", "{response:?}");
        assert_eq!(origin.count(), round + 2);
    }
}

#[tokio::test]
async fn a_stale_page_is_not_the_lanes() {
    let answer = Answer::ok("body")
        .header("Date", ONCE)
        .header("Cache-Control", "max-age=1");
    let (_origin, gateway) = warm(answer, json!({})).await;
    eventually("the page is stale", async || {
        by_proxy_or_fresh(gateway.get("/").await)
    })
    .await;
}

/// Whether the answer is the proxy's; a lane's is a fresh hit.
fn by_proxy_or_fresh(response: Response) -> bool {
    if response.header("date").as_deref() == Some(ONCE) {
        assert!(response.age().unwrap() <= 1, "{response:?}");
        false
    } else {
        true
    }
}

#[tokio::test]
async fn a_bypass_cookie_never_gets_a_stored_page() {
    let origin = Origin::start(|seen| {
        match seen.header("cookie") {
            Some(_) => html("somebody's page"),
            None => html("everybody's page"),
        }
        .into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "preset": "wordpress" }))).await;
    gateway.get("/").await.expect(200, "MISS");
    let cookies = [
        ("wordpress_logged_in_1=x", false),
        ("a=b; wp-postpass_1=x", false),
        ("a=b", true),
        ("_ga=1; wordpress_test_cookie=1", true),
    ];
    for (cookie, shared) in cookies {
        let response = gateway.fetch(Req::get("/").header("Cookie", cookie)).await;
        if shared {
            assert!(by_lane(response).text().contains("everybody"), "{cookie}");
        } else {
            assert!(by_proxy(response).text().contains("somebody"), "{cookie}");
        }
    }
}

#[tokio::test]
async fn tracking_parameters_cost_a_wordpress_site_no_hit() {
    let origin = Origin::fixed(html("page")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "preset": "wordpress" }))).await;
    gateway.get("/?p=1").await.expect(200, "MISS");
    by_lane(
        gateway
            .get("/?utm_source=x&p=1&fbclid=y")
            .await
            .expect(200, "HIT"),
    );
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn filters_act_on_the_lanes_hits() {
    let site = json!({ "filters": [
        { "strip_query": { "ignore": ["utm_*"] } },
        { "key_by": { "headers": ["X-Device"] } },
        { "headers": { "response": { "set": { "X-Frame-Options": "SAMEORIGIN" }, "remove": ["X-Inner"] } } },
    ] });
    let origin = Origin::fixed(page("body").header("X-Inner", "1")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
    gateway.get("/").await.expect(200, "MISS");
    let hit = by_lane(gateway.get("/?utm_x=1").await.expect(200, "HIT"));
    assert_eq!(hit.header("x-frame-options").as_deref(), Some("SAMEORIGIN"));
    assert_eq!(hit.header("x-inner"), None);
    let other = gateway.fetch(Req::get("/").header("X-Device", "phone")).await;
    other.expect(200, "MISS");
}

#[tokio::test]
async fn a_filters_answer_is_not_passed_over() {
    let (_origin, gateway) = warm(page("body"), json!({})).await;
    by_lane(gateway.get("/").await);
    let conf = std::fs::read_to_string(gateway.file()).unwrap();
    let mut conf: serde_json::Value = serde_json::from_str(&conf).unwrap();
    conf["sites"][0]["filters"] = json!(["redirect_https"]);
    gateway.rewrite_text(&conf.to_string());
    gateway.reload("ok").await;
    assert_eq!(gateway.get("/").await.status, 301);
}

#[tokio::test]
async fn variants_are_told_apart() {
    let origin = Origin::start(|seen| {
        let language = seen.header("accept-language").unwrap_or_default();
        page(language)
            .header("Vary", "Accept-Language, Accept-Encoding")
            .into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let asked = |language: &str| Req::get("/").header("Accept-Language", language);
    for language in ["vi", "en"] {
        gateway.fetch(asked(language)).await.expect(200, "MISS");
        let hit = by_lane(gateway.fetch(asked(language)).await.expect(200, "HIT"));
        assert_eq!(hit.text(), language);
    }
}

#[tokio::test]
async fn what_varies_by_a_header_of_ours_is_the_proxys() {
    let conf = |origin: &Origin| {
        Conf::origin(origin).with(json!({ "geo": { "networks": { "127.0.0.0/8": { "country": "VN" } } } }))
    };
    let origin = Origin::fixed(page("body").header("Vary", "CF-IPCountry")).await;
    let gateway = Gateway::start(conf(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    by_proxy(gateway.get("/").await.expect(200, "HIT"));
    let passed = gateway
        .metric("popgate_lane_passed_total", &[("reason", "vary")])
        .await;
    assert_eq!(passed, 1.0);
}

#[tokio::test]
async fn a_trusted_proxy_says_which_scheme_is_meant() {
    let more = json!({ "trusted_proxies": ["127.0.0.1"] });
    let origin = Origin::start(|seen| page(seen.header("x-forwarded-proto").unwrap()).into()).await;
    let gateway = Gateway::start(Conf::origin(&origin).with(more)).await;
    for scheme in ["http", "https"] {
        let request = Req::get("/").header("X-Forwarded-Proto", scheme);
        gateway.fetch(request.clone()).await.expect(200, "MISS");
        assert_eq!(by_lane(gateway.fetch(request).await).text(), scheme);
    }
}

#[tokio::test]
async fn hits_are_counted_and_logged_as_the_proxys_are() {
    let mut told = Vec::new();
    for lane in [true, false] {
        let more = json!({
            "lane": lane,
            "log": { "access": "@DIR@/access.log" },
            "geo": { "networks": { "127.0.0.0/8": { "country": "VN" } } },
        });
        let (_origin, gateway) = warm(page("body").header("ETag", "\"1\""), more).await;
        let mut client = Http1::connect(gateway.address()).await;
        for request in [
            Req::get("/?").host(&format!("{SITE}:80")),
            Req::get("/").header("User-Agent", "test").header("Referer", "x"),
            Req::new("HEAD", "/"),
            Req::get("/").header("If-None-Match", "*"),
        ] {
            client.fetch(&request).await;
        }
        let log = gateway.folder().join("access.log");
        eventually("five lines", async || {
            std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() == 5)
        })
        .await;
        let lines: Vec<serde_json::Value> = std::fs::read_to_string(&log)
            .unwrap()
            .lines()
            .map(|line| {
                let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
                let fields = line.as_object_mut().unwrap();
                for name in ["time", "ray", "duration_ms", "upstream", "upstream_ms"] {
                    fields.remove(name);
                }
                line
            })
            .collect();
        let labels = |status| [("site", SITE), ("status", status), ("cache", "hit")];
        let metrics = gateway.metrics().await;
        let counts = [
            metrics.sum("popgate_requests_total", &labels("200")),
            metrics.sum("popgate_requests_total", &labels("304")),
            metrics.sum("popgate_request_seconds_count", &[("cache", "hit")]),
            metrics.sum(
                "popgate_cache_lookups_total",
                &[("tier", "memory"), ("result", "hit")],
            ),
        ];
        told.push((lines, counts));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn hits_go_over_tls_too() {
    let certs = Certs::new();
    let origin = Origin::fixed(page(vec![b'x'; 100_000])).await;
    let (certificate, key) = certs.issue(SITE);
    let files = json!({ "certificate": certificate, "key": key });
    let conf = Conf::origin(&origin).with(json!({ "listen": [
        { "address": "127.0.0.1:@PORT0@" },
        { "address": "127.0.0.1:@PORT1@", "tls": { "certificates": [files] } },
    ] }));
    let gateway = Gateway::start(conf).await;
    let stream = certs
        .connect(gateway.listener(1).port(), SITE, &["http/1.1"])
        .await
        .unwrap();
    let mut client = Http1::over(stream);
    client.get("/").await.expect(200, "MISS");
    for _ in 0..3 {
        let hit = by_lane(client.get("/").await.expect(200, "HIT"));
        assert_eq!(hit.body.len(), 100_000);
    }
    assert_eq!(client.fetch(&Req::new("HEAD", "/")).await.status, 200);
}
