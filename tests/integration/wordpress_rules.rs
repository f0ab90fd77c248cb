//! Rules of the WordPress preset whose effect shows between gateway and origin only.

use crate::support::origin::Seen;
use crate::support::*;

fn page(inside: &str) -> Answer {
    let body = format!("<html><body>{inside} {}</body></html>", "x".repeat(300));
    Answer::ok(body).header("Content-Type", "text/html; charset=UTF-8")
}

async fn behind(origin: &Origin, rules: serde_json::Value) -> Gateway {
    let site = json!({
        "preset": "wordpress",
        "wordpress": rules,
        "cache": { "refresh_after_purge": "off" },
    });
    Gateway::start(Conf::origin(origin).site(site)).await
}

fn echo(seen: &Seen) -> Reply {
    page(&seen.target).into()
}

on_both_wires!(a_made_up_url_is_stored_when_it_comes_again);

async fn a_made_up_url_is_stored_when_it_comes_again(wire: Wire) {
    let origin = Origin::start(echo).await;
    let gateway = behind(&origin, json!({})).await;
    for target in ["/?made-up=1", "/?s=words"] {
        let first = wire.get(&gateway, target).await.expect(200, "DYNAMIC");
        assert!(first.cache_status().contains("detail=first-sight"), "{first:?}");
        wire.get(&gateway, target).await.expect(200, "MISS");
        wire.get(&gateway, target).await.expect(200, "HIT");
    }
    assert_eq!(gateway.metric("popgate_made_up_urls", &[]).await, 2.0);
    let refused = [("result", "first-sight")];
    assert_eq!(gateway.metric("popgate_cache_stores_total", &refused).await, 2.0);
}

#[tokio::test]
async fn many_who_ask_for_a_made_up_url_at_once_cost_two_fetches() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::start(move |seen| page(&seen.target).after(&held).into()).await;
    let gateway = behind(&origin, json!({})).await;
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let address = gateway.address();
            tokio::spawn(async move { Http1::connect(address).await.get("/?letter=7").await })
        })
        .collect();
    origin.reached(2).await;
    gate.open();
    for asked in asking {
        assert_eq!(asked.await.unwrap().status, 200);
    }
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn a_path_has_so_many_made_up_urls_and_the_next_is_fetched_each_time() {
    let origin = Origin::start(echo).await;
    let rules = json!({ "unknown_parameters": "store", "variants_max": 2 });
    let gateway = behind(&origin, rules).await;
    for n in [1, 2] {
        gateway.get(&format!("/?n={n}")).await.expect(200, "MISS");
    }
    for _ in 0..3 {
        let third = gateway.get("/?n=3").await.expect(200, "DYNAMIC");
        assert!(third.cache_status().contains("detail=many-variants"), "{third:?}");
    }
    gateway.get("/?n=1").await.expect(200, "HIT");
    gateway.get("/other/?n=3").await.expect(200, "MISS");
    gateway.get("/?cat=3").await.expect(200, "MISS");
}

#[tokio::test]
async fn unknown_parameters_are_dropped_or_passed_where_the_site_says_so() {
    let origin = Origin::start(echo).await;
    let dropping = behind(&origin, json!({ "unknown_parameters": "drop" })).await;
    let answer = dropping.get("/?made-up=REFLECTED&p=7").await.expect(200, "MISS");
    assert!(!answer.text().contains("REFLECTED"), "{answer:?}");
    dropping.get("/?p=7&another=1").await.expect(200, "HIT");
    let passing = behind(&origin, json!({ "unknown_parameters": "bypass" })).await;
    let answer = passing.get("/?made-up=1").await.expect(200, "BYPASS");
    assert!(answer.cache_status().contains("unknown-parameter"), "{answer:?}");
}

/// A feed as WordPress makes it, whose tag a server in between weakened because it compresses.
fn feed(seen: &Seen) -> Reply {
    let asked = seen.header("if-none-match");
    // WordPress compares byte by byte.
    if asked.as_deref() == Some("\"abc\"") {
        return Answer::new(304, "").header("ETag", "\"abc\"").into();
    }
    Answer::ok("<rss/>")
        .header("Content-Type", "application/rss+xml")
        .header("Cache-Control", "max-age=0, must-revalidate")
        .header("ETag", "W/\"abc\"")
        .into()
}

