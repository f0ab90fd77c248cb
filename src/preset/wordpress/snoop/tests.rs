//! Writes as WordPress answers them, and what each is taken to change.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::tags;
use super::*;
use crate::preset::PageClass;

const LOGGED_IN: (&str, &str) = (
    "cookie",
    "wordpress_test_cookie=x; wordpress_logged_in_0123=admin",
);
const JSON: (&str, &str) = ("content-type", "application/json; charset=UTF-8");

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            )
        })
        .collect()
}

fn watched(method: &str, target: &str, pairs: &[(&str, &str)]) -> Option<Write> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    watch(&RequestFacts {
        method: &Method::from_bytes(method.as_bytes()).unwrap(),
        path,
        query,
        headers: &headers(pairs),
    })
}

fn whole(bytes: &[u8]) -> Sent<'_> {
    Sent { bytes, whole: true }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

/// What an answer's head says about a write by somebody who is logged in.
fn effect(method: &str, target: &str, body: &str, code: u16, answer: &[(&str, &str)]) -> Effect {
    watched(method, target, &[LOGGED_IN])
        .unwrap_or_else(|| panic!("{target} is not watched"))
        .on_head(whole(body.as_bytes()), status(code), &headers(answer))
}

#[track_caller]
fn changes(effect: Effect) -> Changes {
    match effect {
        Effect::Changed(changes) => changes,
        other => panic!("{other:?}"),
    }
}

/// What a REST write changes by its answer.
fn rest(method: &str, target: &str, asked: &str, code: u16, answer: &str) -> Option<Changes> {
    let write = watched(method, target, &[]).unwrap();
    let sent = whole(asked.as_bytes());
    let head = write.on_head(sent, status(code), &headers(&[JSON]));
    assert_eq!(head, Effect::AfterBody, "{target}");
    write.on_answer(sent, status(code), Some(answer.as_bytes()))
}

const POST: &str = r#"{"id":15,"date":"2025-11-05T10:00:00","slug":"post-7","status":"publish","type":"post",
    "link":"http://wp.example/post-7/","author":1,"categories":[3],"tags":[9,11],"meta":[]}"#;

fn has(changes: &Changes, names: &[&str]) {
    for name in names {
        assert!(
            changes.tags.iter().any(|tag| tag == name),
            "{name} is not in {changes:?}"
        );
    }
}

