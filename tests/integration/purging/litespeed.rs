//! The LiteSpeed protocol: an origin that tags its pages and purges them in its answers.

use super::*;

/// WordPress with LiteSpeed Cache 7.9, as captured: it speaks so only when it is asked to.
fn plugin(seen: &Seen, n: usize) -> Answer {
    if seen.header("x-lscache").as_deref() != Some("on") {
        return Answer::ok(format!("{n}"));
    }
    let page = |tags: &str| {
        Answer::ok(format!("<html><body>{n} {}</body></html>", "x".repeat(300)))
            .header("Content-Type", "text/html; charset=UTF-8")
            .header("X-LiteSpeed-Cache-Control", "public,max-age=604800")
            .header("X-LiteSpeed-Tag", tags)
    };
    match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", "/") => page("cc4_home,cc4_URL.6666cd76f96956469e7be39d750cc7d9,cc4_F,cc4_"),
        ("GET", "/post-7/") => page("cc4_post,cc4_URL.0123,cc4_Po.15,cc4_"),
        ("GET", "/category/x/") => page("cc4_category,cc4_T.4,cc4_"),
        ("GET", "/esi/") => page("cc4_").header("Cache-Control", "no-cache, must-revalidate, max-age=0"),
        ("GET", "/private/") => Answer::ok(format!("{n}"))
            .header("Cache-Control", "max-age=600")
            .header("X-LiteSpeed-Cache-Control", "private,max-age=1800"),
        ("GET", "/secret-post/") => page("cc4_Po.16,cc4_").header("X-LiteSpeed-Vary", "cookie=currency"),
        ("POST", "/wp-comments-post.php") => Answer::new(302, "")
            .header("Location", "/post-7/#comment-500")
            .header(
                "X-LiteSpeed-Purge",
                "public,cc4_Po.15,cc4_URL.0123,cc4_W.recent-posts-1,cc4_FD,cc4_REST",
            ),
        ("POST", "/wp-admin/purge-all") => Answer::ok("done").header("X-LiteSpeed-Purge", "*"),
        ("POST", "/wp-login.php") => Answer::ok("in").header("X-LiteSpeed-Purge", "private,*"),
        ("POST", "/stale") => Answer::ok("x").header("X-LiteSpeed-Purge", "public,stale,tag=cc4_F"),
        _ => Answer::ok(format!("{n}")),
    }
}

async fn wordpress() -> Stored {
    let origin = Origin::start(numbered(|n, seen| plugin(seen, n))).await;
    // What the plugin says is looked at here, not what the write shows.
    let site = json!({
        "preset": "wordpress",
        "wordpress": { "write_snooping": "off" },
        "cache": { "refresh_after_purge": "off" },
    });
    let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
    Stored { origin, gateway }
}

impl Stored {
    async fn warm(&self, pages: &[&str]) {
        for page in pages {
            self.gateway.get(page).await.expect(200, "MISS");
            self.gateway.get(page).await.expect(200, "HIT");
        }
    }

    async fn post(&self, target: &str) -> Response {
        self.gateway.fetch(Req::new("POST", target).body("x")).await
    }
}

const PAGES: [&str; 3] = ["/", "/post-7/", "/category/x/"];

#[tokio::test]
async fn a_comment_purges_the_tags_that_the_plugin_names() {
    let site = wordpress().await;
    site.warm(&PAGES).await;
    let answer = site.post("/wp-comments-post.php").await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("x-litespeed-purge"), None, "not for the client");
    site.purged("/post-7/").await;
    site.kept("/").await;
    site.kept("/category/x/").await;
    assert_eq!(site.counted("litespeed", "ok").await, 1.0);
}

#[tokio::test]
async fn a_star_purges_the_site_and_private_purges_nothing() {
    let site = wordpress().await;
    site.warm(&PAGES).await;
    site.post("/wp-login.php").await;
    for page in PAGES {
        site.kept(page).await;
    }
    site.post("/wp-admin/purge-all").await;
    for page in PAGES {
        site.purged(page).await;
    }
}

#[tokio::test]
async fn stale_keeps_the_page_for_the_time_of_its_refresh() {
    let site = wordpress().await;
    site.warm(&["/"]).await;
    site.post("/stale").await;
    site.gateway.get("/").await.expect(200, "STALE");
}

#[tokio::test]
async fn its_cache_control_goes_before_others_and_stays_inside() {
    let site = wordpress().await;
    site.gateway.get("/esi/").await.expect(200, "MISS");
    let hit = site.gateway.get("/esi/").await.expect(200, "HIT");
    assert!(hit.cache_status().contains("ttl=604"), "{hit:?}");
    for field in ["x-litespeed-cache-control", "x-litespeed-tag"] {
        assert_eq!(hit.header(field), None);
    }
    for _ in 0..2 {
        assert_ne!(site.gateway.get("/private/").await.x_cache(), "HIT");
    }
}

#[tokio::test]
async fn a_visitor_with_a_cookie_that_chooses_the_page_passes() {
    let site = wordpress().await;
    site.warm(&["/secret-post/"]).await;
    let chosen = site
        .gateway
        .fetch(Req::get("/secret-post/").header("Cookie", "currency=EUR"))
        .await
        .expect(200, "BYPASS");
    assert_ne!(chosen.text(), site.gateway.get("/secret-post/").await.text());
    assert_eq!(
        site.origin.last().header("cookie").as_deref(),
        Some("currency=EUR")
    );
    site.kept("/secret-post/").await;
}

#[tokio::test]
async fn the_answer_to_a_chosen_request_is_not_for_others() {
    let origin = Origin::start(numbered(|n, seen| plugin(seen, n))).await;
    let site = json!({ "purge": { "protocols": ["litespeed"] } });
    let site = Stored {
        gateway: Gateway::start(Conf::origin(&origin).site(site)).await,
        origin,
    };
    let chosen = Req::get("/secret-post/").header("Cookie", "currency=EUR");
    let chosen = site.gateway.fetch(chosen).await;
    let plain = site.gateway.get("/secret-post/").await.expect(200, "MISS");
    assert_ne!(chosen.text(), plain.text());
    site.kept("/secret-post/").await;
}

#[tokio::test]
async fn the_origin_is_told_what_is_understood_and_clients_cannot_tell_it_else() {
    let site = wordpress().await;
    let forged = Req::get("/")
        .header("X-LSCACHE", "on,esi")
        .header("X-LSCache-Vary-Value", "x")
        .header("Surrogate-Capability", "evil=\"ESI/1.0\"");
    site.gateway.fetch(forged).await;
    let seen = site.origin.last();
    assert_eq!(seen.all("x-lscache"), ["on"]);
    assert_eq!(seen.header("x-lscache-vary-value"), None);
    assert_eq!(
        seen.header("surrogate-capability").as_deref(),
        Some("vhp=\"Surrogate/1.0 tags/1\"")
    );
}

#[tokio::test]
async fn a_site_that_does_not_speak_it_neither_asks_nor_obeys() {
    let origin = Origin::start(numbered(|n, _| {
        Answer::fresh(format!("{n}")).header("X-LiteSpeed-Purge", "*")
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    gateway.fetch(Req::new("POST", "/other").body("x")).await;
    gateway.get("/").await.expect(200, "HIT");
    assert_eq!(origin.last().header("x-lscache"), None);
}
