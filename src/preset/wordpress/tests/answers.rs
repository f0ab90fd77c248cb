//! Answers and bodies.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;

use super::{cached, headers, plain};
use crate::config::{Preset, RequestDirectives, SiteCache};
use crate::preset::{
    CacheRequest, FileKind, Freshness, PageClass, ResponseRule, StoreRule, body_check, drops_response_header,
    response,
};

const HTML: (&str, &str) = ("content-type", "text/html; charset=UTF-8");
const CORE_NOCACHE: [(&str, &str); 2] = [
    ("expires", "Wed, 11 Jan 1984 05:00:00 GMT"),
    (
        "cache-control",
        "no-cache, must-revalidate, max-age=0, no-store, private",
    ),
];
const PAGE_TTL: Duration = Duration::from_secs(420);

fn site() -> SiteCache {
    SiteCache {
        enabled: true,
        ttl: PAGE_TTL,
        ttl_max: Duration::from_secs(31_536_000),
        stale_while_revalidate: Duration::from_secs(86_400),
        stale_if_error: Duration::from_secs(86_400),
        heuristic: false,
        request_directives: RequestDirectives::Ignore,
        stale_with_s_maxage: true,
        store_set_cookie: false,
        debug_headers: true,
        leak_check: 0,
        leak_pass: Duration::from_secs(600),
        refresh_after_purge: None,
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn rule(request: &CacheRequest, status: u16, pairs: &[(&str, &str)]) -> ResponseRule {
    response(
        plain(),
        request,
        &site(),
        StatusCode::from_u16(status).unwrap(),
        &headers(pairs),
        now(),
    )
}

#[track_caller]
fn stored(target: &str, status: u16, pairs: &[(&str, &str)]) -> StoreRule {
    match rule(&cached(target, &[]), status, pairs) {
        ResponseRule::Store(rule) => rule,
        ResponseRule::Refuse(reason) => panic!("{target} {status} refused: {reason}"),
    }
}

#[track_caller]
fn refused(target: &str, status: u16, pairs: &[(&str, &str)]) -> &'static str {
    match rule(&cached(target, &[]), status, pairs) {
        ResponseRule::Refuse(reason) => reason,
        ResponseRule::Store(rule) => panic!("{target} {status} is stored: {rule:?}"),
    }
}

fn default(seconds: u64) -> Freshness {
    Freshness::Policy {
        default: Duration::from_secs(seconds),
    }
}

fn fixed(seconds: u64) -> Freshness {
    Freshness::Fixed {
        ttl: Duration::from_secs(seconds),
        stale_while_revalidate: None,
        stale_if_error: None,
    }
}

#[test]
fn an_answer_that_says_nothing_lives_as_long_as_its_class() {
    let day = 86_400;
    for (target, status, media, seconds) in [
        ("/", 200, "text/html", 420),
        ("/?s=x", 200, "text/html", 60),
        ("/feed/", 200, "application/rss+xml", 300),
        ("/wp-sitemap.xml", 200, "application/xml", 300),
        ("/robots.txt", 200, "text/plain", 420),
        ("/wp-json/wp/v2/posts", 200, "application/json", 60),
        ("/post-7", 301, "text/html", 300),
        ("/post-7", 302, "text/html", 0),
        ("/favicon.ico", 302, "text/html", day),
        ("/nope/", 404, "text/html", 10),
        ("/gone/", 410, "text/html", 60),
        ("/wp-content/themes/t/a.css", 200, "text/css", 7 * day),
        ("/wp-content/themes/t/a.css?ver=1", 200, "text/css", 365 * day),
        ("/wp-content/uploads/book.pdf", 200, "application/pdf", 3600),
        ("/export/", 200, "application/json", 0),
    ] {
        assert_eq!(
            stored(target, status, &[("content-type", media)]).freshness,
            default(seconds),
            "{target} {status}"
        );
    }
}

#[test]
fn a_site_without_ttl_stores_nothing_dynamic_by_default() {
    let site = SiteCache {
        ttl: Duration::ZERO,
        ..site()
    };
    for (target, media) in [
        ("/", "text/html"),
        ("/feed/", "application/rss+xml"),
        ("/robots.txt", "text/plain"),
    ] {
        let rule = response(
            plain(),
            &cached(target, &[]),
            &site,
            StatusCode::OK,
            &headers(&[("content-type", media)]),
            now(),
        );
        assert!(
            matches!(&rule, ResponseRule::Store(rule) if rule.freshness == default(0)),
            "{target} {rule:?}"
        );
    }
}

#[test]
fn errors_and_refusals_are_never_stored() {
    for status in [
        400, 401, 403, 405, 413, 429, 431, 500, 501, 502, 503, 504, 206, 303, 304,
    ] {
        assert_eq!(
            refused("/", status, &[HTML, ("cache-control", "max-age=60")]),
            "status",
            "{status}"
        );
    }
}

#[test]
fn private_no_store_and_no_cache_are_refused() {
    for word in ["private", "no-store", "no-cache"] {
        let value = format!("max-age=60, {word}");
        assert_eq!(refused("/", 200, &[HTML, ("cache-control", &value)]), word);
    }
    assert_eq!(refused("/", 200, &[HTML, ("pragma", "no-cache")]), "no-cache");
}

#[test]
fn core_marks_its_404_and_301_uncacheable_yet_they_hold_off_a_storm() {
    let mut pairs = vec![HTML];
    pairs.extend(CORE_NOCACHE);
    assert_eq!(stored("/nope/", 404, &pairs).freshness, fixed(10));
    assert_eq!(stored("/index.php/post-7/", 301, &pairs).freshness, fixed(60));
    assert_eq!(refused("/", 200, &pairs), "private");
    assert_eq!(refused("/wp-json/nope", 404, &CORE_NOCACHE), "private");
    assert_eq!(
        refused("/nope/", 404, &[HTML, ("cache-control", "no-store")]),
        "no-store"
    );
}

#[test]
fn an_action_of_admin_ajax_that_is_listed_is_shared_though_core_says_otherwise() {
    let request = CacheRequest {
        class: PageClass::Ajax,
        ..cached("/", &[])
    };
    let mut pairs = vec![HTML];
    pairs.extend(CORE_NOCACHE);
    let stored = |status| match rule(&request, status, &pairs) {
        ResponseRule::Store(rule) => Ok(rule.freshness),
        ResponseRule::Refuse(reason) => Err(reason),
    };
    assert_eq!(stored(200), Ok(fixed(60)));
    assert_eq!(stored(400), Err("status"));
    let private = rule(&request, 200, &[HTML, ("cache-control", "private")]);
    assert_eq!(private, ResponseRule::Refuse("private"));
    // A piece of a page is no page.
    let piece = |text: &str| {
        body_check(
            plain(),
            PageClass::Ajax,
            StatusCode::OK,
            &headers(&pairs),
            text.as_bytes(),
            now(),
        )
    };
    assert_eq!(piece("<li>a</li>"), Ok(None));
    assert!(matches!(piece("<li data-nonce=\"x\">a</li>"), Ok(Some(_))));
}

#[test]
fn a_made_up_url_is_never_served_stale() {
    for target in ["/?who-knows=1", "/?s=lorem"] {
        assert!(stored(target, 200, &[HTML]).no_stale, "{target}");
    }
    assert!(!stored("/", 200, &[HTML]).no_stale);
}

#[test]
fn not_found_is_forgotten_within_a_minute_and_never_served_stale() {
    let rule = stored("/nope/", 404, &[HTML, ("cache-control", "max-age=9999")]);
    assert_eq!(rule.ttl_max, Some(Duration::from_secs(60)));
    assert!(rule.no_stale);
}

#[test]
fn surrogate_control_goes_before_cache_control() {
    let rule = stored(
        "/",
        200,
        &[
            HTML,
            ("cache-control", "max-age=0"),
            (
                "surrogate-control",
                "max-age=86400, stale-while-revalidate=60, stale-if-error=120",
            ),
        ],
    );
    assert_eq!(
        rule.freshness,
        Freshness::Fixed {
            ttl: Duration::from_secs(86_400),
            stale_while_revalidate: Some(Duration::from_secs(60)),
            stale_if_error: Some(Duration::from_secs(120)),
        }
    );
    assert_eq!(
        refused("/", 200, &[HTML, ("surrogate-control", "no-store")]),
        "surrogate-control"
    );
}

#[test]
fn x_accel_expires_is_seconds_an_instant_or_a_refusal() {
    let at = |value| stored("/", 200, &[HTML, ("x-accel-expires", value)]).freshness;
    assert_eq!(at("30"), fixed(30));
    assert_eq!(at("@1700000090"), fixed(90));
    assert_eq!(at("off"), default(420));
    for value in ["0", "@1600000000"] {
        assert_eq!(
            refused("/", 200, &[HTML, ("x-accel-expires", value)]),
            "x-accel-expires"
        );
    }
}

#[test]
fn cdn_cache_control_goes_before_both_and_is_left_to_policy() {
    for name in ["cdn-cache-control", "popgate-cdn-cache-control"] {
        let pairs = [
            HTML,
            (name, "max-age=5"),
            ("surrogate-control", "max-age=20"),
            ("x-accel-expires", "30"),
        ];
        assert_eq!(stored("/", 200, &pairs).freshness, default(420), "{name}");
    }
}

#[test]
fn set_cookie_is_refused_unless_every_one_is_known_to_be_harmless() {
    let cookie = |value| ("set-cookie", value);
    assert_eq!(
        refused("/", 200, &[HTML, cookie("PHPSESSID=x; path=/")]),
        "set-cookie"
    );
    assert_eq!(
        refused(
            "/",
            200,
            &[HTML, cookie("tk_ai=1"), cookie("wp_woocommerce_session_1=x")]
        ),
        "set-cookie"
    );
    assert!(stored("/", 200, &[HTML, cookie("tk_ai=1"), cookie("pll_language=de")]).strip_set_cookie);
    assert!(!stored("/", 200, &[HTML]).strip_set_cookie);
    assert!(
        stored(
            "/a.css",
            200,
            &[("content-type", "text/css"), cookie("PHPSESSID=x")]
        )
        .strip_set_cookie
    );
}

#[test]
fn an_answer_for_one_person_is_refused() {
    assert_eq!(refused("/", 200, &[HTML, ("x-wp-nonce", "abcdef0123")]), "nonce");
    assert_eq!(
        refused("/", 200, &[HTML, ("cf-edge-cache", "no-cache")]),
        "cf-edge-cache"
    );
    assert_eq!(refused("/", 200, &[HTML, ("vary", "Accept-Encoding, *")]), "vary");
}

#[test]
fn a_page_under_the_name_of_a_file_is_not_that_file() {
    assert_eq!(refused("/profile/x.css", 200, &[HTML]), "content-type");
    assert_eq!(
        refused("/a.js", 200, &[("content-type", "text/css")]),
        "content-type"
    );
    assert_eq!(
        refused("/a.png", 200, &[("content-type", "application/json")]),
        "content-type"
    );
    assert_eq!(refused("/a.pdf", 200, &[HTML]), "content-type");
    assert_eq!(refused("/feed/", 200, &[HTML]), "content-type");
    assert_eq!(stored("/nope.css", 404, &[HTML]).freshness, default(10));
    assert_eq!(
        stored("/a.woff2", 200, &[("content-type", "font/woff2")]).freshness,
        default(7 * 86_400)
    );
}

#[test]
fn the_cap_of_an_unknown_parameter_reaches_the_answer() {
    let rule = stored("/?who-knows=1", 200, &[HTML, ("cache-control", "max-age=3600")]);
    assert_eq!(rule.ttl_max, Some(Duration::from_secs(60)));
}

#[test]
fn headers_for_the_gateway_stay_inside() {
    for name in [
        "x-powered-by",
        "surrogate-key",
        "x-litespeed-tag",
        "lsc-cookie",
        "x-accel-redirect",
    ] {
        assert!(
            drops_response_header(Preset::Wordpress, &name.parse().unwrap()),
            "{name}"
        );
    }
    assert!(!drops_response_header(Preset::Wordpress, &http::header::LINK));
}

fn check(
    status: u16,
    pairs: &[(&str, &str)],
    body: &str,
    at: SystemTime,
) -> Result<Option<Duration>, &'static str> {
    body_check(
        plain(),
        PageClass::Html,
        StatusCode::from_u16(status).unwrap(),
        &headers(pairs),
        body.as_bytes(),
        at,
    )
}

