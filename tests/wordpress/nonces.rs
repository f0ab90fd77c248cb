//! A page with a nonce in it never outlives it.

use crate::support::{Req, json};
use crate::visitor::Visitor;
use crate::world::{HOST, SECURE_HOST, Site};

/// A plugin that prints a nonce on one page.
const PLUGIN: &str = r#"<?php add_action('wp_footer', function () {
    if (strpos($_SERVER['REQUEST_URI'], '/post-13/') === 0) { wp_nonce_field('popgate'); }
});"#;

#[tokio::test]
async fn a_page_with_a_nonce_of_wordpress_ends_before_the_nonce_does() {
    let more = json!({ "sites": [{
        "hosts": [HOST, SECURE_HOST],
        "origin": "app",
        "preset": "wordpress",
        "cache": { "ttl": "30d", "stale_while_revalidate": "30d", "stale_if_error": "30d" },
    }] });
    let Some(site) = Site::start_with(more).await else {
        return;
    };
    let file = site.wordpress.php("echo WPMU_PLUGIN_DIR;") + "/popgate-nonce.php";
    std::fs::write(&file, PLUGIN).unwrap();
    let mut visitor = Visitor::new(&site.gateway);
    let page = visitor.get("/post-13/").await.expect(200, "MISS");
    assert!(page.text().contains("name=\"_wpnonce\""), "{page:?}");
    let hit = visitor.get("/post-13/").await.expect(200, "HIT");
    // The last second in which WordPress takes the nonce, less an hour.
    let cap = site
        .wordpress
        .php("echo (int) ((wp_nonce_tick() + 1) * DAY_IN_SECONDS / 2 - time() - 3600);");
    let cap: i64 = cap.parse().unwrap();
    let ttl = ttl_of(&hit.cache_status());
    assert!((cap - 60..=cap + 60).contains(&ttl), "{ttl} of {cap}");
    visitor.get("/post-14/").await.expect(200, "MISS");
    let other = visitor.fetch(Req::get("/post-14/")).await.expect(200, "HIT");
    assert!(ttl_of(&other.cache_status()) > 29 * 86_400, "{other:?}");
    let counted = site
        .gateway
        .metric("popgate_nonce_pages_total", &[("site", HOST)])
        .await;
    assert_eq!(counted, 1.0);
    std::fs::remove_file(file).unwrap();
}

fn ttl_of(status: &str) -> i64 {
    let ttl = status.split("ttl=").nth(1).unwrap_or_else(|| panic!("{status}"));
    ttl.split(';').next().unwrap().parse().unwrap()
}
