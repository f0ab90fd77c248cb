//! After a purge the hottest URLs are fetched before visitors ask for them.

use crate::support::origin::Seen;
use crate::support::*;

const COUNTED: &str = "popgate_refreshes_total";
const ALL: [&str; 6] = ["/a", "/b", "/c", "/d", "/e", "/f"];

/// Answers that say which request they came of, and are tagged by the beginning of their path.
fn numbered_page(n: usize, seen: &Seen) -> Answer {
    let tag = if seen.target.starts_with("/post-") {
        "post"
    } else {
        "other"
    };
    Answer::fresh(n.to_string()).header("Surrogate-Key", tag)
}

fn refreshing(origin: &Origin, refresh: serde_json::Value) -> Conf {
    Conf::origin(origin).cache(json!({ "refresh_after_purge": refresh }))
}

/// Asks for each page twice: a hit is counted before it is sent, and so before the next purge.
async fn visit(gateway: &Gateway, pages: &[&str]) {
    for page in pages {
        gateway.get(page).await.expect(200, "MISS");
        gateway.get(page).await.expect(200, "HIT");
    }
}

async fn counted(gateway: &Gateway, result: &str, test: impl Fn(f64) -> bool) {
    gateway
        .metric_becomes(COUNTED, &[("site", SITE), ("result", result)], test)
        .await;
}

fn targets(origin: &Origin, from: usize) -> Vec<String> {
    let seen = origin.seen();
    seen[from..].iter().map(|seen| seen.target.clone()).collect()
}

on_both_wires!(
    the_hottest_purged_urls_are_fetched_most_requested_first,
    a_visitor_finds_the_new_page
);

async fn the_hottest_purged_urls_are_fetched_most_requested_first(wire: Wire) {
    let origin = Origin::start(numbered(numbered_page)).await;
    let gateway = Gateway::start(refreshing(&origin, json!({ "urls": 3, "concurrent": 1 }))).await;
    for (page, times) in [
        ("/post-1", 4),
        ("/post-2", 9),
        ("/post-3", 6),
        ("/post-4", 2),
        ("/x", 9),
    ] {
        for _ in 0..times {
            wire.get(&gateway, page).await;
        }
    }
    assert_eq!(origin.count(), 5);
    gateway.purged(json!({ "tags": ["post"] })).await;
    counted(&gateway, "stored", |n| n == 3.0).await;
    assert_eq!(targets(&origin, 5), ["/post-2", "/post-3", "/post-1"]);
    for page in ["/post-1", "/post-2", "/post-3", "/x"] {
        wire.get(&gateway, page).await.expect(200, "HIT");
    }
    assert_ne!(wire.get(&gateway, "/post-4").await.x_cache(), "HIT");
}

async fn a_visitor_finds_the_new_page(wire: Wire) {
    for hard in [true, false] {
        let origin = Origin::start(numbered(numbered_page)).await;
        let gateway = Gateway::start(refreshing(&origin, json!(8))).await;
        wire.get(&gateway, "/a?b=c").await.expect(200, "MISS");
        wire.get(&gateway, "/a?b=c").await.expect(200, "HIT");
        let prefix = format!("http://{SITE}/a");
        gateway
            .purged(json!({ "prefixes": [prefix], "hard": hard }))
            .await;
        counted(&gateway, "stored", |n| n == 1.0).await;
        let hit = wire.get(&gateway, "/a?b=c").await.expect(200, "HIT");
        assert_eq!(hit.text(), "2");
    }
}

/// An origin that answers `/held` when the gate opens, and everything else at once.
async fn holding() -> (Origin, Gate) {
    let gate = Gate::new();
    let shut = gate.clone();
    let origin = Origin::start(numbered(move |n, seen| match seen.target.as_str() {
        "/held" => Answer::ok("held").after(&shut),
        _ => numbered_page(n, seen),
    }))
    .await;
    (origin, gate)
}

