//! RFC 9213, one rule each.

use proptest::prelude::*;

use super::*;
use crate::cache::policy::cache_control::Scope;
use crate::cache::policy::testing::headers;

fn max_age(value: &str) -> Option<u64> {
    parse(value.as_bytes())?.max_age.map(|age| age.as_secs())
}

#[test]
fn rfc9213_2_1_directives_are_dictionary_members() {
    let found = parse(
        br#"max-age=60, s-maxage=70, public, must-revalidate, no-cache="x-a", private=?0, stale-if-error=5;x"#,
    )
    .unwrap();
    assert_eq!(found.max_age, Some(Duration::from_secs(60)));
    assert_eq!(found.s_maxage, Some(Duration::from_secs(70)));
    assert!(found.public && found.must_revalidate);
    assert_eq!(
        found.no_cache,
        Scope::Fields(vec![HeaderName::from_static("x-a")])
    );
    assert_eq!(found.private, Scope::Nothing);
    assert_eq!(found.stale_if_error, Some(Duration::from_secs(5)));
}

#[test]
fn rfc9213_2_1_a_syntax_error_voids_the_field() {
    for bad in [
        "max-age=60,",
        "max-age =60",
        "Max-Age=60",
        "max-age=60; ",
        "max-age=60, x=\"",
        "max-age=60 s",
    ] {
        assert_eq!(parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn rfc9213_2_1_a_wrong_type_of_a_known_directive_voids_the_field() {
    for bad in [
        "max-age=\"60\"",
        "max-age=60.0",
        "max-age",
        "max-age=-1",
        "max-age=(60)",
        "no-store=1",
        "no-store=yes",
        "private=1",
    ] {
        assert_eq!(parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn rfc9213_2_1_unknown_members_may_have_any_type() {
    assert_eq!(max_age("x=(1 2), max-age=60, y=:aGk=:, z=1.5"), Some(60));
}

#[test]
fn rfc9213_2_1_an_empty_field_is_ignored() {
    assert_eq!(parse(b""), None);
    assert_eq!(parse(b"  "), None);
}

#[test]
fn rfc9651_4_2_2_the_last_of_equal_members_wins() {
    assert_eq!(max_age("max-age=1, max-age=60"), Some(60));
}

#[test]
fn rfc9111_1_2_2_targeted_lifetimes_saturate() {
    assert_eq!(max_age("max-age=999999999999999"), Some(DELTA_MAX));
}

#[test]
fn rfc9213_2_2_the_most_specific_target_wins() {
    let both = headers(&[
        ("cdn-cache-control", "max-age=1"),
        ("popgate-cdn-cache-control", "max-age=2"),
    ]);
    assert_eq!(directives(&both).unwrap().max_age, Some(Duration::from_secs(2)));
}

#[test]
fn rfc9213_2_2_a_void_target_makes_room_for_the_next() {
    let both = headers(&[
        ("cdn-cache-control", "max-age=1"),
        ("popgate-cdn-cache-control", "max-age=oops"),
    ]);
    assert_eq!(directives(&both).unwrap().max_age, Some(Duration::from_secs(1)));
    assert_eq!(directives(&headers(&[("cdn-cache-control", "&")])), None);
}

#[test]
fn rfc9651_4_2_lines_are_one_dictionary() {
    let lines = headers(&[
        ("cdn-cache-control", "max-age=1"),
        ("cdn-cache-control", "no-store"),
    ]);
    let found = directives(&lines).unwrap();
    assert!(found.no_store && found.max_age.is_some());
}

#[test]
fn surrogate_control_reads_like_cache_control() {
    let found = surrogate(&headers(&[(
        "surrogate-control",
        "max-age=60+30, no-cache, content=\"ESI/1.0\"",
    )]))
    .unwrap();
    assert_eq!(found.max_age, Some(Duration::from_secs(60)));
    assert_eq!(found.stale_while_revalidate, Some(Duration::from_secs(30)));
    assert!(found.no_cache.is_whole());
}

#[test]
fn surrogate_control_for_others_does_not_count() {
    assert_eq!(
        surrogate(&headers(&[(
            "surrogate-control",
            "max-age=60;far, content=\"ESI/1.0\""
        )])),
        None
    );
    let found = surrogate(&headers(&[("surrogate-control", "max-age=60;far, max-age=5")])).unwrap();
    assert_eq!(found.max_age, Some(Duration::from_secs(5)));
}

proptest! {
    #[test]
    fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&value);
        if let Ok(value) = http::HeaderValue::from_bytes(&value) {
            let _ = surrogate(&HeaderMap::from_iter([(SURROGATE_CONTROL, value)]));
        }
    }
}
