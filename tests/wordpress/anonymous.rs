//! Visitors whom WordPress does not know.

use crate::support::{Certs, Http1, Req, json};
use crate::visitor::Visitor;
use crate::world::{HOST, SECURE_HOST, Site};

#[tokio::test]
async fn a_page_is_a_miss_and_then_the_same_bytes_as_a_hit() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    for target in ["/", "/post-7/", "/category/news/", "/page/2/", "/about/"] {
        let miss = visitor.get(target).await.expect(200, "MISS");
        let hit = visitor.get(target).await.expect(200, "HIT");
        assert_eq!(miss.body, hit.body, "{target}");
        assert!(hit.text().contains("</html>"), "{target}");
        assert!(hit.age().is_some(), "{hit:?}");
        assert!(hit.cache_status().starts_with("popgate; hit; ttl="), "{hit:?}");
        assert_eq!(hit.header("x-powered-by"), None, "{hit:?}");
    }
}

#[tokio::test]
async fn links_with_and_without_tracking_share_one_copy_that_names_no_campaign() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let miss = visitor
        .get("/?utm_source=CAMPAIGN&fbclid=CAMPAIGN")
        .await
        .expect(200, "MISS");
    assert!(!miss.text().contains("CAMPAIGN"));
    visitor.get("/").await.expect(200, "HIT");
    visitor.get("/?gclid=other&utm_medium=x").await.expect(200, "HIT");
}

#[tokio::test]
async fn cookies_that_say_nothing_share_the_page_of_everybody() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    visitor.get("/").await.expect(200, "MISS");
    let request = Req::get("/").header("cookie", "_ga=GA1.2.3; wordpress_test_cookie=WP%20Cookie%20check");
    visitor.fetch(request).await.expect(200, "HIT");
}

#[tokio::test]
async fn not_found_and_redirects_hold_off_a_storm() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    visitor.get("/there-is-no-such-page/").await.expect(404, "MISS");
    visitor.get("/there-is-no-such-page/").await.expect(404, "HIT");
    visitor.get("/post-7").await.expect(301, "MISS");
    let hit = visitor.get("/post-7").await.expect(301, "HIT");
    assert_eq!(hit.header("location").unwrap(), format!("http://{HOST}/post-7/"));
}

#[tokio::test]
async fn a_feed_answers_its_own_etag_with_304_from_the_cache() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let feed = visitor.get("/feed/").await.expect(200, "MISS");
    let etag = feed.header("etag").unwrap();
    let modified = feed.header("last-modified").unwrap();
    let again = visitor
        .fetch(Req::get("/feed/").header("if-none-match", &etag))
        .await;
    again.expect(304, "HIT");
    let since = visitor
        .fetch(Req::get("/feed/").header("if-modified-since", &modified))
        .await;
    since.expect(304, "HIT");
    visitor.get("/feed/").await.expect(200, "HIT");
}

#[tokio::test]
async fn a_site_behind_https_redirects_to_it_and_does_not_loop() {
    let certs = Certs::new();
    let (certificate, key) = certs.issue(SECURE_HOST);
    let tls = json!({ "certificates": [{ "certificate": certificate, "key": key }] });
    let listen = json!([{ "address": "127.0.0.1:@PORT0@" }, { "address": "127.0.0.1:@PORT1@", "tls": tls }]);
    let Some(site) = Site::start_with(json!({ "listen": listen })).await else {
        return;
    };
    let secure = |target: &str| Req::get(target).host(SECURE_HOST);
    let answer = site.gateway.fetch(secure("/wp-login.php")).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("https://{SECURE_HOST}/wp-login.php"));
    // Whoever is not a trusted proxy cannot say that it came by https.
    let spoofed = secure("/wp-login.php").header("x-forwarded-proto", "https");
    assert_eq!(site.gateway.fetch(spoofed).await.status, 302);

    let port = site.gateway.listener(1).port();
    let stream = certs.connect(port, SECURE_HOST, &["http/1.1"]).await.unwrap();
    let mut client = Http1::over(stream);
    assert_eq!(client.fetch(&secure("/wp-login.php")).await.status, 200);
    // The scheme is part of the key: a page with https links is not the page with http links.
    client.fetch(&secure("/")).await.expect(200, "MISS");
    client.fetch(&secure("/")).await.expect(200, "HIT");
}

#[tokio::test]
async fn personal_paths_and_queries_are_never_answered_from_the_cache() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    for (target, detail) in [
        ("/wp-login.php", "path"),
        ("/wp-admin/", "path"),
        ("/wp-cron.php", "path"),
        ("/cart/", "path"),
        ("/checkout/", "path"),
        ("/my-account/", "path"),
        ("/?preview=true", "query"),
        ("/?add-to-cart=7", "query"),
        ("/post-7/?replytocom=1", "query"),
        ("/wp-json/wp/v2/users", "rest"),
        ("/post-7;x.css", "ambiguous-path"),
    ] {
        for _ in 0..2 {
            let answer = Visitor::new(&site.gateway).get(target).await;
            assert_eq!(answer.x_cache(), "BYPASS", "{target} {answer:?}");
            let status = answer.cache_status();
            assert!(
                status.contains("fwd=bypass") && status.contains(detail),
                "{target} {status}"
            );
        }
    }
    visitor.get("/wp-admin/").await.expect(302, "BYPASS");
}

#[tokio::test]
async fn head_is_answered_from_the_stored_page() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    visitor.get("/post-8/").await.expect(200, "MISS");
    let head = visitor
        .fetch(Req::new("HEAD", "/post-8/"))
        .await
        .expect(200, "HIT");
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_head_on_a_cold_object_keeps_nobody_waiting() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    // Large enough to come in many pieces.
    let target = "/wp-includes/js/dist/components.min.js";
    let head = visitor.fetch(Req::new("HEAD", target)).await;
    assert_eq!(head.status, 200, "{head:?}");
    assert!(head.body.is_empty());
    // Whether HEAD fills the cache or not: the object is there and can be stored.
    let script = visitor.get(target).await;
    assert!(script.complete && script.body.len() > 100_000, "{script:?}");
    visitor.get(target).await.expect(200, "HIT");
}

#[tokio::test]
async fn a_conditional_request_for_a_cold_feed_keeps_nobody_waiting() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let feed = visitor.get("/feed/").await.expect(200, "MISS");
    let etag = feed.header("etag").unwrap();
    site.gateway
        .purged(json!({ "everything": true, "hard": true }))
        .await;
    let again = visitor
        .fetch(Req::get("/feed/").header("if-none-match", &etag))
        .await;
    assert!(matches!(again.status, 200 | 304), "{again:?}");
    visitor.get("/feed/").await;
    visitor.get("/feed/").await.expect(200, "HIT");
}
