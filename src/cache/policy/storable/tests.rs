//! RFC 9111 3, one rule each.

use super::RefuseReason as Why;
use super::*;
use crate::cache::policy::date;
use crate::cache::policy::testing::{at, headers, standard};

const NOW: u64 = 1_767_225_600;

type Lines<'a> = &'a [(&'static str, &'a str)];

fn decide_on(site: &SiteCache, status: u16, request: Lines<'_>, answer: Lines<'_>) -> StoreDecision {
    store_decision(
        &Exchange {
            method: &Method::GET,
            request: &headers(request),
            no_store: false,
            requested_at: at(NOW),
        },
        StatusCode::from_u16(status).unwrap(),
        &headers(answer),
        site,
        &Overrides::default(),
        at(NOW),
    )
}

fn decide(status: u16, request: Lines<'_>, answer: Lines<'_>) -> StoreDecision {
    decide_on(&standard(), status, request, answer)
}

fn refusal(status: u16, request: Lines<'_>, answer: Lines<'_>) -> Option<Why> {
    match decide(status, request, answer) {
        StoreDecision::Store(_) => None,
        StoreDecision::Refuse(reason) => Some(reason),
    }
}

fn with(field: (&'static str, &str)) -> Option<Why> {
    refusal(200, &[], &[("cache-control", "max-age=60"), field])
}

fn cc(cache_control: &str) -> Option<Why> {
    refusal(200, &[], &[("cache-control", cache_control)])
}

#[test]
fn rfc9111_3_explicit_freshness_is_stored() {
    let StoreDecision::Store(times) = decide(200, &[], &[("cache-control", "max-age=60")]) else {
        panic!("refused")
    };
    assert_eq!(times.stored_at, at(NOW));
    assert_eq!(times.fresh_until, at(NOW + 60));
}

#[test]
fn rfc9111_3_only_answers_to_get_are_stored() {
    for method in [Method::HEAD, Method::POST, Method::OPTIONS] {
        let decision = store_decision(
            &Exchange {
                method: &method,
                request: &HeaderMap::new(),
                no_store: false,
                requested_at: at(NOW),
            },
            StatusCode::OK,
            &headers(&[("cache-control", "max-age=60")]),
            &standard(),
            &Overrides::default(),
            at(NOW),
        );
        assert_eq!(decision, StoreDecision::Refuse(Why::Method), "{method}");
    }
}

#[test]
fn rfc9111_5_2_1_5_request_no_store_is_obeyed() {
    let decision = store_decision(
        &Exchange {
            method: &Method::GET,
            request: &HeaderMap::new(),
            no_store: true,
            requested_at: at(NOW),
        },
        StatusCode::OK,
        &headers(&[("cache-control", "max-age=60")]),
        &standard(),
        &Overrides::default(),
        at(NOW),
    );
    assert_eq!(decision, StoreDecision::Refuse(Why::RequestNoStore));
}

#[test]
fn rfc9111_3_any_final_status_with_explicit_freshness_is_stored() {
    for status in [
        200, 201, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 403, 404, 410, 451, 499, 500, 503, 599,
    ] {
        assert_eq!(
            refusal(status, &[], &[("cache-control", "max-age=60")]),
            None,
            "{status}"
        );
    }
}

#[test]
fn rfc9111_3_3_partial_and_not_modified_answers_are_not_stored() {
    for status in [100, 101, 103, 206, 304] {
        assert_eq!(
            refusal(status, &[], &[("cache-control", "max-age=60")]),
            Some(Why::Status),
            "{status}"
        );
    }
}

#[test]
fn rfc6585_statuses_that_no_cache_may_store() {
    for status in [428, 429, 431, 511] {
        assert_eq!(
            refusal(status, &[], &[("cache-control", "max-age=60")]),
            Some(Why::Status),
            "{status}"
        );
    }
}

#[test]
fn answers_that_hang_on_one_requests_fields_are_not_stored() {
    for status in [412, 416, 417] {
        assert_eq!(
            refusal(status, &[], &[("cache-control", "max-age=60")]),
            Some(Why::Status),
            "{status}"
        );
    }
}

#[test]
fn rfc9111_3_heuristic_statuses_need_a_ttl_and_others_more() {
    let site = SiteCache {
        ttl: Duration::from_secs(300),
        ..standard()
    };
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert!(
            matches!(decide_on(&site, status, &[], &[]), StoreDecision::Store(_)),
            "{status}"
        );
    }
    for status in [201, 302, 303, 307, 400, 401, 403, 500, 502, 503] {
        assert_eq!(
            decide_on(&site, status, &[], &[]),
            StoreDecision::Refuse(Why::NoFreshness),
            "{status}"
        );
    }
    let public: Lines<'_> = &[("cache-control", "public")];
    assert!(matches!(
        decide_on(&site, 302, &[], public),
        StoreDecision::Store(_)
    ));
}

