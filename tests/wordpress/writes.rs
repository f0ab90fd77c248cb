//! Edits that pass through the gateway are seen by everybody at once, with no plugin.

use crate::support::{Req, json};
use crate::visitor::Visitor;
use crate::world::Site;

/// The number of a post.
fn number(site: &Site, slug: &str) -> String {
    site.wordpress
        .php(&format!("echo get_page_by_path('{slug}', OBJECT, 'post')->ID;"))
}

/// Fetches until each is a hit.
async fn warm(site: &Site, targets: &[&str]) {
    for target in targets {
        let mut visitor = Visitor::new(&site.gateway);
        visitor.get(target).await;
        assert_eq!(visitor.get(target).await.x_cache(), "HIT", "{target}");
    }
}

/// One look of an anonymous visitor at each; the text is there, or gone.
async fn everybody_sees(site: &Site, targets: &[&str], text: &str, there: bool) {
    for target in targets {
        let page = Visitor::new(&site.gateway).get(target).await;
        assert_eq!(page.text().contains(text), there, "{target} {text} {page:?}");
    }
}

async fn rest(
    site: &Site,
    admin: &mut Visitor<'_>,
    method: &str,
    target: &str,
    body: serde_json::Value,
) -> u16 {
    let nonce = admin.nonce().await;
    let request = Req::new(method, target)
        .header("content-type", "application/json")
        .header("x-wp-nonce", &nonce)
        .body(serde_json::to_vec(&body).unwrap());
    let answer = admin.fetch(request).await;
    assert!(answer.status < 300, "{answer:?}\n{}", site.gateway.output());
    answer.status
}

#[tokio::test]
async fn an_edit_by_rest_is_seen_at_the_first_look_at_post_home_feed_and_archives() {
    let Some(site) = Site::start().await else { return };
    let post = number(&site, "post-30");
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    let file = "/wp-includes/css/dist/block-library/style.min.css";
    let item = format!("/wp-json/wp/v2/posts/{post}");
    let seen = ["/post-30/", "/", "/feed/", item.as_str()];
    warm(&site, &seen).await;
    warm(&site, &[file]).await;
    for title in ["SNOOPED-BY-REST", "SNOOPED-ONCE-MORE"] {
        rest(&site, &mut admin, "POST", &item, json!({ "title": title })).await;
        everybody_sees(&site, &seen, title, true).await;
    }
    // Files were not touched.
    assert_eq!(Visitor::new(&site.gateway).get(file).await.x_cache(), "HIT");
    let counted = site
        .gateway
        .metric("popgate_snooped_writes_total", &[("kind", "post")])
        .await;
    assert_eq!(counted, 2.0);
}

#[tokio::test]
async fn a_new_post_takes_the_place_of_its_404_and_a_deleted_one_leaves_a_404() {
    let Some(site) = Site::start().await else { return };
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    let address = "/a-brand-new-post/";
    let mut visitor = Visitor::new(&site.gateway);
    visitor.get(address).await.expect(404, "MISS");
    visitor.get(address).await.expect(404, "HIT");
    warm(&site, &["/"]).await;
    let new = json!({ "title": "A brand new post", "slug": "a-brand-new-post", "status": "publish", "content": "x" });
    assert_eq!(
        rest(&site, &mut admin, "POST", "/wp-json/wp/v2/posts", new).await,
        201
    );
    assert_eq!(visitor.get(address).await.status, 200);
    everybody_sees(&site, &["/"], "A brand new post", true).await;
    let id = number(&site, "a-brand-new-post");
    let gone = format!("/wp-json/wp/v2/posts/{id}?force=true");
    rest(&site, &mut admin, "DELETE", &gone, json!({})).await;
    assert_eq!(visitor.get(address).await.status, 404);
    everybody_sees(&site, &["/"], "A brand new post", false).await;
}

#[tokio::test]
async fn a_post_that_the_block_editor_moves_to_the_trash_is_gone_at_the_first_look() {
    let Some(site) = Site::start().await else { return };
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    let new = json!({ "title": "SOON IN THE TRASH", "slug": "soon-in-the-trash", "status": "publish", "content": "x" });
    rest(&site, &mut admin, "POST", "/wp-json/wp/v2/posts", new).await;
    warm(&site, &["/soon-in-the-trash/", "/"]).await;
    let nonce = admin.nonce().await;
    let id = number(&site, "soon-in-the-trash");
    // The editor sends every method but GET and POST like this.
    let request = Req::new("POST", &format!("/wp-json/wp/v2/posts/{id}"))
        .header("content-type", "application/json")
        .header("x-http-method-override", "DELETE")
        .header("x-wp-nonce", &nonce);
    let answer = admin.fetch(request).await;
    assert!(answer.text().contains("\"status\":\"trash\""), "{answer:?}");
    let mut visitor = Visitor::new(&site.gateway);
    assert_eq!(visitor.get("/soon-in-the-trash/").await.status, 404);
    everybody_sees(&site, &["/"], "SOON IN THE TRASH", false).await;
}