#[tokio::test]
async fn the_request_is_the_visitors_without_what_is_theirs_alone() {
    let origin = Origin::start(numbered(|n, seen| {
        let language = seen.header("accept-language").unwrap_or_default();
        Answer::fresh(format!("{n} {language}")).header("Vary", "Accept-Language, X-Club")
    }))
    .await;
    let gateway = Gateway::start(refreshing(&origin, json!(8))).await;
    let visit = |language: &str| {
        Req::get("/")
            .header("accept-language", language)
            .header("x-club", "gold")
            .header("x-secret", "mine")
            .header("cookie", "a=personal")
            .header("cache-control", "no-cache")
            .header("if-none-match", "\"x\"")
    };
    for language in ["de", "vi"] {
        let request = Req::get("/")
            .header("accept-language", language)
            .header("x-club", "gold");
        gateway.fetch(request.clone()).await.expect(200, "MISS");
        gateway.fetch(visit(language)).await;
        gateway.fetch(request).await.expect(200, "HIT");
    }
    let before = origin.count();
    gateway.purged(json!({ "everything": true })).await;
    counted(&gateway, "stored", |n| n == 2.0).await;
    for seen in &origin.seen()[before..] {
        assert_eq!(seen.method, "GET");
        assert_eq!(seen.header("x-club").as_deref(), Some("gold"));
        for gone in ["x-secret", "cookie", "cache-control", "popgate-background"] {
            assert_eq!(seen.header(gone), None, "{gone}");
        }
    }
    for language in ["de", "vi"] {
        let request = Req::get("/")
            .header("accept-language", language)
            .header("x-club", "gold");
        let hit = gateway.fetch(request).await.expect(200, "HIT");
        assert!(hit.text().ends_with(language), "{hit:?}");
    }
}

#[tokio::test]
async fn each_page_of_a_url_that_a_cookie_chooses_is_refreshed() {
    let origin = Origin::start(numbered(|n, seen| {
        let cookie = seen.header("cookie").unwrap_or_default();
        let filler = "x".repeat(300);
        Answer::ok(format!("<html><body>{n} {cookie} {filler}</body></html>"))
            .header("Content-Type", "text/html")
    }))
    .await;
    let rules = json!({ "vary_cookies": ["pll_language=de|en"] });
    let site = json!({ "preset": "wordpress", "wordpress": rules });
    let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
    let ask = async |language: &str| {
        let cookie = format!("_ga=1; pll_language={language}");
        gateway.fetch(Req::get("/").header("cookie", &cookie)).await
    };
    for language in ["de", "en"] {
        ask(language).await.expect(200, "MISS");
        // So often that the last is counted before the purge.
        for _ in 0..3 {
            ask(language).await.expect(200, "HIT");
        }
    }
    let url = format!("http://{SITE}/");
    gateway.purged(json!({ "urls": [url], "hard": true })).await;
    counted(&gateway, "stored", |n| n == 2.0).await;
    for language in ["de", "en"] {
        let hit = ask(language).await.expect(200, "HIT");
        let text = hit.text();
        assert!(text.contains(&format!(" pll_language={language} ")), "{text}");
    }
    assert_eq!(origin.count(), 4);
}

#[tokio::test]
async fn never_more_are_fetched_at_once_than_allowed() {
    let origin = Origin::start(numbered(numbered_page)).await;
    let gateway = Gateway::start(refreshing(&origin, json!({ "concurrent": 2 }))).await;
    visit(&gateway, &ALL).await;
    let gate = Gate::new();
    let shut = gate.clone();
    origin.answer_with(move |_| Answer::fresh("new").after(&shut).into());
    gateway.purged(json!({ "everything": true })).await;
    eventually("two at once", async || origin.active().now() == 2).await;
    gate.open();
    counted(&gateway, "stored", |n| n == ALL.len() as f64).await;
    assert_eq!(origin.active().max(), 2);
    assert_eq!(origin.count(), 2 * ALL.len());
}

#[tokio::test]
async fn a_slow_answer_is_followed_by_a_pause() {
    let origin = Origin::start(numbered(numbered_page)).await;
    let gateway = Gateway::start(refreshing(&origin, json!({ "concurrent": 2 }))).await;
    visit(&gateway, &["/slow", "/b"]).await;
    let gate = Gate::new();
    let shut = gate.clone();
    origin.answer_with(move |seen| match seen.target.as_str() {
        "/slow" => Answer::fresh("new").after(&shut).into(),
        _ => Answer::fresh("new").into(),
    });
    gateway
        .purged(json!({ "urls": [format!("http://{SITE}/slow")] }))
        .await;
    origin.reached(3).await;
    // There is a second place, but while the first is slow it is not taken at once.
    eventually("a pause", async || {
        gateway
            .purged(json!({ "urls": [format!("http://{SITE}/b")] }))
            .await;
        gateway.metric(COUNTED, &[("result", "paused")]).await >= 1.0
    })
    .await;
    gate.open();
    eventually("both are new", async || {
        let new = async |page| gateway.get(page).await.x_cache() == "HIT";
        new("/slow").await && new("/b").await
    })
    .await;
}

