//! RFC 9111 4 and 5.2.1, one rule each.

use super::*;
use crate::cache::policy::testing::{headers, standard};

type Lines<'a> = &'a [(&'static str, &'a str)];

fn bypassed(method: &str, lines: Lines<'_>) -> Option<&'static str> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    match request_decision(&method, &headers(lines), &standard(), None) {
        RequestDecision::Lookup(_) => None,
        RequestDecision::Bypass(reason) => Some(reason.as_str()),
    }
}

fn asked(lines: Lines<'_>) -> Directives {
    directives(&headers(lines), RequestDirectives::Honour)
}

#[test]
fn rfc9110_9_2_3_get_and_head_are_looked_up() {
    assert_eq!(bypassed("GET", &[]), None);
    assert_eq!(bypassed("HEAD", &[]), None);
    for method in ["POST", "PUT", "OPTIONS", "PURGE", "get"] {
        assert_eq!(bypassed(method, &[]), Some("method"), "{method}");
    }
    assert_eq!(bypassed("CONNECT", &[]), Some("connect"));
}

#[test]
fn a_site_without_cache_bypasses_everything() {
    let site = SiteCache {
        enabled: false,
        ..standard()
    };
    assert_eq!(
        request_decision(&Method::GET, &HeaderMap::new(), &site, Some("cookie")),
        RequestDecision::Bypass(BypassReason::Disabled)
    );
}

#[test]
fn rfc9110_7_8_upgrades_bypass_but_an_h2c_offer_does_not() {
    assert_eq!(bypassed("GET", &[("upgrade", "websocket")]), Some("upgrade"));
    assert_eq!(bypassed("GET", &[("upgrade", "h2c, websocket")]), Some("upgrade"));
    assert_eq!(bypassed("GET", &[("upgrade", "h2c")]), None);
}

#[test]
fn grpc_bypasses() {
    assert_eq!(
        bypassed("GET", &[("content-type", "application/grpc+proto")]),
        Some("grpc")
    );
    assert_eq!(
        bypassed("GET", &[("content-type", "Application/gRPC")]),
        Some("grpc")
    );
    assert_eq!(bypassed("GET", &[("content-type", "application/json")]), None);
}

#[test]
fn a_get_with_a_body_bypasses() {
    assert_eq!(bypassed("GET", &[("content-length", "5")]), Some("body"));
    assert_eq!(bypassed("GET", &[("transfer-encoding", "chunked")]), Some("body"));
    assert_eq!(bypassed("GET", &[("content-length", "0")]), None);
}

#[test]
fn rfc9110_13_1_1_preconditions_for_the_origin_bypass() {
    assert_eq!(bypassed("GET", &[("if-match", "\"a\"")]), Some("precondition"));
    assert_eq!(
        bypassed("GET", &[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]),
        Some("precondition")
    );
    assert_eq!(bypassed("GET", &[("if-none-match", "\"a\"")]), None);
    assert_eq!(
        bypassed("GET", &[("range", "bytes=0-1"), ("if-range", "\"a\"")]),
        None
    );
}

#[test]
fn a_presets_rule_bypasses_with_its_name() {
    assert_eq!(
        request_decision(&Method::GET, &HeaderMap::new(), &standard(), Some("cookie")),
        RequestDecision::Bypass(BypassReason::Preset("cookie"))
    );
}

#[test]
fn rfc9111_5_2_1_directives_are_read() {
    let found = asked(&[
        ("cache-control", "max-age=1, min-fresh=2"),
        ("cache-control", "max-stale"),
    ]);
    assert_eq!(
        found,
        Directives {
            max_age: Some(Duration::from_secs(1)),
            min_fresh: Some(Duration::from_secs(2)),
            max_stale: Some(MaxStale::Any),
            ..Directives::default()
        }
    );
}

#[test]
fn rfc9111_5_4_pragma_counts_without_cache_control() {
    assert!(asked(&[("pragma", "x, No-Cache")]).no_cache);
    assert!(!asked(&[("pragma", "no-cache"), ("cache-control", "max-age=5")]).no_cache);
    assert!(!asked(&[("pragma", "x")]).no_cache);
}

#[test]
fn a_site_that_ignores_directives_still_obeys_no_store_and_only_if_cached() {
    let all = headers(&[(
        "cache-control",
        "no-cache, no-store, only-if-cached, max-age=0, min-fresh=9, max-stale, stale-if-error=9",
    )]);
    assert_eq!(
        directives(&all, RequestDirectives::Ignore),
        Directives {
            no_store: true,
            only_if_cached: true,
            ..Directives::default()
        }
    );
    let pragma = headers(&[("pragma", "no-cache")]);
    assert_eq!(
        directives(&pragma, RequestDirectives::Ignore),
        Directives::default()
    );
}

#[test]
fn rfc9111_5_2_1_7_only_if_cached_does_not_go_past_the_cache() {
    let asked = headers(&[("cache-control", "only-if-cached")]);
    let wants = |method: &Method, reason| wants_no_bypass(method, &asked, reason);
    assert!(wants(&Method::GET, BypassReason::Precondition));
    assert!(wants(&Method::HEAD, BypassReason::Preset("cookie")));
    assert!(!wants(&Method::POST, BypassReason::Method));
    assert!(!wants(&Method::GET, BypassReason::Disabled));
    assert!(!wants_no_bypass(
        &Method::GET,
        &headers(&[]),
        BypassReason::Precondition
    ));
}
