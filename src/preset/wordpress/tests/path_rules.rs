//! Paths.

use http::Method;

use super::{ask_with, bypassed, cached};
use crate::config::Wordpress;
use crate::preset::{FileKind, PageClass, RequestVerdict};

#[test]
fn personal_paths_are_never_cached_at_any_depth() {
    for path in [
        "/wp-admin/",
        "/wp-admin/admin-ajax.php",
        "/de/wp-admin/post.php",
        "/wp-login.php",
        "/de/wp-login.php",
        "/wp-cron.php",
        "/xmlrpc.php",
        "/wp-comments-post.php",
        "/wp-trackback.php",
        "/post-7/trackback/",
        "/wp-signup.php",
        "/wp-new-thing.php",
        "/cart",
        "/cart/",
        "/shop/checkout/order-received/7/",
        "/my-account/orders/",
        "/warenkorb/",
        "/mon-compte/",
        "/wc-api/v3/",
        "/members/bob/messages/",
        "/.well-known/acme-challenge/abc",
        "/phpmyadmin/index.php",
        "/CART/",
        "//wp-admin//",
        "/wp%2Dadmin/",
        "/some-script.php",
        "/wp-content/uploads/evil.php",
        "/wp-content/uploads/woocommerce_uploads/2026/book.pdf",
        "/wp-content/uploads/evil.php/x.css",
    ] {
        assert_eq!(bypassed(path, &[]), "path", "{path}");
    }
}

#[test]
fn words_of_personal_paths_inside_other_words_are_pages() {
    for path in [
        "/cartoons/",
        "/product/shopping-cart-cover/",
        "/wp-admin-guide/",
        "/2024/checkout-our-sale/",
    ] {
        assert_eq!(cached(path, &[]).class, PageClass::Html, "{path}");
    }
}

#[test]
fn path_confusion_never_gets_a_key() {
    for path in [
        "/account%2fx.css",
        "/account/%2e%2e/x.css",
        "/my/..%2fx.css",
        "/page;x.css",
        "/page%3bx.css",
        "/page%00.css",
        "/page%0a.css",
        "/a\\b",
        "/a%5cb",
        "/a/../b",
        "/a/./b",
        "/%252e/x",
        "/bad%zz",
        "/bad%",
        "/page%3fx.css",
    ] {
        assert_eq!(bypassed(path, &[]), "ambiguous-path", "{path}");
    }
}

#[test]
fn a_file_name_below_a_personal_path_stays_personal() {
    for path in [
        "/account/x.css",
        "/my-account/avatar.png",
        "/account/wp-content/x.css",
        "/index.php/x.css",
    ] {
        assert_eq!(bypassed(path, &[]), "path", "{path}");
    }
}

#[test]
fn path_info_behind_the_front_door_is_a_page() {
    assert_eq!(cached("/index.php/post-7/", &[]).class, PageClass::Html);
    assert_eq!(cached("/index.php", &[]).class, PageClass::Html);
}

#[test]
fn classes_follow_from_the_path() {
    for (path, class) in [
        ("/", PageClass::Html),
        ("/post-7/", PageClass::Html),
        ("/2024/05/page/2/", PageClass::Html),
        ("/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82/", PageClass::Html),
        ("/feed/", PageClass::Feed),
        ("/post-7/feed/atom/", PageClass::Feed),
        ("/comments/feed", PageClass::Feed),
        ("/wp-sitemap-posts-post-1.xml", PageClass::Sitemap),
        ("/sitemap_index.xml", PageClass::Sitemap),
        ("/main-sitemap.xsl", PageClass::Sitemap),
        ("/robots.txt", PageClass::Robots),
        ("/favicon.ico", PageClass::Favicon),
        ("/wp-json/wp/v2/posts", PageClass::Rest),
        ("/de/wp-json/", PageClass::Rest),
    ] {
        assert_eq!(cached(path, &[]).class, class, "{path}");
    }
}

