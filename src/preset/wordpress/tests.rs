//! The preset's rules, one test each.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use std::sync::LazyLock;

use crate::config::{Preset, Wordpress};
use crate::preset::{CacheRequest, PageClass, RequestFacts, RequestVerdict, Rules, request};

mod answers;
mod browser_rules;
mod cookie_rules;
mod path_rules;
mod properties;
mod query_rules;

static DEFAULTS: LazyLock<Wordpress> = LazyLock::new(Wordpress::default);

/// The preset as it is.
fn plain() -> Rules<'static> {
    Rules {
        preset: Preset::Wordpress,
        wordpress: &DEFAULTS,
    }
}

/// Headers from pairs.
fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    map
}

/// Verdict on a GET of `target` (path and query) with these headers.
fn get(target: &str, pairs: &[(&str, &str)]) -> RequestVerdict {
    ask(&Method::GET, target, pairs)
}

fn ask(method: &Method, target: &str, pairs: &[(&str, &str)]) -> RequestVerdict {
    ask_with(&DEFAULTS, method, target, pairs)
}

/// As [`ask`], at a site with rules of its own.
fn ask_with(wordpress: &Wordpress, method: &Method, target: &str, pairs: &[(&str, &str)]) -> RequestVerdict {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let headers = headers(pairs);
    request(
        Rules {
            preset: Preset::Wordpress,
            wordpress,
        },
        &RequestFacts {
            method,
            path,
            query,
            headers: &headers,
        },
    )
}

/// The cacheable request that `target` becomes.
#[track_caller]
fn cached(target: &str, pairs: &[(&str, &str)]) -> CacheRequest {
    match get(target, pairs) {
        RequestVerdict::Cache(request) => request,
        RequestVerdict::Bypass(reason) => panic!("{target} {pairs:?} bypasses: {reason}"),
    }
}

/// Why `target` bypasses.
#[track_caller]
fn bypassed(target: &str, pairs: &[(&str, &str)]) -> &'static str {
    match get(target, pairs) {
        RequestVerdict::Bypass(reason) => reason,
        RequestVerdict::Cache(request) => panic!("{target} {pairs:?} is cached: {request:?}"),
    }
}

#[test]
fn only_get_and_head_are_looked_up() {
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
    ] {
        assert_eq!(ask(&method, "/", &[]), RequestVerdict::Bypass("method"));
    }
    assert!(matches!(ask(&Method::HEAD, "/", &[]), RequestVerdict::Cache(_)));
}

#[test]
fn a_get_with_a_body_bypasses() {
    assert_eq!(bypassed("/", &[("content-length", "3")]), "body");
    assert_eq!(bypassed("/", &[("transfer-encoding", "chunked")]), "body");
    assert_eq!(cached("/", &[("content-length", "0")]).class, PageClass::Html);
}

#[test]
fn authorization_bypasses() {
    assert_eq!(bypassed("/", &[("authorization", "Basic eDp5")]), "authorization");
    assert_eq!(
        bypassed(
            "/wp-content/themes/t/style.css",
            &[("authorization", "Basic eDp5")]
        ),
        "authorization"
    );
}

#[test]
fn the_standard_preset_leaves_the_request_alone() {
    let headers = headers(&[("cookie", "wordpress_logged_in_x=1")]);
    let verdict = request(
        Rules {
            preset: Preset::Standard,
            ..plain()
        },
        &RequestFacts {
            method: &Method::GET,
            path: "/wp-admin/",
            query: Some("utm_source=x&b=1&a=2"),
            headers: &headers,
        },
    );
    let RequestVerdict::Cache(request) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(request.query.as_deref(), Some("utm_source=x&b=1&a=2"));
    assert!(!request.strip_cookies);
}

#[test]
fn headers_that_overrule_never_reach_the_origin() {
    for name in [
        "x-http-method-override",
        "x-original-url",
        "x-lscache",
        "x-accel-redirect",
        "esi-referer",
    ] {
        for cacheable in [true, false] {
            assert!(crate::preset::drops_request_header(
                Preset::Wordpress,
                cacheable,
                &HeaderName::from_static(name)
            ));
        }
    }
}

#[test]
fn the_rules_in_force_name_those_of_the_preset_and_of_the_site() {
    let rules = Wordpress {
        bypass_paths: vec!["club".to_owned()],
        bypass_cookies: vec![crate::config::NamePattern::parse("club_*").unwrap()],
        ajax_actions: vec!["load_more".to_owned()],
        ..Wordpress::default()
    };
    let said: Vec<String> = crate::preset::wordpress_rules(&rules)
        .into_iter()
        .flat_map(|rule| rule.what)
        .collect();
    for rule in [
        "/club/",
        "/wp-admin/",
        "/cart/",
        "admin-ajax.php?action=load_more",
        "wp/v2/users",
        "club_*",
        "comment_author*",
        "woocommerce_items_in_cart≠0",
        "wordpress_test_cookie*",
        "fbclid",
        "utm_*",
        "add-to-cart",
        "per_page",
        "x-original-url",
    ] {
        assert!(said.iter().any(|said| said == rule), "{rule} {said:?}");
    }
}

#[test]
fn cookies_reach_the_origin_only_when_the_request_bypasses() {
    let drops =
        |cacheable| crate::preset::drops_request_header(Preset::Wordpress, cacheable, &http::header::COOKIE);
    assert!(drops(true));
    assert!(!drops(false));
}

#[test]
fn vary_on_what_the_origin_never_sees_makes_no_variant() {
    assert!(crate::preset::ignores_vary(Preset::Wordpress, "Cookie"));
    assert!(!crate::preset::ignores_vary(Preset::Wordpress, "Accept-Encoding"));
    assert!(!crate::preset::ignores_vary(Preset::Standard, "Cookie"));
}