#[test]
fn rfc9111_3_nothing_without_freshness_and_without_validator() {
    assert_eq!(refusal(200, &[], &[]), Some(Why::NoFreshness));
    assert_eq!(refusal(200, &[], &[("etag", "\"a\"")]), None);
    assert_eq!(
        refusal(200, &[], &[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")]),
        None
    );
    assert_eq!(refusal(302, &[], &[("etag", "\"a\"")]), Some(Why::NoFreshness));
}

#[test]
fn a_silent_answer_to_a_request_with_cookies_is_not_stored_for_its_validator() {
    assert_eq!(
        refusal(200, &[("cookie", "a=b")], &[("etag", "\"a\"")]),
        Some(Why::NoFreshness)
    );
}

#[test]
fn rfc9111_4_2_stale_on_arrival_needs_a_validator_or_a_window() {
    assert_eq!(cc("max-age=0"), Some(Why::Expired));
    assert_eq!(cc("max-age=0, stale-while-revalidate=60"), None);
    assert_eq!(with(("age", "61")), Some(Why::Expired));
    assert_eq!(with(("age", "59")), None);
    assert_eq!(
        refusal(200, &[], &[("cache-control", "max-age=0"), ("etag", "\"a\"")]),
        None
    );
}

#[test]
fn rfc9111_5_3_expires_in_the_past_is_stored_only_with_a_validator() {
    let past = date::format(at(NOW - 60));
    let past = past.to_str().unwrap();
    assert_eq!(refusal(200, &[], &[("expires", past)]), Some(Why::Expired));
    assert_eq!(refusal(200, &[], &[("expires", past), ("etag", "\"a\"")]), None);
}

#[test]
fn rfc9111_5_2_2_5_no_store() {
    assert_eq!(cc("max-age=60, no-store"), Some(Why::NoStore));
    assert_eq!(cc("no-store, max-age=60, public"), Some(Why::NoStore));
}

#[test]
fn rfc9111_5_2_2_7_private() {
    assert_eq!(cc("max-age=60, private"), Some(Why::Private));
    assert_eq!(cc("max-age=60, private, public, s-maxage=60"), Some(Why::Private));
    assert_eq!(cc("max-age=60, private=\"x-a\""), None);
}

#[test]
fn rfc9111_5_2_2_4_no_cache_is_stored_for_revalidation_only() {
    assert_eq!(cc("no-cache, max-age=60"), Some(Why::NoCache));
    let StoreDecision::Store(times) = decide(200, &[], &[("cache-control", "no-cache"), ("etag", "\"a\"")])
    else {
        panic!("refused")
    };
    assert!(!times.is_fresh(at(NOW)));
}

#[test]
fn rfc9111_5_2_2_3_must_understand_overrides_no_store_for_known_statuses() {
    let value: Lines<'_> = &[("cache-control", "must-understand, no-store, max-age=60")];
    for status in [200, 404, 302, 503] {
        assert_eq!(refusal(status, &[], value), None, "{status}");
    }
    for status in [299, 499, 599, 418, 425] {
        assert_eq!(refusal(status, &[], value), Some(Why::MustUnderstand), "{status}");
    }
    let alone: Lines<'_> = &[("cache-control", "must-understand, max-age=60")];
    assert_eq!(refusal(299, &[], alone), Some(Why::MustUnderstand));
}

#[test]
fn rfc9111_3_5_authorization_needs_permission() {
    let request: Lines<'_> = &[("authorization", "Basic x")];
    let reason = |value| refusal(200, request, &[("cache-control", value)]);
    assert_eq!(reason("max-age=60"), Some(Why::Authorization));
    assert_eq!(reason("max-age=60, proxy-revalidate"), Some(Why::Authorization));
    assert_eq!(reason("max-age=60, public"), None);
    assert_eq!(reason("max-age=60, must-revalidate"), None);
    assert_eq!(reason("s-maxage=60"), None);
    assert_eq!(reason("max-age=60, no-store, public"), Some(Why::NoStore));
}

#[test]
fn rfc9111_3_5_authorization_does_not_live_on_a_site_ttl() {
    let site = SiteCache {
        ttl: Duration::from_secs(300),
        ..standard()
    };
    assert_eq!(
        decide_on(&site, 200, &[("authorization", "Basic x")], &[]),
        StoreDecision::Refuse(Why::Authorization)
    );
}

#[test]
fn set_cookie_is_never_stored_by_default() {
    let answer: Lines<'_> = &[("cache-control", "public, max-age=60"), ("set-cookie", "a=b")];
    assert_eq!(refusal(200, &[], answer), Some(Why::SetCookie));
    let loose = SiteCache {
        store_set_cookie: true,
        ..standard()
    };
    assert!(matches!(
        decide_on(&loose, 200, &[], answer),
        StoreDecision::Store(_)
    ));
}

#[test]
fn rfc9111_4_1_vary_any_is_never_stored() {
    assert_eq!(with(("vary", "*")), Some(Why::VaryAny));
    assert_eq!(with(("vary", "accept, *")), Some(Why::VaryAny));
    assert_eq!(with(("vary", "accept")), None);
}

#[test]
fn a_long_vary_is_not_stored() {
    let names: Vec<String> = (0..=vary::NAMES_MAX)
        .map(|number| format!("x-{number}"))
        .collect();
    assert_eq!(with(("vary", &names.join(","))), Some(Why::VaryTooMany));
}

#[test]
fn vary_by_cookie_is_stored_for_visitors_without_cookies() {
    let answer: Lines<'_> = &[("cache-control", "max-age=60"), ("vary", "Cookie")];
    assert_eq!(refusal(200, &[], answer), None);
    assert_eq!(refusal(200, &[("cookie", "a=b")], answer), Some(Why::VaryCookie));
}

#[test]
fn a_coding_that_the_variant_does_not_stand_for_is_not_stored() {
    let deflated: Lines<'_> = &[
        ("cache-control", "max-age=60"),
        ("vary", "accept-encoding"),
        ("content-encoding", "deflate"),
    ];
    assert_eq!(
        refusal(200, &[("accept-encoding", "deflate, gzip")], deflated),
        Some(Why::Coding)
    );
    let zipped: Lines<'_> = &[
        ("cache-control", "max-age=60"),
        ("vary", "accept-encoding"),
        ("content-encoding", "gzip"),
    ];
    assert_eq!(
        refusal(200, &[("accept-encoding", "deflate, gzip")], zipped),
        None
    );
    assert_eq!(refusal(200, &[], zipped), Some(Why::Coding));
}

