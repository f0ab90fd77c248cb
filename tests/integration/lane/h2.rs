//! Streams of HTTP/2: the engine writes their `Date`, so what the lane counts as passed tells who answered.

use super::*;

async fn passed(gateway: &Gateway) -> f64 {
    gateway.metrics().await.sum("popgate_lane_passed_total", &[])
}

fn requests() -> Vec<Req> {
    vec![
        Req::get("/"),
        Req::new("HEAD", "/"),
        Req::get("/").header("If-None-Match", "W/\"v1\""),
        Req::get("/").header("If-None-Match", "\"v2\""),
        Req::get("/?utm_source=x"),
        Req::get("/").header("Cookie", "a=1"),
        Req::get("/").header("Cookie", "wordpress_logged_in_x=1"),
        Req::get("/").header("Range", "bytes=0-1"),
        Req::get("/").header("Cache-Control", "no-cache"),
        Req::get("/").header("Authorization", "Basic eA=="),
        Req::get("/").header("Accept-Encoding", "gzip, br"),
        Req::get("/").host("other.example"),
        Req::get("/none"),
        Req::new("POST", "/").body("x"),
    ]
}

#[tokio::test]
async fn answers_over_http2_are_the_same_with_and_without_the_lane() {
    for preset in ["standard", "wordpress"] {
        let answer = html("page")
            .header("ETag", "\"v1\"")
            .header("X-Powered-By", "PHP");
        let gateway = async |lane: bool| {
            let origin = Origin::fixed(answer.clone()).await;
            let conf = Conf::origin(&origin)
                .with(json!({ "lane": lane }))
                .site(json!({ "preset": preset }));
            let gateway = Gateway::start(conf).await;
            gateway.get("/").await.expect(200, "MISS");
            (origin, gateway)
        };
        let ((_one, with), (_other, without)) = (gateway(true).await, gateway(false).await);
        for request in requests() {
            let (one, other) = (
                Wire::H2.fetch(&with, request.clone()).await,
                Wire::H2.fetch(&without, request.clone()).await,
            );
            let told = |answer: &Response| (answer.status, answer.body.clone(), comparable(answer));
            assert_eq!(told(&one), told(&other), "{preset} {request:?}");
            let decided = |answer: &Response| answer.cache_status().split("ttl=").next().map(str::to_owned);
            assert_eq!(decided(&one), decided(&other), "{preset} {request:?}");
        }
    }
}

#[tokio::test]
async fn fresh_hits_over_http2_are_the_lanes_and_counted_and_logged_as_such() {
    let log = json!({ "log": { "access": "@DIR@/access.log" } });
    let (origin, gateway) = warm(page("body"), log).await;
    let before = passed(&gateway).await;
    let client = Http2::connect(gateway.h2c()).await;
    for _ in 0..3 {
        let hit = client.fetch(&Req::get("/")).await;
        assert_eq!((hit.x_cache(), hit.text()), ("HIT".to_owned(), "body".to_owned()));
    }
    assert_eq!(passed(&gateway).await, before);
    assert_eq!(origin.count(), 1);
    let hits = [("cache", "hit"), ("status", "200")];
    assert_eq!(gateway.metrics().await.sum("popgate_requests_total", &hits), 3.0);
    let file = gateway.folder().join("access.log");
    eventually("three lines", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.matches("\"protocol\":\"HTTP/2.0\"").count() == 3
    })
    .await;
}

#[tokio::test]
async fn several_lines_of_cookies_are_the_proxys() {
    let (_origin, gateway) = warm(page("body"), json!({})).await;
    let before = passed(&gateway).await;
    let client = Http2::connect(gateway.h2c()).await;
    let crumbs = Req::get("/").header("Cookie", "a=1").header("Cookie", "b=2");
    client.fetch(&crumbs).await.expect(200, "HIT");
    assert_eq!(passed(&gateway).await, before + 1.0);
}

#[tokio::test]
async fn a_large_body_over_http2_comes_whole() {
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (_origin, gateway) = warm(page(body.clone()), json!({})).await;
    let client = Http2::connect(gateway.h2c()).await;
    assert!(client.fetch(&Req::get("/")).await.body == body);
}

#[tokio::test]
async fn hits_are_answered_while_another_stream_of_the_connection_waits_for_its_client() {
    let large = vec![b'x'; 1_000_000];
    let (_origin, gateway) = warm(page(large.clone()), json!({})).await;
    let client = Http2::connect(gateway.h2c()).await;
    // Its window is full, and it reads nothing.
    let (slow, _) = client.begin(&Req::get("/"), true).await.unwrap();
    let slow = soon("a head", slow).await.unwrap();
    let head = client.fetch(&Req::new("HEAD", "/")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let slow = soon("a body", http2::collect(slow)).await.unwrap();
    assert!(slow.body == large);
}

#[tokio::test]
async fn a_client_that_never_reads_is_given_up_after_the_write_timeout() {
    let log = json!({ "log": { "access": "@DIR@/access.log" }, "timeouts": { "write": "200ms" } });
    let (_origin, gateway) = warm(page(vec![b'x'; 1_000_000]), log).await;
    let client = Http2::connect(gateway.h2c()).await;
    let (slow, _) = client.begin(&Req::get("/"), true).await.unwrap();
    let _unread = soon("a head", slow).await.unwrap();
    let file = gateway.folder().join("access.log");
    eventually("a line about it", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.contains("\"protocol\":\"HTTP/2.0\"") && text.contains("WriteError")
    })
    .await;
}

#[tokio::test]
async fn a_connection_without_streams_is_closed_after_the_keep_alive_timeout() {
    let (_origin, gateway) = warm(page("body"), json!({ "timeouts": { "keepalive": "300ms" } })).await;
    let client = Http2::connect(gateway.h2c()).await;
    for target in ["/", "/other", "/"] {
        assert_eq!(client.get(target).await.status, 200);
    }
    gateway
        .metric_becomes("popgate_connections", &[], |now| now == 0.0)
        .await;
}
