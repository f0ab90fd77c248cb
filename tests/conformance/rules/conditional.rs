//! Conditional requests answered from the store (RFC 9111 4.3.2, RFC 9110 13).

use crate::rule::*;
use crate::support::{Answer, Req};

const MODIFIED: &str = "Tue, 03 Nov 2026 10:00:00 GMT";
const EARLIER: &str = "Mon, 02 Nov 2026 10:00:00 GMT";
const LATER: &str = "Wed, 04 Nov 2026 10:00:00 GMT";

fn tagged(tag: &str) -> Answer {
    fresh().header("ETag", tag)
}

fn none_match(tags: &str) -> Req {
    get().header("If-None-Match", tags)
}

fn since(date: &str) -> Req {
    get().header("If-Modified-Since", date)
}

pub fn rules() -> Vec<Rule> {
    let modified = || fresh().header("Last-Modified", MODIFIED);
    let mut rules = vec![
        rule("rfc9110_13_1_2_the_same_etag_is_304")
            .fill(tagged("\"v1\""))
            .hit_for(none_match("\"v1\""))
            .status(304)
            .and(|done| assert!(done.response.body.is_empty())),
        rule("rfc9110_13_1_2_another_etag_is_200")
            .fill(tagged("\"v1\""))
            .hit_for(none_match("\"v2\""))
            .status(200),
        rule("rfc9110_13_1_2_if_none_match_on_several_lines_is_one_list")
            .fill(tagged("\"v1\""))
            .hit_for(none_match("\"v0\"").header("If-None-Match", "\"v1\""))
            .status(304),
        rule("rfc9110_13_1_2_without_an_etag_no_tag_matches")
            .fill(fresh())
            .hit_for(none_match("\"v1\""))
            .status(200),
        rule("rfc9110_13_1_2_star_matches_an_answer_without_etag")
            .fill(fresh())
            .hit_for(none_match("*"))
            .status(304),
        rule("rfc9110_8_8_3_a_comma_inside_of_a_tag_is_part_of_it")
            .fill(tagged("\"a,b\""))
            .hit_for(none_match("\"x\", \"a,b\""))
            .status(304),
        rule("rfc9110_8_8_3_an_unquoted_stored_tag_is_compared_as_it_is")
            .fill(tagged("v1"))
            .hit_for(none_match("v1"))
            .status(304),
        rule("rfc9110_8_8_3_quotes_tell_tags_apart")
            .fill(tagged("\"v1\""))
            .hit_for(none_match("v1"))
            .status(200),
        rule("rfc9110_13_1_3_not_modified_since_is_304")
            .fill(modified())
            .hit_for(since(MODIFIED))
            .status(304),
        rule("rfc9110_13_1_3_a_later_date_is_304")
            .fill(modified())
            .hit_for(since(LATER))
            .status(304),
        rule("rfc9110_13_1_3_an_earlier_date_is_200")
            .fill(modified())
            .hit_for(since(EARLIER))
            .status(200),
        rule("rfc9110_13_1_3_without_last_modified_the_date_counts")
            .fill(fresh())
            .hit_for(since(&date(100)))
            .status(304),
        rule("rfc9110_13_1_3_without_last_modified_an_earlier_date_is_200")
            .fill(fresh())
            .hit_for(since(&date(-1000)))
            .status(200),
        rule("rfc9110_13_1_3_if_none_match_wins_with_another_tag")
            .fill(modified().header("ETag", "\"v1\""))
            .hit_for(none_match("\"v2\"").header("If-Modified-Since", LATER))
            .status(200),
        rule("rfc9110_13_1_3_if_none_match_wins_with_the_same_tag")
            .fill(modified().header("ETag", "\"v1\""))
            .hit_for(none_match("\"v1\"").header("If-Modified-Since", EARLIER))
            .status(304),
        rule("rfc9110_13_1_3_if_none_match_wins_where_no_tag_is_stored")
            .fill(modified())
            .hit_for(none_match("\"v1\"").header("If-Modified-Since", LATER))
            .status(200),
        rule("rfc9110_13_2_1_only_success_is_not_modified")
            .fill(
                status(404)
                    .header("Cache-Control", "max-age=3600")
                    .header("ETag", "\"v1\""),
            )
            .hit_for(none_match("\"v1\""))
            .status(404),
        rule("rfc9110_15_4_5_a_304_from_the_store_carries_what_a_200_would")
            .fill(
                tagged("\"v1\"")
                    .header("Content-Location", "/elsewhere")
                    .header("Expires", "Thu, 18 Aug 2050 02:01:18 GMT")
                    .header("Vary", "X-Kind"),
            )
            .hit_for(none_match("\"v1\""))
            .status(304)
            .gives("ETag", "\"v1\"")
            .gives("Cache-Control", "max-age=3600")
            .gives("Content-Location", "/elsewhere")
            .gives("Expires", "Thu, 18 Aug 2050 02:01:18 GMT")
            .gives("Vary", "X-Kind")
            .and(|done| assert!(done.response.header("date").is_some())),
        rule("rfc9110_15_4_5_a_304_by_date_carries_last_modified")
            .fill(modified())
            .hit_for(since(MODIFIED))
            .status(304)
            .gives("Last-Modified", MODIFIED),
        rule("rfc9111_4_3_2_a_304_from_the_store_has_an_age")
            .fill(tagged("\"v1\"").header("Age", "100"))
            .hit_for(none_match("\"v1\""))
            .status(304)
            .and(|done| assert!(done.response.age().unwrap() >= 100)),
        rule("rfc9110_13_1_2_head_with_the_same_etag_is_304")
            .fill(tagged("\"v1\""))
            .hit_for(method("HEAD").header("If-None-Match", "\"v1\""))
            .status(304),
        rule("rfc9111_4_3_2_a_condition_on_a_cold_key_reaches_the_client_as_it_should")
            .step(
                none_match("\"v1\""),
                Answer::new(304, Vec::new()).header("ETag", "\"v1\""),
                Source::Anyone,
            )
            .status(304)
            .and(|done| assert!(done.response.body.is_empty()))
            .fill(tagged("\"v1\""))
            .hit(),
        rule("rfc9111_4_3_2_another_condition_on_a_cold_key_gets_the_whole")
            .step(none_match("\"v0\""), tagged("\"v1\""), Source::Anyone)
            .status(200)
            .body_of(1),
        rule("rfc9111_3_a_304_for_a_clients_condition_is_not_stored")
            .step(
                none_match("\"v1\""),
                Answer::new(304, Vec::new())
                    .header("ETag", "\"v1\"")
                    .header("Cache-Control", "max-age=3600"),
                Source::Anyone,
            )
            .miss()
            .status(200),
        rule("rfc9111_4_3_1_a_stale_answer_is_validated_with_its_own_tag")
            .fill(stale("max-age=3600"))
            .step(
                none_match("\"v0\""),
                not_modified(&[("Cache-Control", "max-age=3600")]),
                Source::Anyone,
            )
            .status(200)
            .and(|done| assert_eq!(done.response.text(), done.body))
            .and(|done| assert!(done.seen[0].header("if-none-match").unwrap().contains("\"v1\""))),
        rule("rfc9111_4_3_2_a_validated_answer_is_304_for_who_has_it")
            .fill(stale("max-age=3600"))
            .step(
                none_match("\"v1\""),
                not_modified(&[("Cache-Control", "max-age=3600")]),
                Source::Anyone,
            )
            .status(304)
            .and(|done| assert!(done.response.body.is_empty())),
        rule("rfc9111_4_3_3_a_new_answer_reaches_who_has_the_old_one")
            .fill(stale("max-age=3600"))
            .step(none_match("\"v1\""), tagged("\"v2\""), Source::Anyone)
            .status(200)
            .body_of(2)
            .gives("ETag", "\"v2\""),
        rule("rfc9110_13_1_1_if_match_goes_to_the_origin")
            .fill(tagged("\"v1\""))
            .step(get().header("If-Match", "\"v2\""), status(412), Source::Origin)
            .origin_saw("If-Match", Some("\"v2\""))
            .status(412)
            .hit()
            .body_of(1),
        rule("rfc9110_13_1_4_if_unmodified_since_goes_to_the_origin")
            .fill(modified())
            .step(
                get().header("If-Unmodified-Since", EARLIER),
                status(412),
                Source::Origin,
            )
            .origin_saw("If-Unmodified-Since", Some(EARLIER))
            .status(412)
            .hit()
            .body_of(1),
    ];
    rules.extend(each(
        "rfc9110_13_1_2_the_same_tag_in_any_of_these_lists_is_304",
        [
            "W/\"v1\"",
            "\"v0\", \"v1\"",
            "\"v1\", \"v2\"",
            "\"v0\" , W/\"v1\"",
            "\"v0\",\"v1\"",
            "*",
            ", \"v1\"",
        ],
        |rule, value| rule.fill(tagged("\"v1\"")).hit_for(none_match(value)).status(304),
    ));
    rules.extend(each(
        "rfc9110_13_1_2_a_weak_stored_tag_matches_weakly",
        ["W/\"v1\"", "\"v1\"", "\"v0\", W/\"v1\""],
        |rule, value| {
            rule.fill(tagged("W/\"v1\""))
                .hit_for(none_match(value))
                .status(304)
        },
    ));
    rules.extend(each(
        "rfc9110_13_1_2_what_only_looks_like_the_tag_is_200",
        ["\"V1\"", "\"v1", "v1\"", "w/\"v1\"", "\"v1 \"", "\"v0, v1\""],
        |rule, value| rule.fill(tagged("\"v1\"")).hit_for(none_match(value)).status(200),
    ));
    rules.extend(each(
        "rfc9110_13_1_3_a_date_in_any_of_three_forms_is_304",
        [
            "Tue, 03 Nov 2026 10:00:00 GMT",
            "Tuesday, 03-Nov-26 10:00:00 GMT",
            "Tue Nov  3 10:00:00 2026",
        ],
        |rule, value| rule.fill(modified()).hit_for(since(value)).status(304),
    ));
    rules.extend(each(
        "rfc9110_13_1_3_an_invalid_date_is_200",
        ["0", "yesterday", "Tue, 03 Nov 2026 10:00:00", "2026-11-03"],
        |rule, value| rule.fill(modified()).hit_for(since(value)).status(200),
    ));
    rules
}
