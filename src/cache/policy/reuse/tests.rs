//! RFC 9111 4.2.4, 5.2.1 and RFC 5861, one rule each.

use super::*;
use crate::cache::policy::testing::{at, headers, standard};

const ANY: Failure = Failure::Unreachable;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Arrived at 1000 with age 0, fresh until 1060.
fn life() -> Times {
    Times {
        stored_at: at(1000),
        initial_age: Duration::ZERO,
        fresh_until: at(1060),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
    }
}

fn stored(cache_control: &str) -> HeaderMap {
    headers(&[("cache-control", cache_control)])
}

fn used(times: &Times, asked: Directives, now: u64) -> Reuse {
    reuse(times, &stored("max-age=60"), &asked, at(now))
}

fn failed(failure: u16) -> Failure {
    Failure::Status(StatusCode::from_u16(failure).unwrap())
}

fn on_error(times: &Times, cache_control: &str, failure: Failure, now: u64) -> bool {
    may_serve_on_error(
        times,
        &stored(cache_control),
        &Directives::default(),
        &standard(),
        failure,
        at(now),
    )
}

const NO_WINDOW: Reuse = Reuse::Stale {
    while_revalidate: false,
    if_error: false,
};

#[test]
fn rfc9111_4_2_fresh_until_age_reaches_the_lifetime() {
    assert_eq!(used(&life(), Directives::default(), 1059), Reuse::Fresh);
    assert_eq!(used(&life(), Directives::default(), 1060), NO_WINDOW);
}

#[test]
fn rfc9111_5_2_1_4_request_no_cache_validates() {
    let asked = Directives {
        no_cache: true,
        ..Directives::default()
    };
    assert_eq!(
        used(&life(), asked, 1001),
        Reuse::Revalidate(RevalidateReason::NoCache)
    );
}

#[test]
fn rfc9111_5_2_1_1_request_max_age_limits_age() {
    let asked = |seconds| Directives {
        max_age: Some(secs(seconds)),
        ..Directives::default()
    };
    assert_eq!(used(&life(), asked(10), 1010), Reuse::Fresh);
    assert_eq!(
        used(&life(), asked(10), 1011),
        Reuse::Revalidate(RevalidateReason::MaxAge)
    );
    let soon = at(1000) + Duration::from_millis(1);
    assert_eq!(
        reuse(&life(), &HeaderMap::new(), &asked(0), soon),
        Reuse::Revalidate(RevalidateReason::MaxAge)
    );
}

#[test]
fn rfc9111_5_2_1_1_request_max_age_counts_the_age_on_arrival() {
    let old = Times {
        initial_age: secs(20),
        ..life()
    };
    let asked = Directives {
        max_age: Some(secs(15)),
        ..Directives::default()
    };
    assert_eq!(
        used(&old, asked, 1001),
        Reuse::Revalidate(RevalidateReason::MaxAge)
    );
}

#[test]
fn rfc9111_5_2_1_3_min_fresh_wants_freshness_left() {
    let asked = Directives {
        min_fresh: Some(secs(10)),
        ..Directives::default()
    };
    assert_eq!(used(&life(), asked, 1050), Reuse::Fresh);
    assert_eq!(
        used(&life(), asked, 1051),
        Reuse::Revalidate(RevalidateReason::MinFresh)
    );
    assert_eq!(
        used(&life(), asked, 1070),
        Reuse::Revalidate(RevalidateReason::MinFresh)
    );
}

#[test]
fn rfc9111_5_2_1_2_max_stale_accepts_staleness() {
    let asked = |max_stale| Directives {
        max_stale: Some(max_stale),
        ..Directives::default()
    };
    let ten = asked(MaxStale::Within(secs(10)));
    assert_eq!(used(&life(), ten, 1070), Reuse::StaleAccepted);
    assert_eq!(used(&life(), ten, 1071), NO_WINDOW);
    assert_eq!(used(&life(), asked(MaxStale::Any), 9999), Reuse::StaleAccepted);
}

#[test]
fn rfc9111_5_2_1_1_max_age_and_max_stale_together() {
    let asked = Directives {
        max_age: Some(secs(65)),
        max_stale: Some(MaxStale::Any),
        ..Directives::default()
    };
    assert_eq!(used(&life(), asked, 1063), Reuse::StaleAccepted);
    assert_eq!(
        used(&life(), asked, 1066),
        Reuse::Revalidate(RevalidateReason::MaxAge)
    );
}

#[test]
fn rfc9111_4_2_4_max_stale_does_not_override_the_answer() {
    let asked = Directives {
        max_stale: Some(MaxStale::Any),
        ..Directives::default()
    };
    for value in ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=60"] {
        let found = reuse(&life(), &stored(value), &asked, at(1070));
        assert_eq!(found, NO_WINDOW, "{value}");
    }
}

#[test]
fn max_stale_does_not_open_what_was_never_fresh() {
    let always_validated = Times {
        fresh_until: at(1000),
        ..life()
    };
    let asked = Directives {
        max_stale: Some(MaxStale::Any),
        ..Directives::default()
    };
    assert_eq!(used(&always_validated, asked, 1001), NO_WINDOW);
}

