//! RFC 9111 5.2, one rule each.

use proptest::prelude::*;

use super::*;
use crate::cache::policy::testing::headers;

fn response(value: &str) -> ResponseDirectives {
    ResponseDirectives::parse(value.as_bytes())
}

fn request(value: &str) -> RequestCacheControl {
    RequestCacheControl::parse(value.as_bytes())
}

fn max_age(value: &str) -> Option<u64> {
    response(value).max_age.map(|age| age.as_secs())
}

fn fields(names: &[&'static str]) -> Scope {
    Scope::Fields(names.iter().map(|name| HeaderName::from_static(name)).collect())
}

#[test]
fn rfc9111_5_2_names_have_no_case() {
    assert_eq!(max_age("MAX-Age=60"), Some(60));
    assert!(response("No-Store").no_store);
}

#[test]
fn rfc9111_5_2_token_and_quoted_string_arguments_are_the_same() {
    assert_eq!(max_age(r#"max-age="60""#), Some(60));
    assert_eq!(max_age(r#"max-age="6\0""#), Some(60));
    assert_eq!(response("no-cache=x-a").no_cache, fields(&["x-a"]));
}

#[test]
fn rfc9111_4_2_1_first_occurrence_wins() {
    assert_eq!(max_age("max-age=1, max-age=3600"), Some(1));
    assert_eq!(max_age("max-age=x, max-age=3600"), Some(0));
}

#[test]
fn rfc9111_4_2_1_a_malformed_lifetime_is_stale() {
    for bad in [
        "max-age",
        "max-age=",
        "max-age=-3600",
        "max-age='3600'",
        "max-age=a3600",
        "max-age=3600a",
        "max-age=36.00",
        "max-age=+3600",
        "max-age =3600",
        "max-age= 3600",
        "max-age=3600 s",
        "max-age=\"3600",
        "max-age=\"\"",
    ] {
        assert_eq!(max_age(bad), Some(0), "{bad}");
    }
}

#[test]
fn rfc9111_1_2_2_delta_seconds_saturate() {
    assert_eq!(max_age("max-age=2147483647"), Some((1 << 31) - 1));
    assert_eq!(max_age("max-age=2147483649"), Some(1 << 31));
    assert_eq!(max_age("max-age=99999999999999999999999999"), Some(1 << 31));
    assert_eq!(max_age("max-age=000060"), Some(60));
}

#[test]
fn rfc9110_5_6_4_directives_in_quoted_strings_do_not_count() {
    let found = response(r#"x="max-age=1, no-store\", private", max-age=60"#);
    assert_eq!(found.max_age, Some(Duration::from_secs(60)));
    assert!(!found.no_store && found.private == Scope::Nothing);
}

#[test]
fn a_quote_that_never_closes_cannot_hide_a_restriction() {
    assert!(response(r#"x="y, no-store"#).no_store);
}

#[test]
fn rfc9110_5_3_lines_are_joined() {
    let found = ResponseDirectives::of(&headers(&[
        ("cache-control", "max-age=1"),
        ("cache-control", "no-store, max-age=2"),
    ]));
    assert!(found.no_store);
    assert_eq!(found.max_age, Some(Duration::from_secs(1)));
}

#[test]
fn rfc9111_5_2_3_unknown_directives_are_ignored() {
    assert_eq!(
        response("x, y=z, a-directive-with-a-name-longer-than-any-we-know=1, , =3, max-age=60"),
        ResponseDirectives {
            max_age: Some(Duration::from_secs(60)),
            ..ResponseDirectives::default()
        }
    );
}

#[test]
fn restrictions_count_however_they_are_written() {
    let found = response("no-store=1, must-revalidate=x, proxy-revalidate=\"\", no-cache = x");
    assert!(found.no_store && found.must_revalidate && found.proxy_revalidate);
    assert_eq!(found.no_cache, Scope::Whole);
}

#[test]
fn rfc9111_5_2_2_4_no_cache_with_fields() {
    assert_eq!(
        response(r#"no-cache="X-A, x-b""#).no_cache,
        fields(&["x-a", "x-b"])
    );
    assert_eq!(response(r#"private="x-a""#).private, fields(&["x-a"]));
}

#[test]
fn rfc9111_5_2_2_4_a_doubtful_field_list_counts_for_the_whole_answer() {
    for value in [
        r#"no-cache="""#,
        r#"no-cache=" , ""#,
        r#"no-cache="x y""#,
        r#"no-cache="x-a", no-cache"#,
        r#"no-cache, no-cache="x-a""#,
    ] {
        assert_eq!(response(value).no_cache, Scope::Whole, "{value}");
    }
    let many: Vec<String> = (0..=FIELDS_MAX).map(|number| format!("x-{number}")).collect();
    assert_eq!(
        response(&format!("private=\"{}\"", many.join(","))).private,
        Scope::Whole
    );
}

#[test]
fn rfc9111_5_2_2_4_field_lists_add_up() {
    assert_eq!(
        response(r#"no-cache="x-a", no-cache="x-b""#).no_cache,
        fields(&["x-a", "x-b"])
    );
}

#[test]
fn rfc9111_5_2_2_the_other_directives() {
    let found = response(
        "public, must-understand, immutable, s-maxage=5, stale-while-revalidate=6, stale-if-error=7",
    );
    assert!(found.public && found.must_understand && found.immutable);
    assert_eq!(found.s_maxage, Some(Duration::from_secs(5)));
    assert_eq!(found.stale_while_revalidate, Some(Duration::from_secs(6)));
    assert_eq!(found.stale_if_error, Some(Duration::from_secs(7)));
}

#[test]
fn rfc9111_5_2_1_request_directives() {
    let found =
        request("no-cache, no-store, only-if-cached, max-age=1, max-stale=2, min-fresh=3, stale-if-error=4");
    assert!(found.no_cache && found.no_store && found.only_if_cached);
    assert_eq!(found.max_age, Some(Duration::from_secs(1)));
    assert_eq!(found.max_stale, Some(MaxStale::Within(Duration::from_secs(2))));
    assert_eq!(found.min_fresh, Some(Duration::from_secs(3)));
    assert_eq!(found.stale_if_error, Some(Duration::from_secs(4)));
}

#[test]
fn rfc9111_5_2_1_2_max_stale_without_value_accepts_any_staleness() {
    assert_eq!(request("max-stale").max_stale, Some(MaxStale::Any));
    assert_eq!(
        request("max-stale=x").max_stale,
        Some(MaxStale::Within(Duration::ZERO))
    );
    assert_eq!(
        request("max-stale=1, max-stale").max_stale,
        Some(MaxStale::Within(Duration::from_secs(1)))
    );
}

proptest! {
    #[test]
    fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = ResponseDirectives::parse(&value);
        let _ = RequestCacheControl::parse(&value);
    }

    #[test]
    fn no_store_is_found_behind_anything_unquoted(before in "[a-z=, \"\\\\']{0,24}") {
        let quotes_open = before.contains('"');
        let found = response(&format!("{before}, no-store"));
        prop_assert!(found.no_store || quotes_open);
    }

    #[test]
    fn lifetimes_survive(seconds in 0..DELTA_MAX) {
        prop_assert_eq!(max_age(&format!("public,max-age={seconds}")), Some(seconds));
    }
}
