//! RFC 9111 4.3 and RFC 9110 13, one rule each.

use super::*;
use crate::cache::policy::testing::{at, headers};

const NOW: u64 = 1_767_225_600;
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

type Lines<'a> = &'a [(&'static str, &'a str)];

fn is_304(request: Lines<'_>, stored: Lines<'_>) -> bool {
    not_modified(&headers(request), StatusCode::OK, &headers(stored), at(NOW))
}

fn merged(stored: Lines<'_>, fresh: Lines<'_>) -> HeaderMap {
    merge_304(&headers(stored), &headers(fresh), at(NOW))
}

#[test]
fn rfc9111_3_2_a_304_replaces_every_field_it_carries() {
    let merged = merged(
        &[
            ("cache-control", "max-age=1"),
            ("cache-control", "public"),
            ("etag", "\"a\""),
            ("x-old", "1"),
            ("content-type", "text/plain"),
        ],
        &[
            ("cache-control", "max-age=60"),
            ("etag", "\"b\""),
            ("x-new", "2"),
            ("content-type", "text/html"),
            ("link", "a"),
            ("link", "b"),
        ],
    );
    let lines: Vec<_> = merged.get_all("cache-control").iter().collect();
    assert_eq!(lines, ["max-age=60"]);
    assert_eq!(merged["etag"], "\"b\"");
    assert_eq!(merged["x-old"], "1");
    assert_eq!(merged["x-new"], "2");
    assert_eq!(merged["content-type"], "text/html");
    assert_eq!(merged.get_all("link").iter().count(), 2);
}

#[test]
fn rfc9111_3_2_fields_of_the_body_the_connection_and_the_slot_stay() {
    let kept: Lines<'_> = &[
        ("content-length", "5"),
        ("content-encoding", "gzip"),
        ("content-range", "x"),
        ("vary", "accept"),
    ];
    let merged = merged(
        kept,
        &[
            ("content-length", "0"),
            ("content-encoding", "br"),
            ("content-range", "y"),
            ("vary", "cookie"),
            ("transfer-encoding", "chunked"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
        ],
    );
    for (name, value) in kept {
        assert_eq!(merged[*name], *value, "{name}");
    }
    for name in ["transfer-encoding", "connection", "x-hop", "keep-alive"] {
        assert!(!merged.contains_key(name), "{name}");
    }
}

#[test]
fn rfc9111_4_3_4_age_and_date_are_those_of_the_304() {
    let stored: Lines<'_> = &[("age", "500"), ("date", MODIFIED)];
    let merged_without = merged(stored, &[]);
    assert!(!merged_without.contains_key("age"));
    assert_eq!(merged_without["date"], date::format(at(NOW)));
    let merged_with = merged(stored, &[("age", "7"), ("date", LATER)]);
    assert_eq!(merged_with["age"], "7");
    assert_eq!(merged_with["date"], LATER);
}

#[test]
fn merging_the_same_304_twice_changes_nothing() {
    let stored = headers(&[("etag", "\"a\""), ("x", "1"), ("vary", "accept")]);
    let fresh = headers(&[("etag", "\"a\""), ("x", "2"), ("date", LATER), ("vary", "*")]);
    let once = merge_304(&stored, &fresh, at(NOW));
    assert_eq!(merge_304(&once, &fresh, at(NOW)), once);
}

#[test]
fn rfc9111_4_3_4_a_304_with_another_strong_validator_speaks_of_something_else() {
    let stored = headers(&[("etag", "\"a\"")]);
    for (tag, ours) in [
        ("\"a\"", true),
        ("\"b\"", false),
        ("W/\"a\"", true),
        ("W/\"b\"", false),
    ] {
        assert_eq!(speaks_of(&stored, &headers(&[("etag", tag)])), ours, "{tag}");
    }
    assert!(speaks_of(&stored, &headers(&[])));
    assert!(speaks_of(&headers(&[]), &headers(&[])));
    assert!(!speaks_of(&headers(&[]), &headers(&[("etag", "\"a\"")])));
    let weak = headers(&[("etag", "W/\"a\"")]);
    assert!(!speaks_of(&weak, &headers(&[("etag", "\"a\"")])));
    assert!(speaks_of(
        &stored,
        &headers(&[("etag", "\"b\""), ("etag", "\"a\"")])
    ));
}

#[test]
fn rfc9110_13_1_2_if_none_match_compares_weakly() {
    for (wanted, tag) in [
        ("\"a\"", "\"a\""),
        ("W/\"a\"", "\"a\""),
        ("\"a\"", "W/\"a\""),
        ("W/\"a\"", "W/\"a\""),
        ("*", "\"a\""),
        ("\"x\", \"a\"", "\"a\""),
        ("\"x\",W/\"a\"", "\"a\""),
        ("\"a,b\"", "\"a,b\""),
    ] {
        assert!(
            is_304(&[("if-none-match", wanted)], &[("etag", tag)]),
            "{wanted} {tag}"
        );
    }
    for (wanted, tag) in [
        ("\"b\"", "\"a\""),
        ("a", "\"a\""),
        ("\"A\"", "\"a\""),
        ("w/\"a\"", "\"a\""),
        ("\"a", "\"a\""),
        ("\"x, \"a\"", "\"b\""),
        ("", "\"a\""),
    ] {
        assert!(
            !is_304(&[("if-none-match", wanted)], &[("etag", tag)]),
            "{wanted} {tag}"
        );
    }
}

