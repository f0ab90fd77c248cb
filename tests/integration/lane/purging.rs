//! What purge protocols ask of the lane: to leave their requests alone, and what their answers say to itself.

use super::*;

#[tokio::test]
async fn a_purge_by_get_is_not_taken_for_a_page() {
    let purge = json!({ "purge": { "protocols": ["nginx_helper"] } });
    let origin = Origin::fixed(page("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(purge)).await;
    gateway.get("/a").await.expect(200, "MISS");
    by_lane(gateway.get("/a").await.expect(200, "HIT"));
    assert!(gateway.get("/purge/a").await.text().contains("/a"));
    let passed = gateway
        .metric("popgate_lane_passed_total", &[("reason", "purge")])
        .await;
    assert_eq!(passed, 1.0);
    by_proxy(gateway.get("/a").await);
    assert_eq!(origin.count(), 2);
}

/// A site that speaks `LiteSpeed`'s protocol, whose origin names `currency` as a cookie that chooses.
async fn litespeed() -> (Origin, Gateway) {
    let origin = Origin::start(|seen| {
        let cookie = seen.header("cookie").unwrap_or_default();
        page(format!("for {cookie}"))
            .header("X-LiteSpeed-Cache-Control", "public,max-age=600")
            .header("X-LiteSpeed-Tag", "front")
            .header("X-LiteSpeed-Vary", "cookie=currency")
            .into()
    })
    .await;
    let site = json!({ "purge": { "protocols": ["litespeed"] } });
    let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
    gateway.get("/").await.expect(200, "MISS");
    (origin, gateway)
}

#[tokio::test]
async fn a_cookie_that_chooses_a_page_is_the_proxys_to_judge() {
    let (_origin, gateway) = litespeed().await;
    by_lane(gateway.get("/").await.expect(200, "HIT"));
    for cookie in ["currency=EUR", "a=b; currency=EUR", "_lscache_vary=x"] {
        let answer = gateway.fetch(Req::get("/").header("Cookie", cookie)).await;
        assert_eq!(by_proxy(answer).text(), format!("for {cookie}"));
    }
}

#[tokio::test]
async fn what_litespeed_says_to_the_gateway_stays_there() {
    for filters in [
        json!([]),
        json!([{ "headers": { "response": { "set": { "X-A": "1" } } } }]),
    ] {
        let origin = Origin::fixed(page("body").header("X-LiteSpeed-Tag", "front")).await;
        let site = json!({ "purge": { "protocols": ["litespeed"] }, "filters": filters });
        let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
        gateway.get("/").await.expect(200, "MISS");
        let hit = by_lane(gateway.get("/").await.expect(200, "HIT"));
        assert_eq!(hit.header("x-litespeed-tag"), None);
    }
}

#[tokio::test]
async fn calls_of_a_purge_api_pass_the_lane() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "0123456789abcdef0123456789abcdef\n").unwrap();
    let origin = Origin::fixed(page("body")).await;
    let site = json!({ "purge": { "token_file": tokens, "api_hosts": ["api.internal"] } });
    let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
    gateway.fetch(Req::get("/").host("api.internal")).await;
    let passed = gateway
        .metric("popgate_lane_passed_total", &[("reason", "purge")])
        .await;
    assert_eq!((passed, origin.count()), (1.0, 0));
}