#[tokio::test]
async fn an_origin_that_fails_is_given_pauses_and_stale_pages_stay() {
    let origin = Origin::start(numbered(numbered_page)).await;
    let conf = refreshing(&origin, json!({ "concurrent": 1 })).cache(json!({ "stale_if_error": "1h" }));
    let gateway = Gateway::start(conf).await;
    visit(&gateway, &["/a", "/b"]).await;
    origin.answer_with(|_| Answer::new(503, "").into());
    gateway.purged(json!({ "everything": true })).await;
    counted(&gateway, "failed", |n| n >= 1.0).await;
    counted(&gateway, "paused", |n| n >= 1.0).await;
    gateway.get("/a").await.expect(200, "STALE");
    origin.answer_with(|_| Answer::fresh("new").into());
    eventually("one of them is new", async || {
        gateway.metric(COUNTED, &[("result", "stored")]).await == 1.0
    })
    .await;
}

#[tokio::test]
async fn visitors_who_wait_for_the_origin_go_first() {
    let (origin, gate) = holding().await;
    let conf = refreshing(&origin, json!(8)).app(json!({ "connections_max": 1 }));
    let gateway = Gateway::start(conf).await;
    visit(&gateway, &["/a"]).await;
    let mut held = Http1::connect(gateway.address()).await;
    held.request(&Req::get("/held")).await;
    eventually("one at the origin", async || origin.active().now() == 1).await;
    let mut waiting = Http1::connect(gateway.address()).await;
    waiting.request(&Req::get("/waiting")).await;
    gateway
        .metric_becomes("popgate_origin_queue", &[], |now| now == 1.0)
        .await;
    gateway.purged(json!({ "everything": true })).await;
    counted(&gateway, "paused", |n| n >= 1.0).await;
    assert_eq!(origin.count_of("/a"), 1);
    gate.open();
    for client in [&mut held, &mut waiting] {
        assert_eq!(client.read("GET").await.status, 200);
    }
    counted(&gateway, "stored", |n| n == 1.0).await;
    gateway.get("/a").await.expect(200, "HIT");
}

#[tokio::test]
async fn by_default_only_wordpress_sites_refresh() {
    let origin = Origin::start(numbered(|n, _| {
        let body = format!("<html><body>{n} {}</body></html>", "x".repeat(300));
        Answer::ok(body)
            .header("Content-Type", "text/html")
            .header("Cache-Control", "max-age=60")
    }))
    .await;
    let conf = Conf::origin(&origin).with(json!({ "sites": [
        { "hosts": [SITE], "origin": "app" },
        { "hosts": ["wp.example"], "origin": "app", "preset": "wordpress" },
    ] }));
    let gateway = Gateway::start(conf).await;
    let get = async |host: &str| gateway.fetch(Req::get("/").host(host)).await;
    for host in [SITE, "wp.example"] {
        get(host).await.expect(200, "MISS");
        get(host).await.expect(200, "HIT");
    }
    gateway.purged(json!({ "everything": true })).await;
    gateway
        .metric_becomes(COUNTED, &[("site", "wp.example"), ("result", "stored")], |n| {
            n == 1.0
        })
        .await;
    get("wp.example").await.expect(200, "HIT");
    assert_ne!(get(SITE).await.x_cache(), "HIT");
    assert_eq!(gateway.metric(COUNTED, &[("site", SITE)]).await, 0.0);
}

#[tokio::test]
async fn a_write_that_passes_by_refreshes_what_it_changes() {
    let item = format!(
        "{{\"id\":7,\"status\":\"publish\",\"type\":\"post\",\"link\":\"http://{SITE}/p7/\",\"author\":1,\"categories\":[3]}}"
    );
    let origin = Origin::start(numbered(move |n, seen| match seen.method.as_str() {
        "GET" => {
            let body = format!("<html><body>{n} {}</body></html>", "x".repeat(300));
            Answer::ok(body).header("Content-Type", "text/html")
        }
        _ => Answer::ok(item.clone()).header("Content-Type", "application/json; charset=UTF-8"),
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "preset": "wordpress" }))).await;
    visit(&gateway, &["/p7/", "/p8/"]).await;
    let edit = Req::new("POST", "/wp-json/wp/v2/posts/7")
        .header("content-type", "application/json")
        .body("{\"title\":\"x\"}");
    gateway.fetch(edit).await.expect(200, "BYPASS");
    counted(&gateway, "stored", |n| n >= 1.0).await;
    let new = gateway.get("/p7/").await.expect(200, "HIT");
    assert!(!new.text().contains("<body>1 "), "{new:?}");
}

