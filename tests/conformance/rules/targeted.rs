//! `CDN-Cache-Control` (RFC 9213).

use crate::rule::*;
use crate::support::Answer;

fn cdn(value: &str) -> Answer {
    ok().header("CDN-Cache-Control", value)
}

fn both(cdn_value: &str, cache_control: &str) -> Answer {
    cdn(cdn_value).header("Cache-Control", cache_control)
}

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        rule("rfc9213_2_2_max_age_counts").fill(cdn("max-age=3600")).hit(),
        rule("rfc9213_2_2_max_age_zero_is_not_fresh")
            .fill(cdn("max-age=0"))
            .miss(),
        rule("rfc9213_2_2_max_age_wins_over_a_shorter_one")
            .fill(both("max-age=3600", "max-age=0"))
            .hit(),
        rule("rfc9213_2_2_max_age_wins_over_a_longer_one")
            .fill(both("max-age=0", "max-age=3600"))
            .miss(),
        rule("rfc9213_2_2_max_age_wins_over_s_maxage")
            .fill(both("max-age=3600", "s-maxage=0"))
            .hit(),
        rule("rfc9213_2_2_wins_over_no_store")
            .fill(both("max-age=3600", "no-store"))
            .hit(),
        rule("rfc9213_2_2_wins_over_private")
            .fill(both("max-age=3600", "private"))
            .hit(),
        rule("rfc9213_2_2_wins_over_no_cache")
            .fill(both("max-age=3600", "no-cache"))
            .hit(),
        rule("rfc9213_2_2_no_store_wins_over_max_age")
            .fill(both("no-store", "max-age=3600"))
            .miss(),
        rule("rfc9213_2_2_private_wins_over_max_age")
            .fill(both("private", "max-age=3600"))
            .miss(),
        rule("rfc9213_2_2_no_cache_wins_over_max_age")
            .fill(both("no-cache", "max-age=3600"))
            .miss(),
        rule("rfc9213_2_2_no_store_is_not_stored_beside_its_own_max_age")
            .fill(cdn("max-age=3600, no-store"))
            .miss(),
        rule("rfc9213_2_2_wins_over_expires_in_the_past")
            .fill(cdn("max-age=3600").header("Expires", &date(-3600)))
            .hit(),
        rule("rfc9213_2_2_expires_does_not_count_beside_it")
            .fill(cdn("foo").header("Expires", &date(3600)))
            .miss(),
        rule("rfc9213_2_2_what_it_does_not_say_is_not_taken_from_cache_control")
            .fill(both("foo", "max-age=3600"))
            .miss(),
        rule("rfc9213_2_2_an_empty_field_leaves_it_to_cache_control")
            .fill(both("", "max-age=3600"))
            .hit(),
        rule("rfc9213_2_an_age_counts_against_it")
            .fill(cdn("max-age=3600").header("Age", "7200"))
            .miss(),
        rule("rfc9213_2_an_age_below_it_leaves_freshness")
            .fill(cdn("max-age=3600").header("Age", "1800"))
            .hit(),
        rule("rfc9213_2_1_names_are_case_sensitive")
            .fill(both("Max-Age=3600", "max-age=0"))
            .miss(),
        rule("rfc9213_2_1_unknown_directives_are_ignored")
            .fill(both("foo=bar, max-age=3600, b=(1 2), c=:YQ==:", "max-age=0"))
            .hit(),
        rule("rfc9213_2_1_parameters_are_ignored")
            .fill(both("max-age=3600;foo=bar", "max-age=0"))
            .hit(),
        rule("rfc9213_2_1_several_lines_are_one_dictionary")
            .fill(
                cdn("foo")
                    .header("CDN-Cache-Control", "max-age=3600")
                    .header("Cache-Control", "max-age=0"),
            )
            .hit(),
        rule("rfc9651_4_2_2_of_equal_keys_the_last_counts")
            .fill(both("max-age=0, max-age=3600", "max-age=0"))
            .hit(),
        rule("rfc9213_2_2_stale_while_revalidate_counts")
            .fill(
                both("max-age=3600, stale-while-revalidate=3600", "no-store")
                    .header("Age", "3700")
                    .header("ETag", "\"v1\""),
            )
            .stale_for(get(), not_modified(&[])),
        rule("rfc9213_3_1_clients_get_the_field")
            .fill(both("max-age=3600", "max-age=60"))
            .gives("CDN-Cache-Control", "max-age=3600")
            .hit()
            .gives("CDN-Cache-Control", "max-age=3600")
            .gives("Cache-Control", "max-age=60"),
        rule("rfc9213_2_2_its_s_maxage_counts")
            .fill(cdn("s-maxage=3600"))
            .hit(),
        rule("rfc9213_2_the_field_of_this_gateway_goes_first_and_ends_here")
            .fill(both("max-age=0", "max-age=0").header("Popgate-CDN-Cache-Control", "max-age=3600"))
            .lacks("Popgate-CDN-Cache-Control")
            .hit()
            .lacks("Popgate-CDN-Cache-Control"),
        rule("rfc9111_5_2_surrogate_control_is_no_standard_field")
            .fill(cc("max-age=3600").header("Surrogate-Control", "max-age=0"))
            .hit(),
        rule("rfc9111_5_2_surrogate_control_does_not_make_fresh")
            .fill(cc("no-store").header("Surrogate-Control", "max-age=3600"))
            .miss(),
    ];
    // Each of these voids the whole field, and Cache-Control applies.
    let invalid = [
        "max-age=\"3600\"",
        "max-age='3600'",
        "max-age=3600.0",
        "max-age=-3600",
        "max-age=a3600",
        "max-age= 3600",
        "max-age=3600,",
        ",max-age=3600",
        "max-age=3600 foo",
        "max-age=?1",
        "max-age",
        "max-age=(3600)",
        "&, max-age=3600",
        "max-age=3600, foo=\"unclosed",
        "max-age=3600, UPPER",
        "max-age=9999999999999999",
        "no-store=1, max-age=3600",
    ];
    rules.extend(each(
        "rfc9213_2_1_an_invalid_field_is_ignored_fresh",
        invalid,
        |rule, value| rule.fill(both(value, "max-age=3600")).hit(),
    ));
    rules.extend(each(
        "rfc9213_2_1_an_invalid_field_is_ignored_stale",
        invalid,
        |rule, value| rule.fill(both(value, "no-store")).miss(),
    ));
    rules.extend(each(
        "rfc9651_3_2_a_dictionary_in_any_of_these_writings_counts",
        [
            "max-age=003600",
            "max-age=3600,foo",
            "max-age=3600 ,\tfoo",
            "foo=\"max-age=0\", max-age=3600",
            "max-age=3600, no-store=?0",
            "max-age=999999999999999",
        ],
        |rule, value| rule.fill(both(value, "max-age=0")).hit(),
    ));
    rules
}
