//! What happens when an entry is no longer fresh.

use crate::support::*;

on_both_wires!(
    an_expired_entry_is_fetched_again,
    a_304_makes_the_entry_fresh_again,
    stale_while_revalidate_answers_at_once_and_refreshes_behind,
    stale_if_error_answers_when_the_origin_is_gone,
    stale_if_error_answers_when_the_origin_fails,
    without_a_stale_window_an_error_is_an_error,
);

async fn an_expired_entry_is_fetched_again(wire: Wire) {
    let origin = Origin::start(numbered(|n, _| {
        Answer::ok(n.to_string()).header("Cache-Control", if n == 1 { "max-age=1" } else { "max-age=60" })
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    let second = first_past_freshness(wire, &gateway, &Req::get("/")).await;
    assert_eq!(second.text(), "2");
    assert!(
        ["EXPIRED", "MISS"].contains(&second.x_cache().as_str()),
        "{second:?}"
    );
    assert_eq!(wire.get(&gateway, "/").await.expect(200, "HIT").text(), "2");
}

async fn a_304_makes_the_entry_fresh_again(wire: Wire) {
    let origin = Origin::start(numbered(|n, seen| {
        Answer::ok("body")
            .header("ETag", "\"v1\"")
            .header("X-N", &n.to_string())
            .header("Cache-Control", if n == 1 { "max-age=1" } else { "max-age=60" })
            .or_304(seen)
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    let second = first_past_freshness(wire, &gateway, &Req::get("/"))
        .await
        .expect(200, "REVALIDATED");
    assert_eq!(second.text(), "body");
    assert_eq!(origin.last().header("if-none-match").as_deref(), Some("\"v1\""));
    let third = wire.get(&gateway, "/").await.expect(200, "HIT");
    assert_eq!(
        (third.header("x-n").as_deref(), origin.count()),
        (Some("2"), 2),
        "{third:?}"
    );
}

async fn stale_while_revalidate_answers_at_once_and_refreshes_behind(wire: Wire) {
    let gate = Gate::new();
    let refresh = gate.clone();
    let origin = Origin::start(numbered(move |n, _| {
        let answer = Answer::ok(n.to_string());
        match n {
            1 => answer.header("Cache-Control", "max-age=1, stale-while-revalidate=600"),
            _ => answer.header("Cache-Control", "max-age=60").after(&refresh),
        }
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    let stale = first_past_freshness(wire, &gateway, &Req::get("/"))
        .await
        .expect(200, "STALE");
    assert_eq!(stale.text(), "1");
    origin.reached(2).await;
    wire.get(&gateway, "/").await.expect(200, "STALE");
    gate.open();
    eventually("the refreshed entry", async || {
        let response = wire.get(&gateway, "/").await;
        response.x_cache() == "HIT" && response.text() == "2"
    })
    .await;
    assert_eq!(origin.count(), 2);
}

async fn stale_if_error_answers_when_the_origin_is_gone(wire: Wire) {
    let origin =
        Origin::fixed(Answer::ok("body").header("Cache-Control", "max-age=1, stale-if-error=600")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    origin.down().await;
    let stale = first_past_freshness(wire, &gateway, &Req::get("/"))
        .await
        .expect(200, "STALE");
    assert_eq!((stale.text().as_str(), stale.age().is_some()), ("body", true));
    origin.up().await;
    eventually("the origin is asked again", async || {
        wire.get(&gateway, "/").await;
        origin.count() > 1
    })
    .await;
}

async fn stale_if_error_answers_when_the_origin_fails(wire: Wire) {
    let origin = Origin::start(numbered(|n, _| match n {
        1 => Answer::ok("body").header("Cache-Control", "max-age=1, stale-if-error=600"),
        _ => Answer::new(503, "broken"),
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    let stale = first_past_freshness(wire, &gateway, &Req::get("/"))
        .await
        .expect(200, "STALE");
    assert_eq!(stale.text(), "body");
}

async fn without_a_stale_window_an_error_is_an_error(wire: Wire) {
    let origin = Origin::start(numbered(|n, _| match n {
        1 => Answer::ok("body")
            .header("Cache-Control", "max-age=1, must-revalidate")
            .header("ETag", "\"v1\""),
        _ => Answer::new(503, "broken"),
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    let failed = first_past_freshness(wire, &gateway, &Req::get("/")).await;
    assert_eq!(
        (failed.status, failed.text().as_str()),
        (503, "broken"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_error_leaves_the_stored_entry_for_the_next_revalidation() {
    let origin = Origin::start(numbered(|n, seen| match n {
        1 => Answer::ok("body")
            .header("Cache-Control", "max-age=1")
            .header("ETag", "\"v1\""),
        2 => Answer::new(503, "broken"),
        _ => Answer::fresh("body").header("ETag", "\"v1\"").or_304(seen),
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    let failed = first_past_freshness(Wire::H1, &gateway, &Req::get("/")).await;
    assert_eq!(failed.status, 503);
    assert_eq!(gateway.get("/").await.expect(200, "REVALIDATED").text(), "body");
}

#[tokio::test]
async fn a_site_s_stale_windows_apply_to_answers_without_their_own() {
    let origin = Origin::start(numbered(|n, _| {
        Answer::ok(n.to_string()).header("Cache-Control", if n == 1 { "max-age=1" } else { "max-age=60" })
    }))
    .await;
    let conf = Conf::origin(&origin).cache(json!({ "stale_while_revalidate": "1d" }));
    let gateway = Gateway::start(conf).await;
    gateway.get("/").await.expect(200, "MISS");
    let stale = first_past_freshness(Wire::H1, &gateway, &Req::get("/"))
        .await
        .expect(200, "STALE");
    assert_eq!(stale.text(), "1");
}

#[tokio::test]
async fn a_site_s_ttl_applies_to_answers_that_say_nothing() {
    let origin = Origin::fixed(Answer::ok("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin).cache(json!({ "ttl": "5m" }))).await;
    gateway.get("/").await.expect(200, "MISS");
    let hit = gateway.get("/").await.expect(200, "HIT");
    assert!(
        hit.cache_status().contains("ttl=300") || hit.cache_status().contains("ttl=299"),
        "{hit:?}"
    );
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_not_stored_without_a_ttl() {
    let origin = Origin::fixed(Answer::ok("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for _ in 0..2 {
        let response = gateway.get("/").await;
        assert_ne!(response.x_cache(), "HIT", "{response:?}");
    }
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn s_maxage_and_cdn_cache_control_win() {
    let origin = Origin::start(|seen| {
        let answer = Answer::ok("body");
        match seen.target.as_str() {
            "/s" => answer.header("Cache-Control", "max-age=0, s-maxage=60"),
            "/cdn" => answer
                .header("Cache-Control", "no-store")
                .header("CDN-Cache-Control", "max-age=60"),
            _ => answer
                .header("Cache-Control", "max-age=60")
                .header("CDN-Cache-Control", "no-store"),
        }
        .into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for (target, second) in [("/s", "HIT"), ("/cdn", "HIT"), ("/never", "other")] {
        gateway.get(target).await;
        let response = gateway.get(target).await;
        assert_eq!(
            response.x_cache() == "HIT",
            second == "HIT",
            "{target}: {response:?}"
        );
    }
}

#[tokio::test]
async fn an_age_from_the_origin_shortens_freshness() {
    let origin = Origin::fixed(
        Answer::fresh("body")
            .header("Age", "100")
            .header("ETag", "\"v1\""),
    )
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    assert_ne!(gateway.get("/").await.x_cache(), "HIT");
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn only_if_cached_never_asks_the_origin() {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let request = Req::get("/").header("Cache-Control", "only-if-cached");
    assert_eq!(gateway.fetch(request.clone()).await.status, 504);
    assert_eq!(origin.count(), 0);
    gateway.get("/").await;
    gateway.fetch(request).await.expect(200, "HIT");
}

#[tokio::test]
async fn a_standard_site_honours_a_reload() {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    let reload = gateway
        .fetch(Req::get("/").header("Cache-Control", "no-cache"))
        .await;
    assert_ne!(reload.x_cache(), "HIT");
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn rfc9111_4_2_4_cut_off_from_the_origin_a_stale_answer_is_served_unless_it_forbids_that() {
    let origin = Origin::start(|seen| {
        let answer = Answer::ok("kept");
        match seen.target.as_str() {
            "/strict" => answer
                .header("Cache-Control", "max-age=60, must-revalidate")
                .into(),
            _ => answer.header("Cache-Control", "max-age=60").into(),
        }
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/strict").await.expect(200, "MISS");
    gateway.purged(json!({ "everything": true })).await;
    origin.down().await;
    let stale = gateway.get("/").await.expect(200, "STALE");
    assert_eq!(stale.text(), "kept");
    assert_eq!(gateway.get("/strict").await.status, 502);
}