#[test]
fn rfc9110_13_1_2_if_none_match_lines_are_one_list() {
    assert!(is_304(
        &[("if-none-match", "\"x\""), ("if-none-match", "\"a\"")],
        &[("etag", "\"a\"")]
    ));
}

#[test]
fn rfc9110_13_1_3_if_none_match_beats_if_modified_since() {
    assert!(!is_304(
        &[("if-none-match", "\"x\""), ("if-modified-since", LATER)],
        &[("etag", "\"a\""), ("last-modified", MODIFIED)]
    ));
    assert!(is_304(
        &[
            ("if-none-match", "\"a\""),
            ("if-modified-since", "Sat, 05 Nov 1994 08:49:37 GMT")
        ],
        &[("etag", "\"a\""), ("last-modified", MODIFIED)]
    ));
    assert!(!is_304(
        &[("if-none-match", "\"a\""), ("if-modified-since", LATER)],
        &[("last-modified", MODIFIED)]
    ));
}

#[test]
fn rfc9110_13_1_3_if_modified_since() {
    let stored: Lines<'_> = &[("last-modified", MODIFIED)];
    for since in [
        MODIFIED,
        LATER,
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert!(is_304(&[("if-modified-since", since)], stored), "{since}");
    }
    for since in ["Sun, 06 Nov 1994 08:49:36 GMT", "x", ""] {
        assert!(!is_304(&[("if-modified-since", since)], stored), "{since}");
    }
}

#[test]
fn rfc9111_4_3_2_date_stands_in_for_last_modified() {
    assert!(is_304(&[("if-modified-since", LATER)], &[("date", MODIFIED)]));
    assert!(!is_304(&[("if-modified-since", MODIFIED)], &[("date", LATER)]));
}

#[test]
fn rfc9110_13_2_1_conditions_count_for_200_only() {
    for status in [404, 301, 204] {
        assert!(!not_modified(
            &headers(&[("if-none-match", "*")]),
            StatusCode::from_u16(status).unwrap(),
            &headers(&[("etag", "\"a\"")]),
            at(NOW)
        ));
    }
}

#[test]
fn a_request_without_conditions_gets_the_whole_answer() {
    assert!(!is_304(&[], &[("etag", "\"a\""), ("last-modified", MODIFIED)]));
}

fn ranged(wanted: &str, stored: Lines<'_>) -> IfRange {
    if_range(&headers(&[("if-range", wanted)]), &headers(stored), at(NOW))
}

#[test]
fn rfc9110_13_1_5_if_range_compares_strongly() {
    assert_eq!(ranged("\"a\"", &[("etag", "\"a\"")]), IfRange::Matches);
    for (wanted, tag) in [
        ("\"b\"", "\"a\""),
        ("W/\"a\"", "W/\"a\""),
        ("\"a\"", "W/\"a\""),
        ("W/\"a\"", "\"a\""),
    ] {
        assert_eq!(
            ranged(wanted, &[("etag", tag)]),
            IfRange::Differs,
            "{wanted} {tag}"
        );
    }
    assert_eq!(ranged("\"a\"", &[]), IfRange::Differs);
    assert_eq!(if_range(&headers(&[]), &headers(&[]), at(NOW)), IfRange::Absent);
}

#[test]
fn rfc9110_13_1_5_if_range_by_date_is_exact_and_strong() {
    let settled: Lines<'_> = &[("last-modified", MODIFIED), ("date", LATER)];
    assert_eq!(ranged(MODIFIED, settled), IfRange::Matches);
    assert_eq!(ranged(LATER, settled), IfRange::Differs);
    let same_second: Lines<'_> = &[("last-modified", MODIFIED), ("date", MODIFIED)];
    assert_eq!(ranged(MODIFIED, same_second), IfRange::Differs);
    assert_eq!(ranged(MODIFIED, &[("last-modified", MODIFIED)]), IfRange::Differs);
    assert_eq!(ranged("garbage", settled), IfRange::Differs);
}

#[test]
fn rfc9111_4_3_5_head_shows_the_same_representation_by_validators_and_length() {
    let stored = headers(&[("etag", "\"a\""), ("content-length", "5")]);
    let same = |lines| is_same_by_head(&stored, &headers(lines));
    assert!(same(&[("etag", "\"a\"")]));
    assert!(same(&[("etag", "\"a\""), ("content-length", "5")]));
    assert!(!same(&[("etag", "\"a\""), ("content-length", "6")]));
    assert!(!same(&[("etag", "\"b\""), ("content-length", "5")]));
    assert!(!same(&[]), "it may have lost its validator with its content");
    assert!(!same(&[
        ("etag", "\"a\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")
    ]));
    let without = headers(&[("content-length", "5")]);
    assert!(is_same_by_head(&without, &headers(&[])));
}

#[test]
fn a_tag_that_was_weakened_on_the_way_is_asked_about_in_its_first_form() {
    let asked = |value: &str| {
        without_weakness(&headers(&[("if-none-match", value)])).map(|line| String::from_utf8(line).unwrap())
    };
    assert_eq!(asked("W/\"a\"").as_deref(), Some("\"a\""));
    assert_eq!(
        asked("\"x\", W/\"a,b\" , W/\"\"").as_deref(),
        Some("\"x\", \"a,b\", \"\"")
    );
    assert_eq!(asked("\"a\""), None);
    assert_eq!(asked("*"), None);
    assert!(weakly_same(b"W/\"a\"", b"\"a\""));
    assert!(!weakly_same(b"W/\"a\"", b"\"b\""));
}
