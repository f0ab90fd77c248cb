//! PHP is down.

use crate::support::json;
use crate::visitor::Visitor;
use crate::world::AloneSite;

#[tokio::test]
async fn a_stale_page_is_served_while_php_is_down_and_refreshed_after() {
    let Some(site) = AloneSite::start().await else {
        return;
    };
    let mut visitor = Visitor::new(&site.gateway);
    let before = visitor.get("/post-12/").await.expect(200, "MISS");
    site.wordpress.kill_php();
    site.gateway.purged(json!({ "everything": true })).await;
    for _ in 0..3 {
        let stale = visitor.get("/post-12/").await;
        assert_eq!(stale.status, 200, "{stale:?}");
        assert_eq!(stale.x_cache(), "STALE", "{stale:?}");
        assert_eq!(stale.body, before.body);
    }
    let never_seen = visitor.get("/post-13/").await;
    assert!((500..600).contains(&never_seen.status), "{never_seen:?}");

    site.wordpress.up().unwrap();
    crate::support::eventually("a fresh page", async || {
        let page = Visitor::new(&site.gateway).get("/post-12/").await;
        page.status == 200 && page.x_cache() == "HIT"
    })
    .await;
    let seen = visitor.get("/post-13/").await;
    assert_eq!(seen.status, 200, "an error must not be stored: {seen:?}");
}
