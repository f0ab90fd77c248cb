use std::time::Duration;

use super::*;
use crate::cache::policy::testing::{at, headers};

fn member(outcome: Outcome) -> String {
    CacheStatus::new(outcome).member()
}

fn written(report: CacheStatus, before: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = headers(before);
    report.write_to(&mut headers);
    headers
}

#[test]
fn rfc9211_2_1_hit_with_ttl() {
    let hit = CacheStatus {
        ttl: Some(42),
        ..CacheStatus::new(Outcome::Hit)
    };
    assert_eq!(hit.member(), "popgate; hit; ttl=42");
    assert_eq!(hit.member(), format!("{HIT_WITH_TTL}42"));
}

#[test]
fn rfc9211_2_2_uri_miss_stored() {
    let miss = CacheStatus {
        ttl: Some(300),
        stored: true,
        ..CacheStatus::new(Outcome::Miss(MissReason::Uri))
    };
    assert_eq!(miss.member(), "popgate; fwd=uri-miss; stored; ttl=300");
}

#[test]
fn rfc9211_2_2_reasons_to_forward() {
    for (outcome, expected) in [
        (
            Outcome::Bypass(BypassReason::Preset("cookie")),
            "popgate; fwd=bypass; detail=cookie",
        ),
        (Outcome::Bypass(BypassReason::Method), "popgate; fwd=method"),
        (
            Outcome::Bypass(BypassReason::Disabled),
            "popgate; fwd=bypass; detail=disabled",
        ),
        (Outcome::Miss(MissReason::Vary), "popgate; fwd=vary-miss"),
        (
            Outcome::Miss(MissReason::Purged),
            "popgate; fwd=uri-miss; detail=purged",
        ),
        (Outcome::Expired(Cause::Stale), "popgate; fwd=stale"),
        (
            Outcome::Expired(Cause::Purged),
            "popgate; fwd=stale; detail=purged",
        ),
        (
            Outcome::Expired(Cause::Request(RevalidateReason::NoCache)),
            "popgate; fwd=request; detail=request-no-cache",
        ),
        (
            Outcome::Dynamic(DynamicReason::Refused(RefuseReason::SetCookie)),
            "popgate; fwd=uri-miss; detail=set-cookie",
        ),
        (Outcome::Unsatisfied, "popgate; detail=only-if-cached"),
    ] {
        assert_eq!(member(outcome), expected);
    }
}

#[test]
fn rfc9211_2_2_what_cannot_be_stored_went_forward_for_what_was_there() {
    let refused = Outcome::Dynamic(DynamicReason::Refused(RefuseReason::NoStore));
    for (before, expected) in [
        (Before::Nothing, "popgate; fwd=uri-miss; detail=no-store"),
        (Before::OtherVariants, "popgate; fwd=vary-miss; detail=no-store"),
        (
            Before::Unusable(Cause::Stale),
            "popgate; fwd=stale; detail=no-store",
        ),
    ] {
        let status = CacheStatus {
            before,
            ..CacheStatus::new(refused)
        };
        assert_eq!(status.member(), expected);
    }
}

#[test]
fn rfc9211_2_3_forward_status_of_a_revalidation() {
    let revalidated = CacheStatus {
        fwd_status: Some(304),
        ttl: Some(60),
        ..CacheStatus::new(Outcome::Revalidated(Cause::Stale))
    };
    assert_eq!(revalidated.member(), "popgate; fwd=stale; fwd-status=304; ttl=60");
}

#[test]
fn rfc9211_2_4_ttl_is_negative_when_stale() {
    let times = Times {
        stored_at: at(0),
        initial_age: Duration::ZERO,
        fresh_until: at(100),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
    };
    assert_eq!(ttl(&times, at(58)), 42);
    assert_eq!(ttl(&times, at(107)), -7);
    assert_eq!(ttl(&times, at(100) + Duration::from_millis(1)), -1);
    let stale = CacheStatus {
        ttl: Some(-7),
        ..CacheStatus::new(Outcome::Stale(StaleReason::OnError))
    };
    assert_eq!(stale.member(), "popgate; hit; ttl=-7; detail=origin-error");
}

#[test]
fn rfc9211_2_6_collapsed() {
    let waited = CacheStatus {
        collapsed: true,
        ..CacheStatus::new(Outcome::Miss(MissReason::Uri))
    };
    assert_eq!(waited.member(), "popgate; fwd=uri-miss; collapsed");
    let filled_by_another = CacheStatus {
        outcome: Outcome::Hit,
        ttl: Some(60),
        ..waited
    };
    assert_eq!(
        filled_by_another.member(),
        "popgate; fwd=uri-miss; collapsed; ttl=60"
    );
}

#[test]
fn rfc9211_2_ours_comes_last_and_once() {
    let headers = written(
        CacheStatus::new(Outcome::Hit),
        &[
            ("cache-status", r#"Origin; hit; detail="a, popgate; b""#),
            (
                "cache-status",
                "popgate; fwd=miss, \"popgate\"; hit, Shield;fwd=stale",
            ),
        ],
    );
    let lines: Vec<_> = headers.get_all(CACHE_STATUS).iter().collect();
    assert_eq!(
        lines,
        [r#"Origin; hit; detail="a, popgate; b", Shield;fwd=stale, popgate; hit"#]
    );
    assert_eq!(headers[X_CACHE], "HIT");
}

#[test]
fn a_stored_answer_keeps_the_members_of_others_only() {
    let mut stored = headers(&[("cache-status", "Origin; hit, popgate; hit")]);
    remove_own(&mut stored);
    assert_eq!(stored[CACHE_STATUS], "Origin; hit");
    let mut stored = headers(&[("cache-status", "popgate; hit")]);
    remove_own(&mut stored);
    assert!(!stored.contains_key(CACHE_STATUS));
}

#[test]
fn details_that_are_no_token_become_strings() {
    let outcome = Outcome::Bypass(BypassReason::Preset("a \"rule\""));
    assert_eq!(member(outcome), r#"popgate; fwd=bypass; detail="a \"rule\"""#);
}

#[test]
fn labels_are_x_cache_in_lower_case() {
    for outcome in [
        Outcome::Hit,
        Outcome::Stale(StaleReason::Accepted),
        Outcome::Revalidated(Cause::Stale),
        Outcome::Expired(Cause::Stale),
        Outcome::Miss(MissReason::Uri),
        Outcome::Bypass(BypassReason::Method),
        Outcome::Bypass(BypassReason::Disabled),
        Outcome::Dynamic(DynamicReason::TooLarge),
    ] {
        assert_eq!(outcome.label(), outcome.x_cache().to_ascii_lowercase());
    }
}
