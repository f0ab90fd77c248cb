//! Visitors whom WordPress knows, and what the others get to see of them.

use crate::support::{Req, eventually};
use crate::visitor::Visitor;
use crate::world::{HOST, Site};

const ADMIN_BAR: &str = "id=\"wpadminbar\"";

#[tokio::test]
async fn whoever_is_logged_in_is_never_cached_and_never_leaked() {
    let Some(site) = Site::start().await else { return };
    let mut anonymous = Visitor::new(&site.gateway);
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    for target in ["/", "/post-5/"] {
        for _ in 0..2 {
            let page = admin.get(target).await.expect(200, "BYPASS");
            assert!(page.text().contains(ADMIN_BAR), "{target}");
            assert!(page.cache_status().contains("detail=cookie"), "{page:?}");
        }
        let miss = anonymous.get(target).await.expect(200, "MISS");
        let hit = anonymous.get(target).await.expect(200, "HIT");
        for page in [miss, hit] {
            assert!(!page.text().contains(ADMIN_BAR), "{target}");
            assert_eq!(page.header("set-cookie"), None, "{page:?}");
        }
        assert!(admin.get(target).await.text().contains(ADMIN_BAR), "{target}");
    }
}

#[tokio::test]
async fn the_dashboard_works_through_the_gateway() {
    let Some(site) = Site::start().await else { return };
    let mut admin = Visitor::logged_in(&site.gateway, "admin").await;
    for target in ["/wp-admin/", "/wp-admin/edit.php", "/wp-admin/post-new.php"] {
        let page = admin.get(target).await.expect(200, "BYPASS");
        assert!(page.text().contains("wpwrap"), "{target}");
    }
}

#[tokio::test]
async fn a_returning_commenter_is_greeted_and_nobody_else_is_shown_the_name() {
    let Some(site) = Site::start().await else { return };
    let mut anonymous = Visitor::new(&site.gateway);
    anonymous.get("/post-3/").await.expect(200, "MISS");
    let mut bob = Visitor::new(&site.gateway);
    let post = site
        .wordpress
        .php("echo get_page_by_path('post-3', OBJECT, 'post')->ID;");
    let form = [
        ("comment_post_ID", post.as_str()),
        ("comment_parent", "0"),
        ("author", "Bob Visitor"),
        ("email", "bob@example.invalid"),
        ("url", ""),
        ("comment", "A comment that went through the gateway."),
        ("wp-comment-cookies-consent", "yes"),
    ];
    let answer = bob.post("/wp-comments-post.php", &form).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    assert!(
        answer.header("location").unwrap().contains("/post-3/"),
        "{answer:?}"
    );
    assert!(bob.has_cookie("comment_author_email_"), "{answer:?}");

    let greeted = bob.get("/post-3/").await.expect(200, "BYPASS");
    assert!(greeted.text().contains("bob@example.invalid"));
    // Everybody else sees the comment without waiting for the page to grow old, and nothing else of Bob.
    eventually("a fresh page with the comment", async || {
        let page = Visitor::new(&site.gateway).get("/post-3/").await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(!page.text().contains("bob@example.invalid"), "{page:?}");
        page.x_cache() == "HIT" && page.text().contains("A comment that went through the gateway.")
    })
    .await;
}

#[tokio::test]
async fn a_protected_post_shows_its_form_to_all_and_its_body_only_to_who_knows_the_password() {
    let Some(site) = Site::start().await else { return };
    let mut anonymous = Visitor::new(&site.gateway);
    let mut reader = Visitor::new(&site.gateway);
    let form = anonymous.get("/secret-post/").await.expect(200, "MISS");
    assert!(form.text().contains("post-password-form"));
    let request = Req::new("POST", "/wp-login.php?action=postpass")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("referer", &format!("http://{HOST}/secret-post/"))
        .body("post_password=opensesame");
    let answer = reader.fetch(request).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    for _ in 0..2 {
        let secret = reader.get("/secret-post/").await.expect(200, "BYPASS");
        assert!(secret.text().contains("TOP-SECRET-BODY"));
    }
    // The answer to the form named the post in Location, which voids its copy (RFC 9111 4.4).
    eventually("the form from the cache", async || {
        let page = Visitor::new(&site.gateway).get("/secret-post/").await;
        assert!(!page.text().contains("TOP-SECRET-BODY"), "{page:?}");
        page.x_cache() == "HIT"
    })
    .await;
}