#[test]
fn files_are_classed_by_extension_and_hash() {
    let file = |kind, versioned| PageClass::Static { kind, versioned };
    for (target, class) in [
        ("/wp-content/themes/t/style.css", file(FileKind::Style, false)),
        (
            "/wp-content/themes/t/style.css?ver=6.1",
            file(FileKind::Style, true),
        ),
        ("/wp-includes/js/jquery.min.js", file(FileKind::Script, false)),
        (
            "/wp-content/cache/min/app.3f9c2a1b.js",
            file(FileKind::Script, true),
        ),
        (
            "/wp-content/uploads/2025/11/photo-5-300x169.jpg",
            file(FileKind::Image, false),
        ),
        ("/wp-admin/css/login.min.css", file(FileKind::Style, false)),
        (
            "/wp-content/plugins/login/cart.woff2",
            file(FileKind::Font, false),
        ),
        ("/logo.PNG", file(FileKind::Image, false)),
        ("/wp-content/uploads/book.pdf", file(FileKind::Download, false)),
    ] {
        assert_eq!(cached(target, &[]).class, class, "{target}");
    }
    assert_eq!(
        cached("/wp-admin/load-styles.php?c=0&dir=ltr&load=buttons", &[]).class,
        PageClass::AdminAsset
    );
}

#[test]
fn rest_is_cached_only_for_anonymous_reading() {
    for (target, pairs) in [
        ("/wp-json/wp/v2/posts", &[("x-wp-nonce", "abcdef0123")][..]),
        ("/wp-json/wp/v2/posts", &[("origin", "https://elsewhere.example")]),
        ("/wp-json/wp/v2/posts?context=edit", &[]),
        ("/wp-json/wp/v2/users", &[]),
        ("/wp-json/wp/v2/users/1", &[]),
        ("/wp-json/wc/v3/orders", &[]),
        ("/wp-json/wc/store/v1/cart", &[]),
        ("/wp-json/batch/v1", &[]),
        ("/wp-json/oembed/1.0/proxy?url=x", &[]),
        ("/?rest_route=/wp/v2/users", &[]),
        ("/?rest_route=%2Fwp%2Fv2%2FUsers%2F", &[]),
        ("/?rest_route=/wp/v2/posts", &[("origin", "null")]),
    ] {
        assert_eq!(bypassed(target, pairs), "rest", "{target}");
    }
    for target in [
        "/wp-json/wp/v2/posts?per_page=5&_embed",
        "/wp-json/wc/store/v1/products",
        "/wp-json/oembed/1.0/embed?url=x",
        "/?rest_route=/wp/v2/posts",
    ] {
        assert_eq!(cached(target, &[]).class, PageClass::Rest, "{target}");
    }
}

#[test]
fn actions_of_admin_ajax_pass_unless_the_site_lists_them() {
    let rules = Wordpress {
        ajax_actions: vec!["load_more".to_owned()],
        ..Wordpress::default()
    };
    let get = |target: &str, pairs: &[(&str, &str)]| ask_with(&rules, &Method::GET, target, pairs);
    let listed = get("/de/wp-admin/admin-ajax.php?page=2&action=load_more", &[]);
    let RequestVerdict::Cache(request) = listed else {
        panic!("{listed:?}")
    };
    assert_eq!(request.class, PageClass::Ajax);
    assert_eq!(request.query.as_deref(), Some("action=load_more&page=2"));
    assert!(request.made_up.is_some());
    for (target, pairs, reason) in [
        ("?action=heartbeat", &[][..], "path"),
        ("", &[], "path"),
        ("?action=load_more&action=heartbeat", &[], "path"),
        ("?action=load_more&act%69on=heartbeat", &[], "path"),
        (
            "?action[]=load_more",
            &[("origin", "https://elsewhere.example")],
            "path",
        ),
        (
            "?action=load_more",
            &[("origin", "https://elsewhere.example")],
            "path",
        ),
        (
            "?action=load_more",
            &[("cookie", "wordpress_logged_in_1=x")],
            "cookie",
        ),
        ("?action=load_more&nonce=abcdef0123", &[], "query"),
    ] {
        let target = format!("/wp-admin/admin-ajax.php{target}");
        assert_eq!(get(&target, pairs), RequestVerdict::Bypass(reason), "{target}");
    }
    let post = ask_with(
        &rules,
        &Method::POST,
        "/wp-admin/admin-ajax.php?action=load_more",
        &[],
    );
    assert_eq!(post, RequestVerdict::Bypass("method"));
    assert_eq!(bypassed("/wp-admin/admin-ajax.php?action=load_more", &[]), "path");
}

#[test]
fn rest_parameters_that_overrule_bypass() {
    for parameter in [
        "_method=DELETE",
        "_jsonp=x",
        "_wpnonce=abcdef0123",
        ".wpnonce=abcdef0123",
    ] {
        assert_eq!(
            bypassed(&format!("/wp-json/wp/v2/posts?{parameter}"), &[]),
            "query",
            "{parameter}"
        );
    }
}