#[test]
fn rfc9110_14_4_content_range_in_a_whole_answer_is_not_stored() {
    assert_eq!(with(("content-range", "bytes 0-1/2")), Some(Why::ContentRange));
}

#[test]
fn rfc9112_6_doubtful_framing_is_not_stored() {
    for coding in ["gzip, chunked", "identity", "chunked, gzip", "xchunked"] {
        assert_eq!(
            with(("transfer-encoding", coding)),
            Some(Why::Framing),
            "{coding}"
        );
    }
    assert_eq!(with(("transfer-encoding", "Chunked")), None);
    for length in ["", "+5", "5, 5", "x"] {
        assert_eq!(with(("content-length", length)), Some(Why::Framing), "{length}");
    }
    let lines = |extra| [("cache-control", "max-age=60"), ("content-length", "5"), extra];
    assert_eq!(
        refusal(200, &[], &lines(("content-length", "6"))),
        Some(Why::Framing)
    );
    assert_eq!(refusal(200, &[], &lines(("content-length", "5"))), None);
    assert_eq!(
        refusal(200, &[], &lines(("transfer-encoding", "chunked"))),
        Some(Why::Framing)
    );
}

#[test]
fn rfc9213_2_2_a_target_decides_alone() {
    let answer: Lines<'_> = &[
        ("cache-control", "no-store, private"),
        ("cdn-cache-control", "max-age=60"),
    ];
    assert_eq!(refusal(200, &[], answer), None);
    let answer: Lines<'_> = &[("cache-control", "max-age=60"), ("cdn-cache-control", "no-store")];
    assert_eq!(refusal(200, &[], answer), Some(Why::NoStore));
    let answer: Lines<'_> = &[
        ("cache-control", "no-store"),
        ("cdn-cache-control", "max-age=60;"),
    ];
    assert_eq!(refusal(200, &[], answer), Some(Why::NoStore));
}

#[test]
fn pragma_in_answers_means_nothing() {
    assert_eq!(with(("pragma", "no-cache")), None);
}

#[test]
fn reasons_of_one_request_are_told_from_those_of_the_url() {
    assert!(Why::RequestNoStore.is_of_the_request() && Why::Authorization.is_of_the_request());
    assert!(!Why::SetCookie.is_of_the_request() && !Why::Private.is_of_the_request());
}