fn page(inside: &str) -> String {
    format!(
        "<!doctype html><html><body>{}{inside}</body></HTML>\n<!-- by a plugin -->",
        "x".repeat(255)
    )
}

#[test]
fn a_page_must_be_whole() {
    assert_eq!(check(200, &[HTML], &page(""), now()), Ok(None));
    assert_eq!(check(200, &[HTML], "<html></html>", now()), Err("short-page"));
    assert_eq!(check(200, &[HTML], &"x".repeat(300), now()), Err("open-page"));
    assert_eq!(check(301, &[HTML], "", now()), Ok(None));
    assert_eq!(
        check(200, &[("content-type", "application/json")], "{}", now()),
        Ok(None)
    );
}

#[test]
fn a_nonce_caps_the_life_of_its_page() {
    let tick = 43_200;
    let start = UNIX_EPOCH + Duration::from_secs(tick * 30_000);
    for inside in [
        r#"<input name="_wpnonce" value="abcdef0123">"#,
        r#"{"ajax_nonce":"abcdef0123"}"#,
        r#"security: 'abcdef0123'"#,
        r#"<div data-nonce="x">"#,
        "var wpApiSettings = {}",
    ] {
        let life = |after: u64| check(200, &[HTML], &page(inside), start + Duration::from_secs(after));
        // Made in a tick's first second it is valid to the end of the next tick; an hour is left to the visitor.
        assert_eq!(
            life(1),
            Ok(Some(Duration::from_secs(2 * tick - 1 - 3600))),
            "{inside}"
        );
        assert_eq!(life(tick), Ok(Some(Duration::from_secs(tick - 3600))), "{inside}");
    }
}