#[tokio::test]
async fn a_reload_keeps_what_is_hot_and_brings_other_options() {
    let origin = Origin::start(numbered(numbered_page)).await;
    let gateway = Gateway::start(refreshing(&origin, json!(1))).await;
    visit(&gateway, &["/a", "/b"]).await;
    gateway.rewrite(&refreshing(&origin, json!(2)));
    gateway.reload("ok").await;
    gateway.purged(json!({ "everything": true })).await;
    counted(&gateway, "stored", |n| n == 2.0).await;
    gateway.rewrite(&refreshing(&origin, json!("off")));
    gateway.reload("ok").await;
    gateway.purged(json!({ "everything": true })).await;
    assert_ne!(gateway.get("/a").await.x_cache(), "HIT");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_what_is_refreshed() {
    let origin = Origin::start(numbered(numbered_page)).await;
    let mut gateway = Gateway::start(refreshing(&origin, json!(8))).await;
    visit(&gateway, &["/a"]).await;
    origin.answer_with(|_| Reply::Hang);
    gateway.purged(json!({ "everything": true })).await;
    origin.reached(2).await;
    gateway.signal("TERM");
    assert!(gateway.exit().await.success());
}

/// A gateway that shares a Redis, in step with it.
async fn sharing(redis: &Redis, conf: Conf) -> Gateway {
    let tier = json!({ "cache": { "redis": { "url": redis.url(0), "timeout": "2s" } } });
    let gateway = Gateway::start(conf.with(tier)).await;
    gateway.in_step().await;
    gateway
}

#[tokio::test]
async fn a_purge_made_by_another_popgate_refreshes_here_too() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(numbered_page)).await;
    let here = sharing(&redis, refreshing(&origin, json!(8))).await;
    let other = sharing(&redis, Conf::origin(&origin)).await;
    visit(&here, &["/post-1", "/x"]).await;
    other.purged(json!({ "tags": ["post"] })).await;
    counted(&here, "stored", |n| n == 1.0).await;
    assert_eq!(targets(&origin, 2), ["/post-1"]);
    here.get("/post-1").await.expect(200, "HIT");
    // An own purge is counted once, though Redis gives it another place than it had here.
    here.purged(json!({ "tags": ["post"] })).await;
    counted(&here, "stored", |n| n == 2.0).await;
    here.get("/post-1").await.expect(200, "HIT");
    assert_eq!(origin.count(), 4);
}

#[tokio::test]
async fn a_newer_copy_in_redis_spares_the_origin() {
    let Some(redis) = Redis::start().await else { return };
    let (origin, gate) = holding().await;
    let one_place = refreshing(&origin, json!(8)).app(json!({ "connections_max": 1 }));
    let here = sharing(&redis, one_place).await;
    let other = sharing(&redis, Conf::origin(&origin)).await;
    let third = sharing(&redis, Conf::origin(&origin)).await;
    visit(&here, &["/a"]).await;
    // Keeps this one from refreshing until another has fetched the page.
    let mut clients = Vec::new();
    for page in ["/held", "/waiting"] {
        let mut client = Http1::connect(here.address()).await;
        client.request(&Req::get(page)).await;
        clients.push(client);
        eventually("one at the origin", async || origin.active().now() == 1).await;
    }
    here.metric_becomes("popgate_origin_queue", &[], |now| now == 1.0)
        .await;
    other.purged(json!({ "everything": true })).await;
    counted(&here, "paused", |n| n >= 1.0).await;
    other.get("/a").await;
    eventually("it is in Redis", async || {
        let request = Req::get("/a").header("cache-control", "only-if-cached");
        third.fetch(request).await.x_cache() == "HIT"
    })
    .await;
    gate.open();
    counted(&here, "fresh_already", |n| n == 1.0).await;
    assert_eq!(origin.count_of("/a"), 2);
    here.get("/a").await.expect(200, "HIT");
}
