//! A shared page that shows what only one person should see is found and taken out; one that merely differs is
//! not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::origin::Seen;
use crate::support::*;

fn page(inside: &str) -> Answer {
    let body = format!(
        "<html><body><h1>Shop</h1>{inside} {}</body></html>",
        "x".repeat(300)
    );
    Answer::fresh(body).header("Content-Type", "text/html; charset=UTF-8")
}

/// An origin whose pages are made from how often it was asked for that target, from 1.
async fn nth(make: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Origin {
    let asked: Arc<std::sync::Mutex<std::collections::HashMap<String, usize>>> = Arc::default();
    Origin::start(move |seen| {
        let mut asked = asked.lock().unwrap();
        let n = asked.entry(seen.target.clone()).or_default();
        *n += 1;
        make(*n, seen).into()
    })
    .await
}

async fn behind(origin: &Origin, cache: serde_json::Value) -> Gateway {
    let conf = Conf::origin(origin).site(json!({ "preset": "wordpress", "cache": cache }));
    Gateway::start(conf).await
}

/// Every hit is looked at.
async fn watched(origin: &Origin) -> Gateway {
    behind(origin, json!({ "leak_check": 1 })).await
}

async fn checked(gateway: &Gateway, result: &str, times: f64) {
    gateway
        .metric_becomes(
            "popgate_leak_checks_total",
            &[("site", SITE), ("result", result)],
            |n| n == times,
        )
        .await;
}

on_both_wires!(a_page_that_greets_somebody_is_taken_out_and_passes);

async fn a_page_that_greets_somebody_is_taken_out_and_passes(wire: Wire) {
    // The first to ask was taken for Alice, whatever the rules thought.
    let origin = nth(|n, _| match n {
        1 => page("<p>Hello, Alice</p>"),
        _ => page("<p>Hello, Guest</p>"),
    })
    .await;
    let gateway = watched(&origin).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    let leaked = wire.get(&gateway, "/").await.expect(200, "HIT");
    assert!(leaked.text().contains("Alice"));
    checked(&gateway, "leak", 1.0).await;
    for _ in 0..3 {
        let next = wire.get(&gateway, "/").await.expect(200, "BYPASS");
        assert!(next.cache_status().contains("leak-suspected"), "{next:?}");
        assert!(!next.text().contains("Alice"), "{next:?}");
    }
    assert_eq!(gateway.metric("popgate_leaks_passing", &[]).await, 1.0);
    let said = gateway.output();
    assert!(
        said.contains("only one person") && said.contains("greeting"),
        "{said}"
    );
    assert!(!said.contains("Alice"), "{said}");
    // Others go on as they were.
    wire.get(&gateway, "/other/").await.expect(200, "MISS");
    wire.get(&gateway, "/other/").await.expect(200, "HIT");
}

#[tokio::test]
async fn other_variants_and_schemes_of_a_leaked_page_are_out_too() {
    let origin = nth(|n, seen| {
        let language = seen.header("accept-language").unwrap_or_default();
        let page = match n {
            1 => page("<a href=\"/wp-login.php?action=logout\">Log out</a>"),
            _ => page(&language),
        };
        page.header("Vary", "Accept-Language")
    })
    .await;
    let gateway = watched(&origin).await;
    let ask = async |language: &str| {
        let request = Req::get("/").header("accept-language", language);
        gateway.fetch(request).await.x_cache()
    };
    assert_eq!(ask("de").await, "MISS");
    assert_eq!(ask("vi").await, "MISS");
    assert_eq!(ask("de").await, "HIT");
    checked(&gateway, "leak", 1.0).await;
    assert_eq!(ask("vi").await, "BYPASS");
}

#[tokio::test]
async fn the_comparison_is_anonymous_and_as_much_like_the_visitors_as_can_be() {
    let origin = nth(|n, _| page(if n == 1 { "one" } else { "two" }).header("Vary", "X-Club")).await;
    let gateway = watched(&origin).await;
    let visit = || {
        Req::get("/?cat=3&utm_source=x")
            .header("cookie", "_ga=1; anything=personal")
            .header("user-agent", "Browser/1")
            .header("accept-language", "vi")
            .header("x-club", "gold")
            .header("x-secret", "mine")
            .header("referer", "http://elsewhere.example/")
    };
    gateway.fetch(visit()).await.expect(200, "MISS");
    gateway.fetch(visit()).await.expect(200, "HIT");
    checked(&gateway, "changed", 1.0).await;
    let seen = origin.seen();
    assert_eq!(seen.len(), 3, "{seen:?}");
    for probe in &seen[1..] {
        assert_eq!(probe.target, seen[0].target);
        for same in [
            "host",
            "user-agent",
            "accept-language",
            "x-club",
            "accept-encoding",
            "x-forwarded-proto",
        ] {
            assert_eq!(probe.header(same), seen[0].header(same), "{same}");
        }
        for gone in [
            "cookie",
            "x-secret",
            "referer",
            "authorization",
            "popgate-background",
        ] {
            assert_eq!(probe.header(gone), None, "{gone}");
        }
    }
}

#[tokio::test]
async fn what_differs_each_time_raises_nothing() {
    let origin = nth(|n, _| {
        page(&format!(
            "<script nonce=\"r{n}ndom\"></script><input name=\"_wpnonce\" value=\"{n:010x}\">\
             <p>{n} views, {n} minutes ago</p><!-- generated in 0.{n} seconds -->"
        ))
    })
    .await;
    let gateway = watched(&origin).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    checked(&gateway, "clean", 1.0).await;
    gateway.get("/").await.expect(200, "HIT");
    assert_eq!(origin.count(), 2, "one look at each copy");
}

#[tokio::test]
async fn a_page_that_changed_since_raises_nothing() {
    let edited = Arc::new(AtomicUsize::new(0));
    let edits = Arc::clone(&edited);
    let origin = Origin::start(move |_| match edits.load(Ordering::SeqCst) {
        0 => page("<h2>Summer sale</h2><p>Write to old@example.invalid</p>").into(),
        _ => page("<h2>Sold out</h2><p>Dear Alice, write to new@example.invalid</p>").into(),
    })
    .await;
    let gateway = watched(&origin).await;
    gateway.get("/").await.expect(200, "MISS");
    edited.store(1, Ordering::SeqCst);
    gateway.get("/").await.expect(200, "HIT");
    checked(&gateway, "changed", 1.0).await;
    gateway.get("/").await.expect(200, "HIT");
}

#[tokio::test]
async fn a_copy_that_was_clean_once_is_not_accused_later() {
    let later = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&later);
    let origin = Origin::start(move |_| match now.load(Ordering::SeqCst) {
        0 => page("<p>Hello, Alice is our winner</p>").into(),
        _ => page("<p>The game is over</p>").into(),
    })
    .await;
    let gateway = watched(&origin).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    checked(&gateway, "clean", 1.0).await;
    later.store(1, Ordering::SeqCst);
    for _ in 0..5 {
        gateway.get("/").await.expect(200, "HIT");
    }
    assert_eq!(gateway.metric("popgate_leaks_passing", &[]).await, 0.0);
}

