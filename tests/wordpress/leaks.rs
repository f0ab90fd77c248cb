//! The leak sentinel before a real WordPress.

use crate::support::json;
use crate::visitor::Visitor;
use crate::world::{HOST, SECURE_HOST, Site};

/// A plugin that greets whoever asks by address, which no rule can know.
const PLUGIN: &str = r#"<?php add_action('wp_footer', function () {
    if (strpos($_SERVER['REQUEST_URI'], '/post-16/') === 0) {
        echo '<p>Welcome back, ' . (get_transient('popgate_known') ? 'Guest' : 'Alice') . '</p>';
        set_transient('popgate_known', 1, 60);
    }
});"#;

async fn watched() -> Option<Site> {
    Site::start_with(json!({ "sites": [{
        "hosts": [HOST, SECURE_HOST],
        "origin": "app",
        "preset": "wordpress",
        "cache": { "leak_check": 1 },
    }] }))
    .await
}

async fn checked(site: &Site, result: &str) -> f64 {
    site.gateway
        .metric("popgate_leak_checks_total", &[("result", result)])
        .await
}

#[tokio::test]
async fn no_page_that_is_for_everybody_is_accused() {
    let Some(site) = watched().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let targets = [
        "/",
        "/page/2/",
        "/post-17/",
        "/post-18/",
        "/long-post/",
        "/secret-post/",
        "/about/",
        "/contact/",
        "/category/news/",
        "/feed/",
        "/post-17/feed/",
        "/wp-sitemap.xml",
        "/robots.txt",
        "/wp-json/wp/v2/posts?per_page=3",
        "/wp-includes/css/dist/block-library/style.min.css",
    ];
    for target in targets {
        visitor.get(target).await.expect(200, "MISS");
        visitor.get(target).await.expect(200, "HIT");
    }
    site.gateway
        .metric_becomes("popgate_leak_checks_total", &[], |n| n >= targets.len() as f64)
        .await;
    assert_eq!(checked(&site, "leak").await, 0.0, "{}", site.gateway.output());
    assert_eq!(checked(&site, "failed").await, 0.0, "{}", site.gateway.output());
    // Other tests may edit meanwhile.
    assert!(checked(&site, "clean").await >= 1.0);
}

#[tokio::test]
async fn a_plugin_that_greets_a_visitor_is_found_out() {
    let Some(site) = watched().await else { return };
    let file = site.wordpress.php("echo WPMU_PLUGIN_DIR;") + "/popgate-greeting.php";
    std::fs::write(&file, PLUGIN).unwrap();
    let mut visitor = Visitor::new(&site.gateway);
    let first = visitor.get("/post-16/").await.expect(200, "MISS");
    assert!(first.text().contains("Welcome back, Alice"), "{first:?}");
    visitor.get("/post-16/").await.expect(200, "HIT");
    site.gateway
        .metric_becomes("popgate_leak_checks_total", &[("result", "leak")], |n| n == 1.0)
        .await;
    let next = visitor.get("/post-16/").await.expect(200, "BYPASS");
    assert!(!next.text().contains("Alice"), "{next:?}");
    std::fs::remove_file(file).unwrap();
}
