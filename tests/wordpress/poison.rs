//! What a visitor sends must not end up in another visitor's page.

use crate::support::Req;
use crate::visitor::Visitor;
use crate::world::Site;

#[tokio::test]
async fn headers_that_overrule_the_url_change_no_shared_answer() {
    let Some(site) = Site::start().await else { return };
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "10443"),
        ("x-forwarded-proto", "https"),
        ("x-original-url", "/wp-admin/"),
        ("x-rewrite-url", "/wp-admin/"),
        ("x-http-method-override", "HEAD"),
        ("x-wp-evil", "evil.example"),
        ("cf-connecting-ip", "198.51.100.7"),
    ] {
        let target = format!("/wp-json/wp/v2/posts?per_page=1&search={}", name.replace('-', ""));
        let poisoned = Visitor::new(&site.gateway)
            .fetch(Req::get(&target).header(name, value))
            .await;
        assert_eq!(poisoned.status, 200, "{name} {poisoned:?}");
        let next = Visitor::new(&site.gateway).get(&target).await;
        assert_eq!(next.status, 200, "{name}");
        assert!(!next.body.is_empty(), "{name}");
        assert!(!next.text().contains("evil.example"), "{name}");
    }
}

#[tokio::test]
async fn a_host_that_is_no_site_of_ours_never_reaches_wordpress() {
    let Some(site) = Site::start().await else { return };
    let answer = site.gateway.fetch(Req::get("/").host("evil.example")).await;
    assert_eq!(answer.status, 421, "{answer:?}");
}

#[tokio::test]
async fn an_unknown_parameter_has_a_copy_of_its_own() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    visitor.get("/?made-up=REFLECTED").await.expect(200, "DYNAMIC");
    visitor.get("/?made-up=REFLECTED").await.expect(200, "MISS");
    visitor.get("/?made-up=REFLECTED").await.expect(200, "HIT");
    let clean = visitor.get("/").await.expect(200, "MISS");
    assert!(!clean.text().contains("REFLECTED"));
}