#[tokio::test]
async fn a_feed_is_asked_about_by_the_tag_that_wordpress_gave_it() {
    let origin = Origin::start(feed).await;
    let gateway = behind(&origin, json!({})).await;
    gateway.get("/feed/").await.expect(200, "MISS");
    for _ in 0..2 {
        let again = gateway.get("/feed/").await.expect(200, "REVALIDATED");
        assert_eq!(again.text(), "<rss/>");
        assert_eq!(again.header("etag").as_deref(), Some("W/\"abc\""));
    }
    assert_eq!(origin.last().header("if-none-match").as_deref(), Some("\"abc\""));
    // A reader's own question passes the same way.
    let reader = Req::get("/feed/?_wpnonce=1").header("if-none-match", "W/\"abc\"");
    assert_eq!(gateway.fetch(reader).await.status, 304);
}

#[tokio::test]
async fn a_part_of_a_page_is_the_whole_page() {
    let origin = Origin::start(echo).await;
    let gateway = behind(&origin, json!({})).await;
    let part = || Req::get("/post/").header("range", "bytes=0-9");
    let cold = gateway.fetch(part()).await.expect(200, "MISS");
    let warm = gateway.fetch(part()).await.expect(200, "HIT");
    assert_eq!(cold.body, warm.body);
    assert_eq!(origin.last().header("range"), None);
}

#[tokio::test]
async fn the_editors_deletes_that_come_as_posts_reach_wordpress_as_deletes() {
    let origin = Origin::start(echo).await;
    let gateway = behind(&origin, json!({})).await;
    let heard = async |method: &str, says: &str| {
        let request = Req::new(method, "/wp-json/wp/v2/posts/7").header("x-http-method-override", says);
        gateway.fetch(request).await;
        origin.last().header("x-http-method-override")
    };
    assert_eq!(heard("POST", "DELETE").await.as_deref(), Some("DELETE"));
    assert_eq!(heard("POST", "put").await.as_deref(), Some("PUT"));
    for (method, says) in [
        ("POST", "HEAD"),
        ("POST", "GET"),
        ("GET", "DELETE"),
        ("HEAD", "DELETE"),
    ] {
        assert_eq!(heard(method, says).await, None, "{method} {says}");
    }
    // Elsewhere it could mean anything.
    let standard = Gateway::start(Conf::origin(&origin)).await;
    let request = Req::new("POST", "/x").header("x-http-method-override", "DELETE");
    standard.fetch(request).await;
    assert_eq!(origin.last().header("x-http-method-override"), None);
}

#[tokio::test]
async fn a_page_with_a_nonce_is_never_renewed_by_a_304() {
    let origin = Origin::start(|seen| {
        page("<input name=\"_wpnonce\">")
            .header("ETag", "\"same\"")
            .header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
            .header("Cache-Control", "max-age=0, must-revalidate, s-maxage=0")
            .or_304(seen)
            .into()
    })
    .await;
    let gateway = behind(&origin, json!({ "nonce_life": "2s" })).await;
    for _ in 0..3 {
        let answer = gateway.get("/").await;
        assert_eq!(answer.status, 200);
        assert_ne!(answer.x_cache(), "REVALIDATED", "{answer:?}");
    }
    let asked = origin.seen();
    assert!(
        asked.iter().all(|seen| seen.header("if-none-match").is_none()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn pages_with_a_nonce_are_counted_and_live_no_longer_than_it() {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/form/" => page("<input name=\"_wpnonce\" value=\"0123456789\">").into(),
        // It waited in another cache for 30 hours: its nonce is dead.
        "/old/" => page("data-nonce=\"0123456789\"").header("Age", "108000").into(),
        _ => page("").into(),
    })
    .await;
    let conf = Conf::origin(&origin).site(json!({ "preset": "wordpress", "cache": { "ttl": "30d" } }));
    let gateway = Gateway::start(conf).await;
    gateway.get("/plain/").await.expect(200, "MISS");
    let plain = gateway.get("/plain/").await.expect(200, "HIT");
    assert!(ttl_of(&plain) > 29 * 86_400, "{plain:?}");
    gateway.get("/form/").await.expect(200, "MISS");
    let form = gateway.get("/form/").await.expect(200, "HIT");
    let ttl = ttl_of(&form);
    assert!((39_000..=82_800).contains(&ttl), "{form:?}");
    gateway.get("/old/").await.expect(200, "MISS");
    assert_ne!(gateway.get("/old/").await.x_cache(), "HIT");
    let counted = gateway
        .metric("popgate_nonce_pages_total", &[("site", SITE)])
        .await;
    assert!(counted >= 2.0, "{counted}");
}