#[tokio::test]
async fn a_page_that_was_purged_meanwhile_is_nobodys_leak() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = nth(move |n, _| match n {
        1 => page("<p>Hello, Alice</p>"),
        _ => page("").after(&held),
    })
    .await;
    let gateway = watched(&origin).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    origin.reached(2).await;
    gateway.purged(json!({ "everything": true })).await;
    gate.open();
    checked(&gateway, "changed", 1.0).await;
}

#[tokio::test]
async fn a_members_page_that_was_stored_is_found_by_the_way_to_the_login() {
    let origin = nth(|n, _| match n {
        1 => page("<p>For members only</p>"),
        _ => Answer::new(302, "").header("Location", "/wp-login.php?redirect_to=x"),
    })
    .await;
    let gateway = watched(&origin).await;
    gateway.get("/club/").await.expect(200, "MISS");
    gateway.get("/club/").await.expect(200, "HIT");
    checked(&gateway, "leak", 1.0).await;
    gateway.get("/club/").await.expect(302, "BYPASS");
}

#[tokio::test]
async fn an_origin_that_fails_accuses_nobody() {
    let origin = nth(|n, _| match n {
        1 => page("<p>Hello, Alice</p>"),
        _ => Answer::new(503, "busy"),
    })
    .await;
    let gateway = watched(&origin).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    checked(&gateway, "failed", 1.0).await;
    gateway.get("/").await.expect(200, "HIT");
}

#[tokio::test]
async fn one_look_at_a_time_and_so_many_may_wait() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = nth(move |n, seen| match n {
        1 => page(&seen.target),
        _ => page(&seen.target).after(&held),
    })
    .await;
    let gateway = watched(&origin).await;
    for n in 0..40 {
        let target = format!("/{n}/");
        gateway.get(&target).await.expect(200, "MISS");
        gateway.get(&target).await.expect(200, "HIT");
    }
    // 32 wait, one of them is at work.
    checked(&gateway, "dropped", 8.0).await;
    assert_eq!(origin.active().now(), 1);
    gate.open();
    checked(&gateway, "clean", 32.0).await;
}

#[tokio::test]
async fn sites_may_do_without_and_standard_ones_do() {
    let origin = nth(|n, _| page(&format!("Hello, Alice{n}x"))).await;
    let off = behind(&origin, json!({ "leak_check": "off" })).await;
    let standard = Gateway::start(Conf::origin(&origin)).await;
    for gateway in [&off, &standard] {
        gateway.get("/x/").await.expect(200, "MISS");
        for _ in 0..20 {
            gateway.get("/x/").await.expect(200, "HIT");
        }
        assert_eq!(gateway.metric("popgate_leak_checks_total", &[]).await, 0.0);
    }
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn popgate_why_says_that_a_page_passes_because_it_leaked() {
    let origin = nth(|n, _| match n {
        1 => page("<p>Hello, Alice</p>"),
        _ => page(""),
    })
    .await;
    let gateway = watched(&origin).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    checked(&gateway, "leak", 1.0).await;
    let question = json!({ "url": format!("http://{SITE}/") });
    let request = Req::new("POST", "/why").body(question.to_string());
    let told = gateway.admin(request).await.unwrap().text();
    assert!(
        told.contains("leak-suspected") && told.contains("only one person"),
        "{told}"
    );
}
