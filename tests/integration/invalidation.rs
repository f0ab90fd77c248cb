//! Purges by API and by method, and invalidation by unsafe requests.

use crate::support::*;

async fn warm(targets: &[&str]) -> (Origin, Gateway) {
    let origin = Origin::start(numbered(|n, _| Answer::fresh(n.to_string()))).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for target in targets {
        gateway.get(target).await.expect(200, "MISS");
        gateway.get(target).await.expect(200, "HIT");
    }
    (origin, gateway)
}

fn url(path: &str) -> String {
    format!("http://{SITE}{path}")
}

#[tokio::test]
async fn a_hard_purge_by_url_drops_that_url_only() {
    let (_origin, gateway) = warm(&["/a", "/b"]).await;
    gateway.purged(json!({ "urls": [url("/a")], "hard": true })).await;
    gateway.get("/a").await.expect(200, "MISS");
    gateway.get("/b").await.expect(200, "HIT");
}

#[tokio::test]
async fn a_soft_purge_makes_an_entry_stale() {
    let (origin, gateway) = warm(&["/a"]).await;
    gateway.purged(json!({ "urls": [url("/a")] })).await;
    let response = gateway.get("/a").await;
    assert_ne!(response.x_cache(), "HIT", "{response:?}");
    origin.reached(2).await;
}

