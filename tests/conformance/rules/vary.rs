//! Which stored answer fits a request (RFC 9111 4.1).

use crate::rule::*;
use crate::support::{Answer, Req};

fn with(name: &str, value: &str) -> Req {
    get().header(name, value)
}

fn varies(names: &str) -> Answer {
    fresh().header("Vary", names)
}

/// A value and another that is the same once normalised.
fn same(name: &str, pairs: &[(&str, &str, &str)]) -> Vec<Rule> {
    pairs
        .iter()
        .map(|(field, first, second)| {
            rule(&format!("{name}[{field}: {first} | {second}]"))
                .fill_for(with(field, first), varies(field))
                .hit_for(with(field, second))
        })
        .collect()
}

/// A value and another that is not the same.
fn differ(name: &str, pairs: &[(&str, &str, &str)]) -> Vec<Rule> {
    pairs
        .iter()
        .map(|(field, first, second)| {
            rule(&format!("{name}[{field}: {first} | {second}]"))
                .fill_for(with(field, first), varies(field))
                .miss_for(with(field, second))
        })
        .collect()
}

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        rule("rfc9111_4_1_a_request_with_the_same_value_is_answered")
            .fill_for(with("X-Kind", "a"), varies("X-Kind"))
            .hit_for(with("X-Kind", "a")),
        rule("rfc9111_4_1_a_request_with_another_value_is_not")
            .fill_for(with("X-Kind", "a"), varies("X-Kind"))
            .miss_for(with("X-Kind", "b")),
        rule("rfc9111_4_1_a_request_without_the_field_is_not")
            .fill_for(with("X-Kind", "a"), varies("X-Kind"))
            .miss(),
        rule("rfc9111_4_1_a_request_with_the_field_is_not_answered_by_one_without")
            .fill(varies("X-Kind"))
            .miss_for(with("X-Kind", "a")),
        rule("rfc9111_4_1_requests_without_the_field_are_the_same")
            .fill(varies("X-Kind"))
            .hit(),
        rule("rfc9111_4_1_an_empty_field_is_not_an_absent_one")
            .fill_for(with("X-Kind", ""), varies("X-Kind"))
            .miss(),
        rule("rfc9111_4_1_several_variants_are_kept")
            .fill_for(with("X-Kind", "a"), varies("X-Kind"))
            .fill_for(with("X-Kind", "b"), varies("X-Kind"))
            .hit_for(with("X-Kind", "a"))
            .body_of(1)
            .hit_for(with("X-Kind", "b"))
            .body_of(2),
        rule("rfc9111_4_1_other_fields_do_not_matter")
            .fill_for(with("X-Kind", "a").header("X-Other", "1"), varies("X-Kind"))
            .hit_for(with("X-Kind", "a").header("X-Other", "2")),
        rule("rfc9111_4_1_names_are_compared_without_case")
            .fill_for(with("X-Kind", "a"), varies("x-KIND"))
            .hit_for(with("x-kind", "a")),
        rule("rfc9111_4_1_two_fields_must_both_match")
            .fill_for(with("X-A", "1").header("X-B", "2"), varies("X-A, X-B"))
            .hit_for(with("X-A", "1").header("X-B", "2")),
        rule("rfc9111_4_1_one_of_two_fields_is_not_enough")
            .fill_for(with("X-A", "1").header("X-B", "2"), varies("X-A, X-B"))
            .miss_for(with("X-A", "1").header("X-B", "3")),
        rule("rfc9111_4_1_the_order_of_request_fields_does_not_matter")
            .fill_for(with("X-A", "1").header("X-B", "2"), varies("X-A, X-B"))
            .hit_for(with("X-B", "2").header("X-A", "1")),
        rule("rfc9111_4_1_one_of_three_fields_is_absent")
            .fill_for(with("X-A", "1").header("X-B", "2"), varies("X-A, X-B, X-C"))
            .miss_for(with("X-A", "1").header("X-B", "2").header("X-C", "3"))
            .hit_for(with("X-A", "1").header("X-B", "2"))
            .body_of(1),
        rule("rfc9111_4_1_several_vary_lines_are_one_list")
            .fill_for(
                with("X-A", "1").header("X-B", "2"),
                varies("X-A").header("Vary", "X-B"),
            )
            .miss_for(with("X-A", "1").header("X-B", "3")),
        rule("rfc9111_4_1_empty_vary_members_do_not_count")
            .fill_for(with("X-A", "1"), varies(", X-A,,"))
            .hit_for(with("X-A", "1")),
        rule("rfc9111_4_1_an_empty_vary_says_nothing")
            .fill_for(with("X-A", "1"), varies(""))
            .hit_for(with("X-A", "2")),
        rule("rfc9111_4_1_vary_star_matches_nothing")
            .fill(varies("*"))
            .miss(),
        rule("rfc9111_4_1_vary_star_among_names_matches_nothing")
            .fill_for(with("X-A", "1"), varies("X-A, *"))
            .miss_for(with("X-A", "1")),
        rule("rfc9111_4_1_vary_star_on_another_line_matches_nothing")
            .fill(varies("X-A").header("Vary", "*"))
            .miss(),
        rule("rfc9111_4_1_vary_star_with_an_empty_member_matches_nothing")
            .fill(varies(", *"))
            .miss(),
        rule("rfc9111_4_1_a_list_over_two_lines_is_the_same_list")
            .fill_for(with("X-A", "1").header("X-A", "2"), varies("X-A"))
            .hit_for(with("X-A", "1, 2")),
        rule("rfc9111_4_1_a_variant_that_varies_by_more_is_told_apart")
            .fill_for(with("X-A", "1"), varies("X-A"))
            .fill_for(with("X-A", "2").header("X-B", "1"), varies("X-A, X-B"))
            .miss_for(with("X-A", "2").header("X-B", "2")),
        rule("rfc9111_4_1_cookies_choose_no_variant_for_others")
            .fill(varies("Cookie"))
            .hit(),
        rule("rfc9111_4_1_each_visitors_cookie_is_another_variant")
            .fill(varies("Cookie"))
            .miss_for(with("Cookie", "a=1"))
            .miss_for(with("Cookie", "a=2")),
        rule("rfc9111_4_1_hits_carry_vary_as_sent")
            .fill_for(with("X-Kind", "a"), varies("X-Kind,  x-other"))
            .hit_for(with("X-Kind", "a"))
            .gives("Vary", "X-Kind,  x-other"),
        rule("rfc9111_4_1_the_highest_language_finds_the_answer_in_it")
            .fill_for(
                with("Accept-Language", "en, de"),
                varies("Accept-Language").header("Content-Language", "de"),
            )
            .hit_for(with("Accept-Language", "fr;q=0.5, de;q=1.0")),
        rule("rfc9111_4_1_the_highest_language_finds_the_answer_in_it_again")
            .fill_for(
                with("Accept-Language", "en, de"),
                varies("Accept-Language").header("Content-Language", "DE"),
            )
            .hit_for(with("Accept-Language", "de"))
            .hit_for(with("Accept-Language", "de, fr;q=0.1")),
        rule("rfc9111_4_1_two_highest_languages_choose_none")
            .fill_for(
                with("Accept-Language", "en, de"),
                varies("Accept-Language").header("Content-Language", "de"),
            )
            .miss_for(with("Accept-Language", "fr, de")),
        rule("rfc9111_4_1_a_lower_language_does_not_choose")
            .fill_for(
                with("Accept-Language", "en, de"),
                varies("Accept-Language").header("Content-Language", "de"),
            )
            .miss_for(with("Accept-Language", "fr, de;q=0.5")),
        rule("rfc9111_4_1_other_fields_count_beside_the_language")
            .fill_for(
                with("Accept-Language", "en, de").header("X-A", "1"),
                varies("Accept-Language, X-A").header("Content-Language", "de"),
            )
            .miss_for(with("Accept-Language", "de").header("X-A", "2"))
            .hit_for(with("Accept-Language", "de;q=0.9").header("X-A", "1"))
            .body_of(1),
    ];
    rules.extend(same(
        "rfc9111_4_1_values_that_mean_the_same_are_the_same",
        &[
            ("X-Kind", "a, b", "a,b"),
            ("X-Kind", "a,  b", "a , b"),
            ("X-Kind", "a,\tb", "a, b"),
            ("X-Kind", " a ", "a"),
            ("Accept-Language", "en, de", "de, en"),
            ("Accept-Language", "en,de", "en,  de"),
            ("Accept-Language", "EN, de", "en, DE"),
            ("Accept-Language", "en;q=0.5, de", "de, en; q=0.5"),
            ("Accept-Encoding", "gzip, br", "br, gzip"),
            ("Accept-Encoding", "gzip;q=1.0", "gzip"),
            ("Accept-Encoding", "gzip, foo", "GZIP"),
        ],
    ));
    rules.extend(differ(
        "rfc9111_4_1_values_that_may_differ_are_not_the_same",
        &[
            ("X-Kind", "a, b", "b, a"),
            ("X-Kind", "a", "A"),
            ("X-Kind", "a b", "ab"),
            ("Accept-Language", "en", "de"),
            ("Accept-Language", "en;q=0.5, de", "en, de;q=0.5"),
            ("Accept", "text/html", "text/plain"),
            ("User-Agent", "a", "b"),
            ("Accept-Encoding", "gzip", "identity"),
        ],
    ));
    rules
}
