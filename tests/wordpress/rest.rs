//! The REST API.

use crate::support::{Req, json};
use crate::visitor::Visitor;
use crate::world::Site;

#[tokio::test]
async fn anonymous_reading_is_cached() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let miss = visitor
        .get("/wp-json/wp/v2/posts?per_page=3")
        .await
        .expect(200, "MISS");
    let hit = visitor
        .get("/wp-json/wp/v2/posts?per_page=3")
        .await
        .expect(200, "HIT");
    assert_eq!(miss.body, hit.body);
    let posts: serde_json::Value = serde_json::from_slice(&hit.body).unwrap();
    assert_eq!(posts.as_array().unwrap().len(), 3);
    assert_eq!(
        hit.header("x-wp-total").is_some(),
        miss.header("x-wp-total").is_some()
    );
}

#[tokio::test]
async fn another_sites_script_gets_no_shared_answer() {
    let Some(site) = Site::start().await else { return };
    let request = || Req::get("/wp-json/wp/v2/posts?per_page=2").header("origin", "https://evil.example");
    Visitor::new(&site.gateway)
        .fetch(request())
        .await
        .expect(200, "BYPASS");
    let clean = Visitor::new(&site.gateway)
        .get("/wp-json/wp/v2/posts?per_page=2")
        .await
        .expect(200, "MISS");
    assert_eq!(clean.header("access-control-allow-origin"), None, "{clean:?}");
}

#[tokio::test]
async fn an_editor_writes_through_the_gateway() {
    let Some(site) = Site::start().await else { return };
    let mut editor = Visitor::logged_in(&site.gateway, "editor1").await;
    let nonce = editor.nonce().await;
    let id = site
        .wordpress
        .php("echo get_page_by_path('post-11', OBJECT, 'post')->ID;");
    let request = Req::new("POST", &format!("/wp-json/wp/v2/posts/{id}"))
        .header("content-type", "application/json")
        .header("x-wp-nonce", &nonce)
        .body(json!({ "title": "Written through the gateway" }).to_string());
    let answer = editor.fetch(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = Visitor::new(&site.gateway)
        .get("/post-11/")
        .await
        .expect(200, "MISS");
    assert!(page.text().contains("Written through the gateway"));
}

#[tokio::test]
async fn an_answer_with_a_nonce_is_never_shared() {
    let Some(site) = Site::start().await else { return };
    let mut editor = Visitor::logged_in(&site.gateway, "editor1").await;
    let nonce = editor.nonce().await;
    for _ in 0..2 {
        let request = Req::get("/wp-json/wp/v2/posts?per_page=4").header("x-wp-nonce", &nonce);
        let answer = editor.fetch(request).await.expect(200, "BYPASS");
        assert!(answer.header("x-wp-nonce").is_some(), "{answer:?}");
    }
    let clean = Visitor::new(&site.gateway)
        .get("/wp-json/wp/v2/posts?per_page=4")
        .await
        .expect(200, "MISS");
    assert_eq!(clean.header("x-wp-nonce"), None, "{clean:?}");
}