#[tokio::test]
async fn a_soft_purged_entry_is_served_while_it_is_refreshed() {
    let origin = Origin::start(numbered(|n, _| {
        Answer::ok(n.to_string()).header("Cache-Control", "max-age=60, stale-while-revalidate=600")
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    gateway.purged(json!({ "urls": [url("/")] })).await;
    assert_eq!(gateway.get("/").await.expect(200, "STALE").text(), "1");
    eventually("the refreshed entry", async || {
        gateway.get("/").await.text() == "2"
    })
    .await;
}

#[tokio::test]
async fn a_soft_purged_entry_is_served_when_the_origin_is_gone() {
    let origin =
        Origin::fixed(Answer::ok("x").header("Cache-Control", "max-age=60, stale-if-error=600")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    origin.down().await;
    gateway.purged(json!({ "urls": [url("/")] })).await;
    gateway.get("/").await.expect(200, "STALE");
}

#[tokio::test]
async fn a_purge_by_prefix_drops_what_lies_below() {
    let (_origin, gateway) = warm(&["/shop/a", "/shop/b?x=1", "/other"]).await;
    gateway
        .purged(json!({ "prefixes": [format!("{SITE}/shop/")], "hard": true }))
        .await;
    gateway.get("/shop/a").await.expect(200, "MISS");
    gateway.get("/shop/b?x=1").await.expect(200, "MISS");
    gateway.get("/other").await.expect(200, "HIT");
}

#[tokio::test]
async fn a_purge_by_host_drops_that_host_only() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin).site(json!({ "hosts": ["a.example", "b.example"] }));
    let gateway = Gateway::start(conf).await;
    for host in ["a.example", "b.example"] {
        gateway.fetch(Req::get("/").host(host)).await.expect(200, "MISS");
    }
    gateway
        .purged(json!({ "hosts": ["a.example"], "hard": true }))
        .await;
    gateway
        .fetch(Req::get("/").host("a.example"))
        .await
        .expect(200, "MISS");
    gateway
        .fetch(Req::get("/").host("b.example"))
        .await
        .expect(200, "HIT");
}

#[tokio::test]
async fn a_purge_of_everything_drops_everything() {
    let (_origin, gateway) = warm(&["/a", "/b"]).await;
    gateway.purged(json!({ "everything": true, "hard": true })).await;
    gateway.get("/a").await.expect(200, "MISS");
    gateway.get("/b").await.expect(200, "MISS");
}

#[tokio::test]
async fn a_purge_by_url_drops_all_variants() {
    let origin = Origin::fixed(Answer::fresh("x").header("Vary", "Accept-Language")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for language in ["vi", "en"] {
        gateway
            .fetch(Req::get("/").header("Accept-Language", language))
            .await
            .expect(200, "MISS");
    }
    gateway.purged(json!({ "urls": [url("/")], "hard": true })).await;
    for language in ["vi", "en"] {
        gateway
            .fetch(Req::get("/").header("Accept-Language", language))
            .await
            .expect(200, "MISS");
    }
}

#[tokio::test]
async fn purges_are_counted_by_kind() {
    let (_origin, gateway) = warm(&["/a"]).await;
    gateway
        .purged(json!({ "urls": [url("/a")], "hosts": [SITE] }))
        .await;
    gateway.purged(json!({ "everything": true })).await;
    let metrics = gateway.metrics().await;
    for kind in ["url", "host", "everything"] {
        assert_eq!(
            metrics.sum("popgate_purges_total", &[("kind", kind)]),
            1.0,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_purge_that_names_nothing_or_nonsense_is_refused() {
    let (_origin, gateway) = warm(&["/a"]).await;
    for wrong in [
        json!({}),
        json!({ "urls": "not a list" }),
        json!({ "nonsense": ["x"] }),
        json!([1]),
    ] {
        let response = gateway.purge(wrong.clone()).await;
        assert_eq!(response.status, 400, "{wrong}: {response:?}");
        assert!(!response.body.is_empty(), "says why");
    }
    gateway.get("/a").await.expect(200, "HIT");
}

#[tokio::test]
async fn an_answer_fetched_before_a_purge_is_not_served_after_it() {
    let gate = Gate::new();
    let slow = gate.clone();
    let origin = Origin::start(numbered(move |n, _| match n {
        1 => Answer::fresh("old").after(&slow),
        _ => Answer::fresh("new"),
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.request(&Req::get("/")).await;
    origin.reached(1).await;
    gateway.purged(json!({ "urls": [url("/")], "hard": true })).await;
    gate.open();
    client.read("GET").await;
    assert_eq!(gateway.get("/").await.text(), "new");
}

#[tokio::test]
async fn the_purge_method_drops_the_url_from_allowed_addresses() {
    let (_origin, gateway) = warm(&["/a", "/b"]).await;
    let response = gateway.fetch(Req::new("PURGE", "/a")).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_ne!(gateway.get("/a").await.x_cache(), "HIT");
    gateway.get("/b").await.expect(200, "HIT");
}

#[tokio::test]
async fn the_purge_method_is_refused_from_other_addresses() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "purge_from": ["10.9.8.7/32"] }))).await;
    gateway.get("/").await;
    let refused = gateway.fetch(Req::new("PURGE", "/")).await;
    assert!(refused.status == 403, "{refused:?}");
    assert!(!refused.body.is_empty(), "says why");
    gateway.get("/").await.expect(200, "HIT");
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn the_purge_method_is_refused_from_visitors_behind_an_allowed_proxy() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin).with(json!({ "trusted_proxies": ["127.0.0.0/8"] }));
    let gateway = Gateway::start(conf).await;
    gateway.get("/").await;
    for (visitor, status) in [("203.0.113.9", 403), ("127.0.0.1", 200)] {
        let purge = Req::new("PURGE", "/").header("X-Forwarded-For", visitor);
        assert_eq!(gateway.fetch(purge).await.status, status, "{visitor}");
    }
}

#[tokio::test]
async fn a_purge_of_urls_that_no_site_serves_is_refused() {
    let (_origin, gateway) = warm(&[]).await;
    let response = gateway
        .purge(json!({ "urls": ["https://typo.example/a", "nonsense"] }))
        .await;
    assert_eq!(response.status, 400, "{response:?}");
    assert!(response.text().contains("typo.example"), "{response:?}");
    // Lists of plugins name hosts that are served elsewhere.
    gateway
        .purged(json!({ "urls": ["https://cdn.example/a", url("/a")] }))
        .await;
}

#[tokio::test]
async fn a_successful_unsafe_request_invalidates_its_url() {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let (_origin, gateway) = warm(&["/a", "/b"]).await;
        gateway.fetch(Req::new(method, "/a").body("x")).await;
        assert_ne!(gateway.get("/a").await.x_cache(), "HIT", "{method}");
        gateway.get("/b").await.expect(200, "HIT");
    }
}

#[tokio::test]
async fn rfc9111_4_4_after_a_write_no_stale_window_is_left() {
    let origin = Origin::start(numbered(|n, _| {
        Answer::ok(n.to_string()).header("Cache-Control", "max-age=60, stale-while-revalidate=600")
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.fetch(Req::new("POST", "/").body("x")).await;
    let next = gateway.get("/").await;
    assert_eq!(next.text(), "3", "{next:?}");
}

#[tokio::test]
async fn a_purge_by_url_drops_the_copies_of_every_port() {
    let (_origin, gateway) = warm(&[]).await;
    let ported = || gateway.fetch(Req::get("/").host("site.example:8443"));
    ported().await.expect(200, "MISS");
    ported().await.expect(200, "HIT");
    gateway.purged(json!({ "urls": [url("/")], "hard": true })).await;
    ported().await.expect(200, "MISS");
}

#[tokio::test]
async fn a_failed_unsafe_request_invalidates_nothing() {
    let origin = Origin::start(|seen| match seen.method.as_str() {
        "POST" => Answer::new(500, "no").into(),
        _ => Answer::fresh("x").into(),
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    assert_eq!(gateway.fetch(Req::new("POST", "/").body("x")).await.status, 500);
    gateway.get("/").await.expect(200, "HIT");
}

#[tokio::test]
async fn the_command_line_purges() {
    let (_origin, gateway) = warm(&["/a"]).await;
    let output = gateway::popgate(&[
        "purge",
        "-c",
        gateway.file().to_str().unwrap(),
        "--url",
        &url("/a"),
    ]);
    assert!(output.status.success(), "{output:?}");
    assert_ne!(gateway.get("/a").await.x_cache(), "HIT");
}