#[test]
fn a_page_that_cannot_be_read_lives_as_if_it_held_a_nonce() {
    for coding in ["br", "gzip"] {
        let pairs = [HTML, ("content-encoding", coding)];
        assert!(
            matches!(check(200, &pairs, "\u{1f}", now()), Ok(Some(_))),
            "{coding}"
        );
    }
}

#[test]
fn a_page_that_came_compressed_is_read_all_the_same() {
    use std::io::Write as _;
    let zipped = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let check = |text: &str| {
        let headers = headers(&[HTML, ("content-encoding", "gzip")]);
        let body = zipped(text);
        body_check(plain(), PageClass::Html, StatusCode::OK, &headers, &body, now())
    };
    assert_eq!(check(&page("")), Ok(None));
    assert!(matches!(check(&page("var wpApiSettings")), Ok(Some(_))));
    assert_eq!(check(&"x".repeat(1000)), Err("open-page"));
}

#[test]
fn files_are_not_scanned() {
    let class = PageClass::Static {
        kind: FileKind::Script,
        versioned: false,
    };
    let life = body_check(
        plain(),
        class,
        StatusCode::OK,
        &headers(&[("content-type", "text/javascript")]),
        b"var nonce = 'abcdef0123'",
        now(),
    );
    assert_eq!(life, Ok(None));
}