#[tokio::test]
async fn a_comment_in_moderation_is_shown_to_its_author_only() {
    let Some(site) = Site::start().await else { return };
    let id = site.wordpress.php(
        "echo wp_insert_comment(['comment_post_ID' => get_page_by_path('post-4', OBJECT, 'post')->ID, \
         'comment_author' => 'Eve', 'comment_author_email' => 'eve@example.invalid', \
         'comment_content' => 'WAITING-FOR-MODERATION', 'comment_approved' => 0]);",
    );
    let hash = site
        .wordpress
        .php(&format!("echo wp_hash(get_comment({id})->comment_date_gmt);"));
    let mut visitor = Visitor::new(&site.gateway);
    let preview = visitor
        .get(&format!("/post-4/?unapproved={id}&moderation-hash={hash}"))
        .await
        .expect(200, "BYPASS");
    assert!(preview.text().contains("WAITING-FOR-MODERATION"));
    for x_cache in ["MISS", "HIT"] {
        let page = visitor.get("/post-4/").await.expect(200, x_cache);
        assert!(!page.text().contains("WAITING-FOR-MODERATION"));
    }
}

/// One name for each rule about cookies.
const PERSONAL: [&str; 40] = [
    "wordpress_logged_in_HASH",
    "wordpress_sec_HASH",
    "wordpress_HASH",
    "wordpress_rec_HASH",
    "wordpressuser_HASH",
    "wordpresspass_HASH",
    "wordpress_no_cache",
    "wp-postpass_HASH",
    "wp-resetpass-HASH",
    "wp_any_plugin",
    "wp-any-plugin",
    "comment_author_HASH",
    "comment_author_email_HASH",
    "comment_author_url_HASH",
    "woocommerce_items_in_cart",
    "woocommerce_cart_hash",
    "woocommerce_current_currency",
    "wp_woocommerce_session_HASH",
    "edd_items_in_cart",
    "edd_wp_session",
    "PHPSESSID",
    "SESS0123",
    "SSESS0123",
    "SimpleSAMLAuthToken",
    "yith_wcwl_session_0",
    "yith_wrvp_0",
    "xf_user",
    "wpsc_customer",
    "ecwid",
    "ec_0",
    "bookly",
    "bp_completed_create_steps",
    "bp_new_group_id",
    "duo_wordpress_auth_cookie",
    "duo_secure_wordpress_auth_cookie",
    "amazon_Login_accessToken",
    "swpm_session",
    "tc_cart_0",
    "NO_CACHE",
    "wptouch_switch_toggle",
];

async fn with_cookie(site: &Site, target: &str, cookie: &str) -> crate::support::Response {
    let request = Req::get(target).header("cookie", cookie);
    Visitor::new(&site.gateway).fetch(request).await
}

#[tokio::test]
async fn each_personal_cookie_passes_and_leaves_the_shared_page_as_it_was() {
    let Some(site) = Site::start().await else { return };
    // The suffix of WordPress' own cookies, so that it believes the name in them.
    let hash = site.wordpress.php("echo COOKIEHASH;");
    let mut anonymous = Visitor::new(&site.gateway);
    for target in ["/post-9/", "/post-11/", "/"] {
        // The personal request comes first: nothing of it may be there when nobody in particular asks.
        let cold = with_cookie(&site, target, &format!("comment_author_{hash}=Mallory")).await;
        assert_eq!(cold.text().contains("Mallory"), target != "/", "{target}");
        let before = anonymous.get(target).await.expect(200, "MISS");
        assert!(!before.text().contains("Mallory"), "{target}");
        for name in PERSONAL {
            let name = name.replace("HASH", &hash);
            for (value, other) in [("7mallory", "8trent"), ("8trent", "7mallory")] {
                let answer = with_cookie(&site, target, &format!("_ga=1; {name}={value}")).await;
                assert_eq!(answer.x_cache(), "BYPASS", "{name} {answer:?}");
                assert!(!answer.text().contains(other), "{name} {answer:?}");
                let after = anonymous.get(target).await.expect(200, "HIT");
                assert_eq!(before.body, after.body, "{name}");
            }
        }
    }
}
