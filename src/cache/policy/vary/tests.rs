//! RFC 9111 4.1, one rule each.

use proptest::prelude::*;

use super::*;
use crate::cache::policy::testing::headers;

type Lines<'a> = &'a [(&'static str, &'a str)];

const BASE: KeyHash = KeyHash(7);

fn names(response: Lines<'_>) -> Vec<String> {
    match of(&HeaderMap::new(), &headers(response), &[]) {
        Vary::Names(names) => names.iter().map(|name| name.as_str().to_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

/// Slot of a request for an answer that varies by one field.
fn by(field: &'static str, value: Option<&str>) -> KeyHash {
    let request = value.map(|value| headers(&[(field, value)])).unwrap_or_default();
    variant_slot(BASE, &[HeaderName::from_static(field)], &request)
}

fn encodings(value: &str) -> String {
    let sent = accept_encoding(&headers(&[("accept-encoding", value)]));
    sent.to_str().unwrap().to_owned()
}

#[test]
fn rfc9110_12_5_5_names_are_joined_lowered_sorted_and_single() {
    assert_eq!(
        names(&[("vary", "X-B, Accept, "), ("vary", ",accept, x-a")]),
        ["accept", "x-a", "x-b"]
    );
    assert!(names(&[]).is_empty());
}

#[test]
fn rfc9110_12_5_5_a_star_anywhere_matches_nothing() {
    for value in ["*", "accept, *", "*, accept", "a b"] {
        assert_eq!(
            of(&HeaderMap::new(), &headers(&[("vary", value)]), &[]),
            Vary::Any,
            "{value}"
        );
    }
}

#[test]
fn ignored_names_do_not_count() {
    let response = headers(&[("vary", "cookie, accept")]);
    assert_eq!(
        of(&HeaderMap::new(), &response, &[http::header::COOKIE]),
        Vary::Names(vec![http::header::ACCEPT])
    );
}

#[test]
fn rfc9111_4_1_without_vary_all_requests_share_the_key() {
    assert_eq!(variant_slot(BASE, &[], &headers(&[("accept", "x")])), BASE);
}

#[test]
fn rfc9111_4_1_different_values_are_different_variants() {
    assert_ne!(by("x-a", Some("1")), by("x-a", Some("2")));
    assert_ne!(by("x-a", Some("1")), BASE);
}

#[test]
fn rfc9111_4_1_absent_matches_absent_only() {
    assert_eq!(by("x-a", None), by("x-a", None));
    assert_ne!(by("x-a", None), by("x-a", Some("")));
    assert_ne!(by("x-a", None), by("x-a", Some("-")));
}

#[test]
fn rfc9111_4_1_white_space_and_line_breaks_in_lists_do_not_count() {
    let names = [HeaderName::from_static("x-a")];
    let slot = |lines: Lines<'_>| variant_slot(BASE, &names, &headers(lines));
    let one = slot(&[("x-a", "1, 2")]);
    assert_eq!(one, slot(&[("x-a", "1,2")]));
    assert_eq!(one, slot(&[("x-a", "1 ,\t2")]));
    assert_eq!(one, slot(&[("x-a", "1"), ("x-a", "2")]));
    assert_ne!(one, slot(&[("x-a", "2, 1")]));
    assert_ne!(one, slot(&[("x-a", "\"1, 2\"")]));
    assert_ne!(slot(&[("x-a", "\"1, 2\"")]), slot(&[("x-a", "\"1,2\"")]));
}

#[test]
fn rfc9111_4_1_all_named_fields_must_match() {
    let names = [HeaderName::from_static("x-a"), HeaderName::from_static("x-b")];
    let slot = |lines: Lines<'_>| variant_slot(BASE, &names, &headers(lines));
    assert_ne!(
        slot(&[("x-a", "1"), ("x-b", "2")]),
        slot(&[("x-a", "1"), ("x-b", "3")])
    );
    assert_ne!(slot(&[("x-a", "1")]), slot(&[("x-b", "1")]));
}

#[test]
fn browsers_share_a_variant_by_encoding() {
    let browser = by("accept-encoding", Some("gzip, deflate, br, zstd"));
    assert_eq!(browser, by("accept-encoding", Some("zstd,br;q=0.5, GZIP")));
    assert_ne!(browser, by("accept-encoding", Some("gzip, deflate, br")));
}

#[test]
fn rfc9110_12_5_3_codings_that_a_client_takes() {
    for (value, expected) in [
        ("gzip, deflate, br", "br,gzip,identity"),
        ("x-gzip", "gzip,identity"),
        ("gzip;q=0, br", "br,identity"),
        ("gzip; q=0.000", "identity"),
        ("gzip;q=0.001", "gzip,identity"),
        ("gzip;q=x", "identity"),
        ("gzip;Q=1.000", "gzip,identity"),
        ("*", "br,zstd,gzip,identity"),
        ("*;q=0", "identity;q=0"),
        ("gzip, *;q=0", "gzip"),
        ("identity;q=0, *", "br,zstd,gzip"),
        ("br;q=0, *", "zstd,gzip,identity"),
        ("identity", "identity"),
        ("", "identity"),
        ("deflate", "identity"),
        ("gzip, gzip;q=0", "identity"),
    ] {
        assert_eq!(encodings(value), expected, "{value}");
    }
    assert_eq!(accept_encoding(&HeaderMap::new()), "identity");
}

#[test]
fn rfc9110_12_5_3_without_the_field_only_identity_is_sure_to_suit() {
    assert_eq!(
        by("accept-encoding", None),
        by("accept-encoding", Some("identity"))
    );
}

#[test]
fn an_encoded_answer_without_vary_varies_all_the_same() {
    let zipped = headers(&[("content-encoding", "gzip")]);
    let offers = headers(&[("accept-encoding", "gzip")]);
    assert_eq!(of(&offers, &zipped, &[]), Vary::Names(vec![ACCEPT_ENCODING]));
    assert_eq!(of(&HeaderMap::new(), &zipped, &[]), Vary::Names(vec![]));
}

#[test]
fn rfc9111_4_1_languages_are_compared_without_case_space_and_order() {
    let one = by("accept-language", Some("en, de;q=0.5"));
    assert_eq!(one, by("accept-language", Some("DE; q=0.5 ,EN")));
    assert_ne!(one, by("accept-language", Some("en, fr;q=0.5")));
}

#[test]
fn rfc9111_4_1_the_preferred_language_finds_an_answer_in_it() {
    let names = [ACCEPT_LANGUAGE];
    let first = headers(&[("accept-language", "en, de;q=0.5")]);
    let second = headers(&[("accept-language", "fr;q=0.1, EN;q=0.9")]);
    let answer = headers(&[("content-language", "En")]);
    let stored = language_slot(BASE, &names, &first, &content_language(&answer).unwrap());
    let wanted = language_slot(BASE, &names, &second, &preferred_language(&second).unwrap());
    assert_eq!(stored, wanted);
    assert!(stored.is_some_and(|slot| slot != variant_slot(BASE, &names, &first)));
    assert_eq!(language_slot(BASE, &[ACCEPT_ENCODING], &first, "en"), None);
}

#[test]
fn rfc9111_4_1_a_preferred_language_must_stand_alone() {
    for (value, expected) in [
        ("en", Some("en")),
        ("de, en;q=0.9", Some("de")),
        ("de;q=0.8, en;q=0.8", None),
        ("de;q=0.1, en;q=0.8, fr;q=0.8", None),
        ("de;q=0.1, en;q=0.8, fr;q=0.8, it", Some("it")),
        ("*", None),
        ("en;q=0", None),
        ("", None),
    ] {
        let request = headers(&[("accept-language", value)]);
        assert_eq!(preferred_language(&request).as_deref(), expected, "{value}");
    }
    assert_eq!(
        content_language(&headers(&[("content-language", "en, de")])),
        None
    );
}

proptest! {
    /// The promise of this module: whoever shares a slot took each coding of what lies in it.
    #[test]
    fn no_client_gets_a_coding_that_it_did_not_offer(
        first in "(gzip|br|zstd|deflate|identity|\\*|x-gzip)(;q=(0|1|0\\.5))?(, (gzip|br|zstd|\\*)(;q=(0|1))?){0,3}",
        second in "(gzip|br|zstd|deflate|identity|\\*|x-gzip)(;q=(0|1|0\\.5))?(, (gzip|br|zstd|\\*)(;q=(0|1))?){0,3}",
        coding in "gzip|br|zstd|deflate|x-gzip",
        says_vary in any::<bool>(),
    ) {
        let filler = headers(&[("accept-encoding", &first)]);
        let visitor = headers(&[("accept-encoding", &second)]);
        let mut answer = headers(&[("content-encoding", &coding)]);
        if says_vary {
            answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        let Vary::Names(names) = of(&filler, &answer, &[]) else { panic!("no names") };
        let stored = coding_is_offered(&names, &filler, &answer);
        let shared = variant_slot(BASE, &names, &filler) == variant_slot(BASE, &names, &visitor);
        let asked_for_all = !says_vary && !codings_are_offered(&filler, &answer);
        if stored && shared && !asked_for_all {
            prop_assert!(codings_are_offered(&visitor, &answer));
        }
    }

    #[test]
    fn normalising_encodings_twice_changes_nothing(value in "[a-z;q=0.1,* ]{0,24}") {
        let once = encodings(&value);
        prop_assert_eq!(encodings(&once), once);
    }

    #[test]
    fn normalising_languages_twice_changes_nothing(value in "[a-zA-Z;q=0.1,* -]{0,24}") {
        let once = normal_language(value.as_bytes());
        prop_assert_eq!(normal_language(&once), once);
    }

    #[test]
    fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..48)) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let mut map = HeaderMap::new();
            for name in [ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY, CONTENT_ENCODING, CONTENT_LANGUAGE] {
                map.insert(name, value.clone());
            }
            let _ = of(&map, &map, &[]);
            let _ = variant_slot(BASE, &[ACCEPT_ENCODING, ACCEPT_LANGUAGE], &map);
            let _ = (preferred_language(&map), content_language(&map));
        }
    }
}