fn ttl_of(answer: &Response) -> i64 {
    let status = answer.cache_status();
    let ttl = status
        .split("ttl=")
        .nth(1)
        .unwrap_or_else(|| panic!("{answer:?}"));
    ttl.split(';').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_login_page_that_redirects_to_itself_is_told_once() {
    let origin = Origin::start(|seen| {
        let location = format!("http://{SITE}{}", seen.target);
        Answer::new(302, "").header("Location", &location).into()
    })
    .await;
    let gateway = behind(&origin, json!({})).await;
    for _ in 0..3 {
        gateway.get("/wp-login.php").await.expect(302, "BYPASS");
    }
    gateway.get("/elsewhere/").await;
    eventually("the warning", async || {
        gateway.output().contains("HTTP_X_FORWARDED_PROTO")
    })
    .await;
    assert_eq!(gateway.output().matches("redirects to itself").count(), 1);
}

#[tokio::test]
async fn actions_of_admin_ajax_that_the_site_lists_are_shared() {
    let origin = Origin::start(|seen| {
        Answer::ok(format!("<li>{}</li>", seen.target))
            .header("Content-Type", "text/html; charset=UTF-8")
            .header("Expires", "Wed, 11 Jan 1984 05:00:00 GMT")
            .header("Cache-Control", "no-cache, must-revalidate, max-age=0")
            .into()
    })
    .await;
    let gateway = behind(&origin, json!({ "ajax_actions": ["load_more"] })).await;
    let listed = "/wp-admin/admin-ajax.php?action=load_more&page=2";
    gateway.get(listed).await.expect(200, "MISS");
    gateway.get(listed).await.expect(200, "HIT");
    let other = "/wp-admin/admin-ajax.php?action=heartbeat";
    for _ in 0..2 {
        gateway.get(other).await.expect(200, "BYPASS");
    }
    let person = Req::get(listed).header("cookie", "wordpress_logged_in_0=x");
    gateway.fetch(person).await.expect(200, "BYPASS");
}

/// A page in the language of a cookie, and of nothing else.
fn in_language(seen: &Seen) -> Reply {
    page(&format!("cookies: {}", seen.header("cookie").unwrap_or_default())).into()
}

#[tokio::test]
async fn a_cookie_that_chooses_has_pages_of_its_own() {
    let origin = Origin::start(in_language).await;
    let gateway = behind(&origin, json!({ "vary_cookies": ["pll_language=de|en"] })).await;
    let ask = async |cookie: &str| gateway.fetch(Req::get("/").header("cookie", cookie)).await;
    for language in ["de", "en"] {
        let cookie = format!("pll_language={language}");
        let miss = ask(&format!("_ga=1; {cookie}")).await.expect(200, "MISS");
        assert!(miss.text().contains(&format!("cookies: {cookie} ")), "{miss:?}");
        let hit = ask(&format!("{cookie}; other=x")).await.expect(200, "HIT");
        assert_eq!(miss.body, hit.body);
    }
    let plain = gateway.get("/").await.expect(200, "MISS");
    assert!(plain.text().contains("cookies:  "), "{plain:?}");
    ask("pll_language=fr").await.expect(200, "BYPASS");
    ask("PLL_LANGUAGE=de").await.expect(200, "BYPASS");
    // A purge of the URL is one of all its pages.
    let url = format!("http://{SITE}/");
    gateway.purged(json!({ "urls": [url], "hard": true })).await;
    ask("pll_language=de").await.expect(200, "MISS");
    ask("pll_language=en").await.expect(200, "MISS");
}

#[tokio::test]
async fn groups_of_visitors_of_the_litespeed_plugin_share_their_pages_where_the_site_names_them() {
    let origin = Origin::start(|seen| {
        page(&format!("cookies: {}", seen.header("cookie").unwrap_or_default()))
            .header("X-LiteSpeed-Cache-Control", "public,max-age=604800")
            .header("X-LiteSpeed-Vary", "cookie=_lscache_vary")
            .into()
    })
    .await;
    let guests = || Req::get("/").header("cookie", "_lscache_vary=0123abcd");
    let unnamed = behind(&origin, json!({})).await;
    for _ in 0..2 {
        unnamed.fetch(guests()).await.expect(200, "BYPASS");
    }
    let named = behind(&origin, json!({ "vary_cookies": ["_lscache_vary=0123abcd"] })).await;
    named.fetch(guests()).await.expect(200, "MISS");
    let hit = named.fetch(guests()).await.expect(200, "HIT");
    assert!(hit.text().contains("_lscache_vary=0123abcd"), "{hit:?}");
    let others = Req::get("/").header("cookie", "_lscache_vary=another");
    named.fetch(others).await.expect(200, "BYPASS");
    let nobody = named.get("/").await.expect(200, "MISS");
    assert!(!nobody.text().contains("_lscache_vary"), "{nobody:?}");
}

#[tokio::test]
async fn telephones_have_pages_of_their_own() {
    let origin = Origin::start(|seen| page(&seen.header("user-agent").unwrap_or_default()).into()).await;
    let gateway = behind(&origin, json!({ "mobile": true })).await;
    let ask = async |agent: &str| gateway.fetch(Req::get("/").header("user-agent", agent)).await;
    ask("Android Mobile").await.expect(200, "MISS");
    ask("X11").await.expect(200, "MISS");
    let phone = ask("BlackBerry").await.expect(200, "HIT");
    assert!(phone.text().contains("Android"), "{phone:?}");
}

#[tokio::test]
async fn administration_may_take_its_time_and_pages_may_not() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/wp-admin/update-core.php" | "/wp-json/wp/v2/media" => page("done").after(&held).into(),
        _ => Reply::Hang,
    })
    .await;
    let conf = Conf::origin(&origin)
        .site(json!({ "preset": "wordpress" }))
        .app(json!({ "timeouts": { "first_byte": "200ms" }, "retries": 0 }));
    let gateway = Gateway::start(conf).await;
    let patient: Vec<_> = [
        Req::get("/wp-admin/update-core.php"),
        Req::new("POST", "/wp-json/wp/v2/media").body("x"),
    ]
    .into_iter()
    .map(|request| {
        let address = gateway.address();
        tokio::spawn(async move { Http1::connect(address).await.fetch(&request).await })
    })
    .collect();
    origin.reached(2).await;
    // The whole of a page's time passes while they wait.
    assert_eq!(gateway.get("/post/").await.status, 504);
    gate.open();
    for answer in patient {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn browsers_share_the_formats_of_images_and_are_told_how_long_to_keep_them() {
    let origin = Origin::start(|seen| {
        Answer::ok(seen.header("accept").unwrap_or_default())
            .header("Content-Type", "image/webp")
            .header("Vary", "Accept")
            .into()
    })
    .await;
    let gateway = behind(&origin, json!({})).await;
    let ask = async |accept: &str| {
        gateway
            .fetch(Req::get("/wp-content/uploads/a.jpg").header("accept", accept))
            .await
    };
    ask("image/avif,image/webp,image/apng,*/*;q=0.8")
        .await
        .expect(200, "MISS");
    let same = ask("image/webp,image/avif,image/*").await.expect(200, "HIT");
    assert_eq!(same.text(), "image/avif,image/webp,*/*");
    assert_eq!(same.all("cache-control"), ["public, max-age=86400"]);
    ask("image/png,*/*").await.expect(200, "MISS");
    origin.answer_with(|seen| page(&seen.target).into());
    for outcome in ["MISS", "HIT"] {
        let page = gateway.get("/post/").await.expect(200, outcome);
        assert_eq!(page.all("cache-control"), ["max-age=0, must-revalidate"]);
    }
    let person = Req::get("/post/").header("cookie", "wordpress_logged_in_0=x");
    assert_eq!(gateway.fetch(person).await.header("cache-control"), None);
}