#[test]
fn a_rest_edit_names_the_post_its_terms_its_author_and_all_that_lists_it() {
    let changed = rest("POST", "/wp-json/wp/v2/posts/15", r#"{"title":"x"}"#, 200, POST).unwrap();
    has(
        &changed,
        &[
            "p/15",
            "posts/15",
            "categories/3",
            "tags/9",
            "tags/11",
            "users/1",
            "list",
            "feed",
            "rest",
            "sitemap",
            "404",
            "moved",
        ],
    );
    assert_eq!(changed.urls, ["/", "/post-7/", "/post-7"]);
    assert_eq!(changed.prefixes, ["/post-7/"]);
    assert_eq!(changed.also_on.as_deref(), Some("wp.example"));
    assert_eq!((changed.kind, changed.wide), (ChangeKind::Post, None));
    assert!(!changed.tags.iter().any(|tag| tag == "archive"));
}

#[test]
fn a_post_that_may_have_left_a_term_or_an_author_changes_all_archives() {
    for asked in [r#"{"tags":[9,11]}"#, r#"{"author":1}"#, "no json"] {
        let changed = rest("PUT", "/wp-json/wp/v2/posts/15", asked, 200, POST).unwrap();
        has(&changed, &["archive"]);
    }
}

#[test]
fn rest_is_also_reached_by_parameter_and_by_a_method_in_the_query() {
    for (method, target) in [
        ("POST", "/?rest_route=/wp/v2/posts/15"),
        ("POST", "/index.php?rest_route=%2Fwp%2Fv2%2Fposts%2F15"),
        ("GET", "/wp-json/wp/v2/posts/15?_method=DELETE"),
        ("PATCH", "/de/wp-json/wp/v2/posts/15"),
    ] {
        assert!(rest(method, target, "{}", 200, POST).is_some(), "{target}");
    }
    assert_eq!(watched("GET", "/wp-json/wp/v2/posts", &[]), None);
    assert_eq!(watched("POST", "/contact/", &[]), None);
}

#[test]
fn a_draft_that_stays_one_changes_nothing_and_one_that_leaves_the_public_does() {
    let draft = POST.replace("publish", "draft");
    let save = |asked, code| rest("POST", "/wp-json/wp/v2/posts/15", asked, code, &draft);
    assert_eq!(save(r#"{"title":"x"}"#, 200), None);
    assert_eq!(save(r#"{"title":"x","status":"draft"}"#, 201), None);
    assert!(save(r#"{"status":"draft"}"#, 200).is_some());
    let trashed = POST.replace("publish", "trash");
    assert!(rest("DELETE", "/wp-json/wp/v2/posts/15", "", 200, &trashed).is_some());
}

#[test]
fn a_deletion_for_good_is_known_by_what_was_there() {
    let gone = format!(r#"{{"deleted":true,"previous":{POST}}}"#);
    let changed = rest("DELETE", "/wp-json/wp/v2/posts/15?force=true", "", 200, &gone).unwrap();
    has(&changed, &["p/15", "categories/3"]);
    assert!(changed.prefixes.contains(&"/post-7/".to_owned()));
}

#[test]
fn autosaves_and_refused_writes_change_nothing() {
    let head = |target: &str, code| effect("POST", target, "{}", code, &[JSON]);
    assert_eq!(head("/wp-json/wp/v2/posts/15/autosaves", 200), Effect::Nothing);
    assert_eq!(head("/wp-json/wp/v2/posts/15", 401), Effect::Nothing);
    assert_eq!(head("/wp-json/wp/v2/users/me", 200), Effect::Nothing);
    assert_eq!(
        head("/wp-json/contact-form-7/v1/contact-forms/3/feedback", 200),
        Effect::Nothing
    );
}

#[test]
fn what_cannot_be_read_changes_all_pages() {
    let write = watched("POST", "/wp-json/wp/v2/posts/15", &[]).unwrap();
    for answer in [None, Some(&b"<html>"[..]), Some(b"[1]"), Some(b"{}")] {
        let changed = write.on_answer(whole(b"{}"), StatusCode::OK, answer).unwrap();
        assert_eq!(changed.wide, Some(Wide::Pages), "{answer:?}");
    }
    let gzip = [JSON, ("content-encoding", "gzip")];
    let changed = changes(write.on_head(whole(b"{}"), StatusCode::OK, &headers(&gzip)));
    assert_eq!(changed.wide, Some(Wide::Pages));
}

#[test]
fn templates_menus_settings_and_plugins_change_everything() {
    let wide = |target: &str| changes(effect("POST", target, "{}", 200, &[JSON])).wide;
    assert_eq!(wide("/wp-json/wp/v2/templates/x"), Some(Wide::Pages));
    assert_eq!(wide("/wp-json/wp/v2/global-styles/7"), Some(Wide::Pages));
    assert_eq!(wide("/wp-json/wp/v2/settings"), Some(Wide::Pages));
    assert_eq!(wide("/wp-json/wp/v2/plugins/x/y"), Some(Wide::Site));
    let term = r#"{"id":3,"link":"http://wp.example/category/news/","taxonomy":"category"}"#;
    let term = rest("POST", "/wp-json/wp/v2/categories/3", "{}", 200, term).unwrap();
    assert_eq!((term.kind, term.wide), (ChangeKind::Term, Some(Wide::Pages)));
}

#[test]
fn a_plugins_own_route_counts_only_with_a_nonce_that_core_has_checked() {
    let target = "/wp-json/some-plugin/v1/save";
    assert_eq!(effect("POST", target, "{}", 200, &[JSON]), Effect::Nothing);
    let checked = [JSON, ("x-wp-nonce", "0123456789")];
    assert_eq!(
        changes(effect("POST", target, "{}", 200, &checked)).wide,
        Some(Wide::Pages)
    );
    let stranger = watched("POST", target, &[]).unwrap();
    assert_eq!(
        stranger.on_head(whole(b""), StatusCode::OK, &headers(&checked)),
        Effect::Nothing
    );
}

#[test]
fn a_product_is_a_post_with_a_permalink() {
    let product = r#"{"id":7,"permalink":"https://shop.example/product/hat/","categories":[{"id":4,"name":"x"}],"status":"publish"}"#;
    let changed = rest("PUT", "/wp-json/wc/v3/products/7", "{}", 200, product).unwrap();
    has(&changed, &["p/7", "categories/4"]);
    assert_eq!(changed.prefixes, ["/product/hat/"]);
}

#[test]
fn a_replaced_file_is_named_with_all_its_sizes() {
    let media = r#"{"id":20,"post":15,"source_url":"http://wp.example/wp-content/uploads/a.jpg",
        "link":"http://wp.example/a/","media_details":{"sizes":{"thumbnail":
        {"source_url":"http://wp.example/wp-content/uploads/a-150x150.jpg"}}}}"#;
    let changed = rest("POST", "/wp-json/wp/v2/media/20", "{}", 200, media).unwrap();
    for url in [
        "/wp-content/uploads/a.jpg",
        "/wp-content/uploads/a-150x150.jpg",
        "/a/",
    ] {
        assert!(changed.urls.contains(&url.to_owned()), "{changed:?}");
    }
    has(&changed, &["p/20", "p/15"]);
    assert_eq!(changed.covered_by(), Wide::Site);
}

#[test]
fn a_classic_save_is_known_by_where_its_answer_leads() {
    let location = [(
        "location",
        "http://wp.example/wp-admin/post.php?post=15&action=edit&message=1",
    )];
    let changed = changes(effect("POST", "/wp-admin/post.php", "", 302, &location));
    has(&changed, &["p/15", "list", "archive", "feed"]);
    assert_eq!(changed.urls, ["/"]);
}

#[test]
fn links_in_lists_write_by_get_with_a_nonce() {
    let location = [("location", "edit.php?trashed=2&ids=15,16")];
    let target = "/wp-admin/edit.php?action=trash&post%5B%5D=15&post%5B%5D=16&_wpnonce=0123456789";
    has(
        &changes(effect("GET", target, "", 302, &location)),
        &["p/15", "p/16"],
    );
    assert_eq!(
        watched("GET", "/wp-admin/edit.php?post_status=draft", &[LOGGED_IN]),
        None
    );
}

#[test]
fn nobody_who_is_sent_to_the_login_has_written() {
    for location in [
        "http://wp.example/wp-login.php?redirect_to=x&reauth=1",
        "https://wp.example/404",
        "/hidden",
    ] {
        assert_eq!(
            effect(
                "POST",
                "/wp-admin/options.php",
                "",
                302,
                &[("location", location)]
            ),
            Effect::Nothing,
            "{location}"
        );
    }
    let stranger = watched("POST", "/wp-admin/options.php", &[]).unwrap();
    assert_eq!(
        stranger.on_head(whole(b""), StatusCode::OK, &HeaderMap::new()),
        Effect::Nothing
    );
}

#[test]
fn scripts_of_wp_admin_change_as_much_as_they_show() {
    let wide = |script: &str| changes(effect("POST", &format!("/wp-admin/{script}"), "", 200, &[])).wide;
    for script in [
        "nav-menus.php",
        "widgets.php",
        "options.php",
        "edit-tags.php",
        "profile.php",
    ] {
        assert_eq!(wide(script), Some(Wide::Pages), "{script}");
    }
    for script in [
        "plugins.php",
        "themes.php",
        "update.php",
        "admin.php?page=x",
        "network/settings.php",
    ] {
        assert_eq!(wide(script), Some(Wide::Site), "{script}");
    }
    assert_eq!(
        effect("POST", "/wp-admin/admin-post.php", "", 200, &[]),
        Effect::Nothing
    );
}

#[test]
fn ajax_counts_by_its_action() {
    let ajax = |body: &str| effect("POST", "/wp-admin/admin-ajax.php", body, 200, &[]);
    has(
        &changes(ajax("action=inline-save&post_ID=15&_inline_edit=x")),
        &["p/15", "archive"],
    );
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\ntrash-post\r\n--b\r\n\
                     Content-Disposition: form-data; name=\"id\"\r\n\r\n7\r\n--b--\r\n";
    has(&changes(ajax(multipart)), &["p/7"]);
    assert_eq!(changes(ajax("action=customize_save")).wide, Some(Wide::Site));
    assert_eq!(changes(ajax("action=save-widget")).wide, Some(Wide::Pages));
    has(
        &changes(ajax("action=dim-comment&id=5")),
        &["single", "comments-feed"],
    );
    for quiet in ["action=heartbeat", "action=some_counter", "", "action"] {
        assert_eq!(ajax(quiet), Effect::Nothing, "{quiet}");
    }
}

#[test]
fn a_comment_changes_its_post_and_one_in_moderation_nothing() {
    let comment = |location: &str| {
        watched("POST", "/wp-comments-post.php", &[]).unwrap().on_head(
            whole(b""),
            status(302),
            &headers(&[("location", location)]),
        )
    };
    let changed = changes(comment("http://wp.example/post-7/comment-page-2/#comment-500"));
    assert_eq!(changed.prefixes, ["/post-7/"]);
    has(&changed, &["comments-feed"]);
    let plain = changes(comment("http://wp.example/?p=7#comment-500"));
    has(&plain, &["p/7"]);
    assert!(plain.prefixes.is_empty(), "{plain:?}");
    assert_eq!(
        comment("http://wp.example/post-7/?unapproved=501&moderation-hash=0#comment-501"),
        Effect::Nothing
    );
}

#[test]
fn xmlrpc_counts_when_its_answer_holds_no_fault() {
    let call = |method: &str, answer: &str| {
        let body = format!("<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName>");
        let write = watched("POST", "/xmlrpc.php", &[]).unwrap();
        match write.on_head(whole(body.as_bytes()), StatusCode::OK, &HeaderMap::new()) {
            Effect::AfterBody => {
                write.on_answer(whole(body.as_bytes()), StatusCode::OK, Some(answer.as_bytes()))
            }
            _ => None,
        }
    };
    let good = "<methodResponse><params><param><value><string>15</string></value></param></params>";
    let fault = "<methodResponse><fault><value><struct>";
    assert!(call("wp.newPost", good).is_some());
    assert!(call("metaWeblog.editPost", good).is_some());
    assert_eq!(call("wp.newPost", fault), None);
    assert_eq!(call("wp.getPosts", good), None);
    let all_failed = "<methodResponse><params><param><value><array><data><value><struct>faultCode";
    assert_eq!(call("system.multicall", all_failed), None);
    let one_went = format!("{all_failed}<value><array><data>");
    assert!(call("system.multicall", &one_went).is_some());
}

#[test]
fn a_blog_of_a_multisite_install_has_a_front_page_of_its_own() {
    let changed = rest("POST", "/de/wp-json/wp/v2/posts/15", "{}", 200, POST).unwrap();
    assert!(changed.urls.contains(&"/de/".to_owned()), "{changed:?}");
}

#[test]
fn a_list_that_is_too_long_to_name_is_wide() {
    let ids: Vec<String> = (1..200).map(|id| id.to_string()).collect();
    let location = format!("edit.php?trashed=199&ids={}", ids.join(","));
    let target = "/wp-admin/edit.php?action=trash&_wpnonce=0";
    let changed = changes(effect("GET", target, "", 302, &[("location", &location)]));
    assert_eq!(changed.wide, Some(Wide::Pages));
}

fn stored(class: PageClass, code: u16, links: &[&str]) -> Vec<String> {
    let mut map = HeaderMap::new();
    for link in links {
        map.append(header::LINK, link.parse().unwrap());
    }
    tags::of("wp.example", "/x/", class, status(code), &map)
        .into_iter()
        .map(|tag| tag.strip_prefix("wp:wp.example:").unwrap().to_owned())
        .collect()
}

const API: &str = "<http://wp.example/wp-json/>; rel=\"https://api.w.org/\"";

#[test]
fn a_stored_page_says_by_its_links_what_it_is_about() {
    let html = |links: &[&str]| stored(PageClass::Html, 200, links);
    assert_eq!(
        html(&[
            API,
            "<http://wp.example/wp-json/wp/v2/posts/15>; rel=\"alternate\"; type=\"application/json\"",
            "<http://wp.example/?p=15>; rel=shortlink"
        ]),
        ["any", "p/15", "single", "posts/15"]
    );
    let joined = format!(
        "{API}, <http://wp.example/?rest_route=/wp/v2/categories/3>; rel=\"alternate\"; type=\"application/json\""
    );
    assert_eq!(html(&[&joined]), ["any", "categories/3", "archive"]);
    assert_eq!(html(&[API]), ["any", "list"]);
    assert_eq!(html(&[]), ["any", "bare"]);
    assert_eq!(stored(PageClass::Feed, 200, &[API]), ["any", "feed"]);
    assert_eq!(stored(PageClass::Rest, 200, &[]), ["any", "rest"]);
    assert_eq!(stored(PageClass::Html, 404, &[API]), ["404", "any"]);
    assert_eq!(stored(PageClass::Html, 301, &[]), ["moved", "any"]);
    let file = PageClass::Static {
        kind: crate::preset::FileKind::Style,
        versioned: false,
    };
    assert!(stored(file, 200, &[]).is_empty());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        target in "/[ -~]{0,60}", body in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        location in "[ -~]{0,60}", code in 200u16..400,
    ) {
        if let Some(write) = watched("POST", &target, &[LOGGED_IN]) {
            let answer = headers(&[JSON, ("location", location.as_str())]);
            let sent = Sent { bytes: &body, whole: false };
            let _ = write.on_head(sent, status(code), &answer);
            let _ = write.on_answer(sent, status(code), Some(&body));
        }
    }
}