#[tokio::test]
async fn an_edit_by_wp_admin_is_seen_at_the_first_look() {
    let Some(site) = Site::start().await else { return };
    let post = number(&site, "post-29");
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    let editor = admin
        .get(&format!("/wp-admin/post.php?post={post}&action=edit"))
        .await;
    let page = editor.text();
    let nonce = page
        .split("name=\"_wpnonce\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_else(|| panic!("no nonce in {page}"));
    let seen = ["/post-29/", "/", "/feed/"];
    warm(&site, &seen).await;
    let form = [
        ("_wpnonce", nonce),
        ("action", "editpost"),
        ("originalaction", "editpost"),
        ("post_type", "post"),
        ("original_post_status", "publish"),
        ("post_status", "publish"),
        ("post_ID", &post),
        ("post_title", "SNOOPED-BY-FORM"),
        ("content", "changed in wp-admin"),
        ("save", "Update"),
    ];
    let saved = admin.post("/wp-admin/post.php", &form).await;
    assert_eq!(saved.status, 302, "{saved:?}");
    let location = saved.header("location").unwrap();
    assert!(location.contains("message="), "{location}");
    everybody_sees(&site, &seen, "SNOOPED-BY-FORM", true).await;
}

#[tokio::test]
async fn a_changed_option_reaches_all_pages() {
    let Some(site) = Site::start().await else { return };
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    let before = site.wordpress.php("echo get_option('blogname');");
    warm(&site, &["/", "/post-8/"]).await;
    rest(
        &site,
        &mut admin,
        "POST",
        "/wp-json/wp/v2/settings",
        json!({ "title": "SNOOPED-NAME" }),
    )
    .await;
    for target in ["/", "/post-8/"] {
        crate::support::eventually("the new name of the site", async || {
            let page = Visitor::new(&site.gateway).get(target).await;
            page.text().contains("SNOOPED-NAME")
        })
        .await;
    }
    site.wordpress
        .php(&format!("update_option('blogname', '{before}');"));
}

#[tokio::test]
async fn a_comment_is_seen_at_the_first_look_at_its_post() {
    let Some(site) = Site::start().await else { return };
    let post = number(&site, "post-6");
    warm(&site, &["/post-6/", "/post-10/"]).await;
    let mut carol = Visitor::new(&site.gateway);
    let form = [
        ("comment_post_ID", post.as_str()),
        ("comment_parent", "0"),
        ("author", "Carol"),
        ("email", "carol@example.invalid"),
        ("comment", "SNOOPED-COMMENT"),
    ];
    // Only one comment in 15 seconds may come from one address; other tests comment, too.
    site.wordpress
        .php("$GLOBALS['wpdb']->query(\"UPDATE wp_comments SET comment_date_gmt = '2020-01-01 00:00:00'\");");
    let answer = carol.post("/wp-comments-post.php", &form).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    everybody_sees(&site, &["/post-6/"], "SNOOPED-COMMENT", true).await;
    assert_eq!(
        Visitor::new(&site.gateway).get("/post-10/").await.x_cache(),
        "HIT"
    );
}

#[tokio::test]
async fn a_write_that_is_refused_purges_nothing() {
    let Some(site) = Site::start().await else { return };
    warm(&site, &["/", "/post-7/"]).await;
    let post = number(&site, "post-7");
    let cookie = "wordpress_logged_in_0123=nobody%7C9999999999%7Cx%7Cx";
    for (method, target, body) in [
        (
            "POST",
            format!("/wp-json/wp/v2/posts/{post}"),
            "{\"title\":\"x\"}",
        ),
        ("POST", "/wp-admin/options.php".to_owned(), "action=update"),
        (
            "POST",
            "/wp-admin/admin-ajax.php".to_owned(),
            "action=inline-save&post_ID=15",
        ),
        (
            "GET",
            format!("/wp-admin/post.php?post={post}&action=trash&_wpnonce=0"),
            "",
        ),
        (
            "POST",
            "/xmlrpc.php".to_owned(),
            "<?xml version=\"1.0\"?><methodCall><methodName>wp.newPost</methodName><params></params></methodCall>",
        ),
    ] {
        let kind = if body.starts_with('{') {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let request = Req::new(method, &target)
            .header("cookie", cookie)
            .header("content-type", kind)
            .body(body);
        Visitor::new(&site.gateway).fetch(request).await;
    }
    for target in ["/", "/post-7/"] {
        assert_eq!(
            Visitor::new(&site.gateway).get(target).await.x_cache(),
            "HIT",
            "{target}"
        );
    }
    assert_eq!(
        site.gateway.metric("popgate_snooped_writes_total", &[]).await,
        0.0
    );
}

#[tokio::test]
async fn snooping_can_be_switched_off() {
    let off = json!({ "sites": [{
        "hosts": [crate::world::HOST], "origin": "app", "preset": "wordpress",
        "wordpress": { "write_snooping": "off" },
    }] });
    let Some(site) = Site::start_with(off).await else {
        return;
    };
    let post = number(&site, "post-28");
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    warm(&site, &["/post-28/", "/"]).await;
    let target = format!("/wp-json/wp/v2/posts/{post}");
    rest(
        &site,
        &mut admin,
        "POST",
        &target,
        json!({ "title": "NOT-SNOOPED" }),
    )
    .await;
    for target in ["/post-28/", "/"] {
        assert_eq!(Visitor::new(&site.gateway).get(target).await.x_cache(), "HIT");
    }
}
