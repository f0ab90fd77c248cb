//! Files: themes, uploads, ranges.

use crate::support::Req;
use crate::visitor::Visitor;
use crate::world::Site;

#[tokio::test]
async fn files_of_the_program_are_shared_by_everybody() {
    let Some(site) = Site::start().await else { return };
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    let target = "/wp-includes/css/dist/block-library/style.min.css?ver=6";
    let miss = admin.get(target).await.expect(200, "MISS");
    assert_eq!(miss.header("content-type").as_deref(), Some("text/css"));
    Visitor::new(&site.gateway).get(target).await.expect(200, "HIT");
}

#[tokio::test]
async fn ranges_of_an_upload_are_cut_from_the_stored_file() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let url = site
        .wordpress
        .php("echo wp_get_attachment_url(get_page_by_title('Photo 1', OBJECT, 'attachment')->ID);");
    let target = url.strip_prefix("http://wp.example").unwrap();
    let whole = visitor.get(target).await.expect(200, "MISS");
    let part = visitor
        .fetch(Req::get(target).header("range", "bytes=100-199"))
        .await
        .expect(206, "HIT");
    assert_eq!(part.body, whole.body[100..200]);
    let length = whole.body.len();
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 100-199/{length}"))
    );
    let tail = visitor
        .fetch(Req::get(target).header("range", "bytes=-10"))
        .await
        .expect(206, "HIT");
    assert_eq!(tail.body, whole.body[length - 10..]);
}

#[tokio::test]
async fn a_part_of_a_cold_object_keeps_nobody_waiting() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let target = "/wp-includes/js/dist/components.min.js";
    let part = visitor
        .fetch(Req::get(target).header("range", "bytes=0-99"))
        .await;
    assert_eq!((part.status, part.body.len()), (206, 100), "{part:?}");
    let script = visitor.get(target).await;
    assert!(
        script.complete && script.body.starts_with(&part.body),
        "{script:?}"
    );
    visitor.get(target).await.expect(200, "HIT");
}

#[tokio::test]
async fn a_large_upload_streams_to_wordpress_and_comes_back() {
    let Some(site) = Site::start().await else { return };
    let mut author = Visitor::logged_in(&site.gateway, "author1").await;
    let nonce = author.nonce().await;
    let mut file = b"%PDF-1.4\n".to_vec();
    file.resize(5 * 1024 * 1024, b'x');
    let request = Req::new("POST", "/wp-json/wp/v2/media")
        .header("content-type", "application/pdf")
        .header(
            "content-disposition",
            "attachment; filename=\"through-the-gateway.pdf\"",
        )
        .header("x-wp-nonce", &nonce)
        .body(file.clone());
    let answer = author.fetch(request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let media: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let url = media["source_url"].as_str().unwrap();
    let target = url.strip_prefix("http://wp.example").unwrap();
    let back = Visitor::new(&site.gateway).get(target).await.expect(200, "MISS");
    assert_eq!(back.body, file);
}

#[tokio::test]
async fn a_page_under_the_name_of_a_file_is_never_that_file() {
    let Some(site) = Site::start().await else { return };
    let mut visitor = Visitor::new(&site.gateway);
    let page = visitor.get("/post-7/nothing.css").await;
    assert_eq!(page.status, 404, "{page:?}");
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
}