#[test]
fn rfc5861_3_stale_while_revalidate_counts_from_expiry() {
    let times = Times {
        stale_while_revalidate: secs(10),
        ..life()
    };
    let open = |now| match used(&times, Directives::default(), now) {
        Reuse::Stale { while_revalidate, .. } => while_revalidate,
        other => panic!("{other:?}"),
    };
    assert!(open(1069));
    assert!(!open(1070));
}

#[test]
fn rfc5861_4_stale_if_error_window_is_reported() {
    let times = Times {
        stale_if_error: secs(10),
        ..life()
    };
    assert_eq!(
        used(&times, Directives::default(), 1069),
        Reuse::Stale {
            while_revalidate: false,
            if_error: true
        }
    );
}

#[test]
fn rfc5861_4_a_window_covers_5xx_and_an_unreachable_origin() {
    let times = Times {
        stale_if_error: secs(10),
        ..life()
    };
    for failure in [ANY, failed(500), failed(502), failed(503), failed(504)] {
        assert!(
            on_error(&times, "max-age=60, stale-if-error=10", failure, 1069),
            "{failure:?}"
        );
        assert!(
            !on_error(&times, "max-age=60, stale-if-error=10", failure, 1070),
            "{failure:?}"
        );
    }
}

#[test]
fn rfc5861_4_other_statuses_are_answers() {
    let times = Times {
        stale_if_error: secs(10),
        ..life()
    };
    for status in [200, 403, 404, 429, 501, 505] {
        assert!(!on_error(&times, "max-age=60", failed(status), 1061), "{status}");
    }
}

#[test]
fn rfc9111_4_2_4_without_a_window_only_when_disconnected() {
    assert!(on_error(&life(), "max-age=60", ANY, 1070));
    assert!(!on_error(&life(), "max-age=60", failed(503), 1070));
    let too_late = 1060 + DISCONNECTED_MAX.as_secs();
    assert!(!on_error(&life(), "max-age=60", ANY, too_late));
}

#[test]
fn rfc9111_4_2_4_not_even_disconnected_against_the_answer() {
    for value in ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=60"] {
        let value = format!("max-age=60, {value}");
        assert!(!on_error(&life(), &value, ANY, 1070), "{value}");
    }
}

#[test]
fn rfc5861_4_an_explicit_window_ends_disconnected_service_too() {
    assert!(!on_error(&life(), "max-age=60, stale-if-error=0", ANY, 1061));
}

#[test]
fn a_sites_window_ends_disconnected_service_too() {
    let site = SiteCache {
        stale_if_error: secs(10),
        ..standard()
    };
    let times = Times {
        stale_if_error: secs(10),
        ..life()
    };
    let may = |now| {
        may_serve_on_error(
            &times,
            &stored("max-age=60"),
            &Directives::default(),
            &site,
            ANY,
            at(now),
        )
    };
    assert!(may(1069));
    assert!(!may(1071));
}

#[test]
fn what_was_never_fresh_is_not_served_when_disconnected() {
    let always_validated = Times {
        fresh_until: at(990),
        initial_age: secs(10),
        ..life()
    };
    assert!(!on_error(&always_validated, "max-age=0", ANY, 1001));
}

#[test]
fn rfc5861_4_the_clients_stale_if_error_counts() {
    let asked = Directives {
        stale_if_error: Some(secs(10)),
        ..Directives::default()
    };
    let may = |value: &str, now| {
        may_serve_on_error(&life(), &stored(value), &asked, &standard(), failed(503), at(now))
    };
    assert!(may("max-age=60", 1069));
    assert!(!may("max-age=60", 1070));
    assert!(!may("max-age=60, must-revalidate", 1061));
}

#[test]
fn rfc9111_5_2_1_4_no_stale_answer_against_the_clients_wish() {
    let times = Times {
        stale_if_error: secs(10),
        ..life()
    };
    let asked = Directives {
        no_cache: true,
        ..Directives::default()
    };
    assert!(!may_serve_on_error(
        &times,
        &stored("max-age=60"),
        &asked,
        &standard(),
        ANY,
        at(1061)
    ));
}

#[test]
fn rfc9111_5_2_1_7_only_if_cached_is_met_by_what_is_served_at_once() {
    let stale = |while_revalidate| Reuse::Stale {
        while_revalidate,
        if_error: true,
    };
    assert!(Reuse::Fresh.is_immediate() && Reuse::StaleAccepted.is_immediate() && stale(true).is_immediate());
    assert!(!stale(false).is_immediate());
    assert!(!Reuse::Revalidate(RevalidateReason::NoCache).is_immediate());
}

#[test]
fn a_soft_purge_ends_freshness_and_keeps_the_windows() {
    let times = Times {
        stale_while_revalidate: secs(10),
        ..life()
    };
    let purged = expire(&times, at(1020));
    assert_eq!(
        used(&purged, Directives::default(), 1021),
        Reuse::Stale {
            while_revalidate: true,
            if_error: false
        }
    );
    assert_eq!(expire(&times, at(2000)), times);
}
