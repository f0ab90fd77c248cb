//! RFC 9111 4.2 and RFC 5861, one rule each.

use http::HeaderValue;

use super::*;
use crate::cache::policy::testing::{at, headers, standard};

const NOW: u64 = 1_767_225_600;
const DAY: Duration = Duration::from_secs(86_400);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn date(seconds: u64) -> HeaderValue {
    date::format(at(seconds))
}

fn lifetime_of(status: u16, headers: &HeaderMap, site: &SiteCache) -> (u64, Source) {
    let status = StatusCode::from_u16(status).unwrap();
    let policy = Policy::of(headers, false);
    let found = lifetime(&policy, status, headers, site, &Overrides::default(), at(NOW));
    (found.duration.as_secs(), found.source)
}

fn ok(lines: &[(&'static str, &str)]) -> (u64, Source) {
    lifetime_of(200, &headers(lines), &standard())
}

fn windows_of(status: u16, cache_control: &str, site: &SiteCache) -> (u64, u64) {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = headers(&[("cache-control", cache_control)]);
    let policy = Policy::of(&headers, false);
    let life = lifetime(&policy, status, &headers, site, &Overrides::default(), at(NOW));
    let found = windows(&policy, status, life, site);
    (found.while_revalidate.as_secs(), found.if_error.as_secs())
}

fn with_windows() -> SiteCache {
    SiteCache {
        stale_while_revalidate: secs(100),
        stale_if_error: secs(200),
        ..standard()
    }
}

#[test]
fn rfc9111_5_2_2_10_s_maxage_beats_max_age() {
    assert_eq!(
        ok(&[("cache-control", "max-age=1, s-maxage=60")]),
        (60, Source::SMaxAge)
    );
}

#[test]
fn rfc9111_5_2_2_1_max_age_beats_expires() {
    let expires = date(NOW + 500);
    assert_eq!(
        ok(&[
            ("cache-control", "max-age=60"),
            ("expires", expires.to_str().unwrap())
        ]),
        (60, Source::MaxAge)
    );
}

#[test]
fn rfc9111_5_2_2_1_a_malformed_max_age_does_not_fall_back_to_expires() {
    let expires = date(NOW + 500);
    assert_eq!(
        ok(&[
            ("cache-control", "max-age=x"),
            ("expires", expires.to_str().unwrap())
        ]),
        (0, Source::MaxAge)
    );
}

#[test]
fn rfc9111_4_2_1_expires_counts_from_date() {
    let mut answer = headers(&[]);
    answer.insert("date", date(NOW - 1000));
    answer.insert("expires", date(NOW - 940));
    assert_eq!(lifetime_of(200, &answer, &standard()), (60, Source::Expires));
}

#[test]
fn rfc9110_6_6_1_expires_counts_from_receipt_without_a_usable_date() {
    for bad in [None, Some("yesterday")] {
        let mut answer = headers(&[]);
        if let Some(bad) = bad {
            answer.insert("date", HeaderValue::from_static(bad));
        }
        answer.insert("expires", date(NOW + 60));
        assert_eq!(lifetime_of(200, &answer, &standard()), (60, Source::Expires));
    }
}

#[test]
fn rfc9111_5_3_a_malformed_or_repeated_expires_is_in_the_past() {
    let valid = date(NOW + 60);
    let valid = valid.to_str().unwrap();
    for lines in [
        vec![("expires", "0")],
        vec![("expires", "-1")],
        vec![("expires", "")],
        vec![("expires", valid), ("expires", valid)],
    ] {
        assert_eq!(ok(&lines), (0, Source::Expires), "{lines:?}");
    }
}

#[test]
fn rfc9213_2_2_a_target_beats_cache_control_and_expires() {
    let expires = date(NOW + 500);
    assert_eq!(
        ok(&[
            ("cdn-cache-control", "max-age=60"),
            ("cache-control", "no-store, s-maxage=7"),
            ("expires", expires.to_str().unwrap()),
        ]),
        (60, Source::MaxAge)
    );
    assert_eq!(
        ok(&[
            ("cdn-cache-control", "public"),
            ("expires", expires.to_str().unwrap())
        ]),
        (0, Source::Nothing)
    );
}

#[test]
fn rfc9111_5_2_2_4_no_cache_is_never_fresh() {
    assert_eq!(
        ok(&[("cache-control", "no-cache, max-age=60")]),
        (0, Source::NoCache)
    );
    assert_eq!(
        ok(&[("cache-control", "no-cache=\"x-a\", max-age=60")]),
        (60, Source::MaxAge)
    );
}

#[test]
fn the_site_ttl_is_for_answers_that_say_nothing() {
    let site = SiteCache {
        ttl: secs(300),
        heuristic: true,
        ..standard()
    };
    let silent = headers(&[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    assert_eq!(lifetime_of(200, &silent, &site), (300, Source::Site));
    assert_eq!(lifetime_of(404, &silent, &site), (300, Source::Site));
    assert_eq!(lifetime_of(302, &silent, &site), (0, Source::Nothing));
    let says = headers(&[("cache-control", "max-age=0")]);
    assert_eq!(lifetime_of(200, &says, &site), (0, Source::MaxAge));
}

#[test]
fn a_preset_ttl_replaces_the_sites() {
    let site = SiteCache {
        ttl: secs(300),
        ..standard()
    };
    let overrides = Overrides {
        ttl: Some(secs(10)),
        ..Overrides::default()
    };
    let found = lifetime(
        &Policy::default(),
        StatusCode::NOT_FOUND,
        &headers(&[]),
        &site,
        &overrides,
        at(NOW),
    );
    assert_eq!(found.duration, secs(10));
}

#[test]
fn rfc9111_4_2_2_heuristics_are_off_unless_asked_for() {
    let mut answer = headers(&[]);
    answer.insert("last-modified", date(NOW - 1000));
    assert_eq!(lifetime_of(200, &answer, &standard()), (0, Source::Nothing));
}

#[test]
fn rfc9111_4_2_2_a_tenth_of_the_time_since_modification() {
    let site = SiteCache {
        heuristic: true,
        ..standard()
    };
    let mut answer = headers(&[]);
    answer.insert("date", date(NOW - 10));
    answer.insert("last-modified", date(NOW - 1010));
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414] {
        assert_eq!(
            lifetime_of(status, &answer, &site),
            (100, Source::Heuristic),
            "{status}"
        );
    }
    for status in [201, 302, 303, 307, 400, 403, 500] {
        assert_eq!(
            lifetime_of(status, &answer, &site),
            (0, Source::Nothing),
            "{status}"
        );
    }
    answer.insert("cache-control", HeaderValue::from_static("public"));
    assert_eq!(lifetime_of(302, &answer, &site), (100, Source::Heuristic));
    answer.insert("last-modified", date(1));
    assert_eq!(lifetime_of(200, &answer, &site).0, HEURISTIC_MAX.as_secs());
    answer.insert("last-modified", date(NOW + 1));
    assert_eq!(lifetime_of(200, &answer, &site), (0, Source::Nothing));
}

#[test]
fn lifetimes_are_capped_by_the_site() {
    let site = SiteCache {
        ttl_max: secs(60),
        ..standard()
    };
    assert_eq!(
        lifetime_of(200, &headers(&[("cache-control", "max-age=600")]), &site).0,
        60
    );
}

#[test]
fn server_errors_are_fresh_for_ten_seconds_at_most() {
    let answer = headers(&[("cache-control", "max-age=600")]);
    for status in [500, 501, 503, 504, 599] {
        assert_eq!(lifetime_of(status, &answer, &standard()).0, 10, "{status}");
    }
}

#[test]
fn rfc5861_3_own_windows_beat_the_sites() {
    assert_eq!(windows_of(200, "max-age=60", &with_windows()), (100, 200));
    assert_eq!(
        windows_of(
            200,
            "max-age=60, stale-while-revalidate=5, stale-if-error=0",
            &with_windows()
        ),
        (5, 0)
    );
}

#[test]
fn rfc9111_5_2_2_2_no_stale_window_with_must_revalidate_proxy_revalidate_or_no_cache() {
    for directive in ["must-revalidate", "proxy-revalidate", "no-cache"] {
        let value = format!("max-age=60, stale-while-revalidate=5, stale-if-error=5, {directive}");
        assert_eq!(windows_of(200, &value, &with_windows()), (0, 0), "{directive}");
    }
}

#[test]
fn rfc9111_4_2_4_beside_s_maxage_only_explicit_windows_count_and_only_if_the_site_says_so() {
    let explicit = "s-maxage=60, stale-while-revalidate=5, stale-if-error=6";
    assert_eq!(windows_of(200, explicit, &with_windows()), (5, 6));
    assert_eq!(windows_of(200, "s-maxage=60", &with_windows()), (0, 0));
    let strict = SiteCache {
        stale_with_s_maxage: false,
        ..with_windows()
    };
    assert_eq!(windows_of(200, explicit, &strict), (0, 0));
}

#[test]
fn the_sites_windows_are_not_for_what_was_never_fresh() {
    assert_eq!(windows_of(200, "max-age=0", &with_windows()), (0, 0));
    assert_eq!(
        windows_of(200, "max-age=0, stale-while-revalidate=9", &with_windows()),
        (9, 0)
    );
}

#[test]
fn server_errors_have_no_stale_windows() {
    assert_eq!(
        windows_of(503, "max-age=5, stale-while-revalidate=9", &with_windows()),
        (0, 0)
    );
}

#[test]
fn rfc9111_4_2_3_age_on_arrival_shortens_freshness() {
    let answer = headers(&[("age", "50")]);
    let life = Lifetime {
        duration: secs(60),
        source: Source::MaxAge,
    };
    let times = times(&answer, life, Windows::default(), None, at(NOW), at(NOW));
    assert_eq!(times.fresh_until, at(NOW + 10));
    assert_eq!(times.initial_age, secs(50));
    assert_eq!(times.age(at(NOW + 5)), secs(55));
}

#[test]
fn rfc9111_1_2_2_the_greatest_age_and_lifetime_do_not_overflow() {
    let answer = headers(&[("age", "99999999999")]);
    let life = Lifetime {
        duration: secs(1 << 31),
        source: Source::MaxAge,
    };
    let times = times(&answer, life, Windows::default(), None, at(0), at(0));
    assert!(!times.is_fresh(at(0)));
}

#[test]
fn a_capped_life_holds_for_freshness_and_windows_together() {
    let life = Lifetime {
        duration: secs(60),
        source: Source::Site,
    };
    let open = Windows {
        while_revalidate: DAY,
        if_error: secs(5),
    };
    let times = times(&headers(&[]), life, open, Some(secs(70)), at(NOW), at(NOW));
    assert_eq!(times.stale_while_revalidate, secs(10));
    assert_eq!(times.stale_if_error, secs(5));
}

#[test]
fn surrogate_control_counts_where_a_preset_says_so() {
    let answer = headers(&[
        ("surrogate-control", "max-age=60"),
        ("cache-control", "max-age=0"),
    ]);
    assert_eq!(Policy::of(&answer, true).directives.max_age, Some(secs(60)));
    assert_eq!(Policy::of(&answer, false).directives.max_age, Some(secs(0)));
}
