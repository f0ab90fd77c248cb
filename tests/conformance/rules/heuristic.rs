//! Freshness that nobody gave (RFC 9111 4.2.2); off unless the site asks for it.

use crate::rule::*;
use crate::support::Answer;

/// Last changed ten days ago: a day of heuristic freshness.
fn old(code: &str) -> Answer {
    status(code.parse().unwrap()).header("Last-Modified", &date(-864_000))
}

pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend(each(
        "rfc9110_15_1_a_heuristically_cacheable_status_is_reused",
        [
            "200", "203", "204", "300", "301", "308", "404", "405", "410", "414",
        ],
        |rule, code| rule.only(Profile::Heuristic).fill(old(code)).hit(),
    ));
    rules.extend(each(
        "rfc9110_15_1_501_is_reused_for_a_while",
        ["501"],
        |rule, code| rule.only(Profile::Heuristic).fill(old(code)).hit(),
    ));
    rules.extend(each(
        "rfc9110_15_1_no_other_status_is_reused",
        [
            "201", "202", "299", "302", "303", "307", "400", "403", "499", "500", "502", "503", "504", "599",
        ],
        |rule, code| rule.only(Profile::Heuristic).fill(old(code)).miss(),
    ));
    rules.extend(each(
        "rfc9111_4_2_2_public_permits_it_for_any_status",
        ["201", "299", "302", "403", "499"],
        |rule, code| {
            rule.only(Profile::Heuristic)
                .fill(old(code).header("Cache-Control", "public"))
                .hit()
        },
    ));
    rules.extend(each(
        "rfc9111_4_2_2_it_is_a_tenth_of_the_time_since_the_change",
        ["-20000", "-100000"],
        |rule, age| {
            let answer = ok().header("Last-Modified", &date(age.parse().unwrap()));
            rule.only(Profile::Heuristic)
                .fill(answer.header("Age", "1900"))
                .hit()
        },
    ));
    rules.extend(each(
        "rfc9111_4_2_2_age_counts_against_it",
        ["-5000", "-18000"],
        |rule, age| {
            let answer = ok().header("Last-Modified", &date(age.parse().unwrap()));
            rule.only(Profile::Heuristic)
                .fill(answer.header("Age", "1900"))
                .miss()
        },
    ));
    rules.extend([
        rule("rfc9111_4_2_2_without_last_modified_there_is_none")
            .only(Profile::Heuristic)
            .fill(ok().header("ETag", "\"v1\""))
            .miss(),
        rule("rfc9111_4_2_2_an_explicit_lifetime_goes_before_it")
            .only(Profile::Heuristic)
            .fill(old("200").header("Cache-Control", "max-age=0"))
            .miss(),
        rule("rfc9111_4_2_2_an_invalid_expires_is_no_reason_for_it")
            .only(Profile::Heuristic)
            .fill(old("200").header("Expires", "0"))
            .miss(),
        rule("rfc9111_4_2_2_must_revalidate_does_not_hinder_it")
            .only(Profile::Heuristic)
            .fill(old("200").header("Cache-Control", "must-revalidate"))
            .hit(),
        rule("rfc9111_4_2_2_a_change_in_the_future_is_none")
            .only(Profile::Heuristic)
            .fill(ok().header("Last-Modified", &date(10_000)))
            .miss(),
        rule("rfc9111_4_2_2_it_is_off_unless_asked_for")
            .fill(old("200"))
            .validated(&[]),
    ]);
    rules
}
