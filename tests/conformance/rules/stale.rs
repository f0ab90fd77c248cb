//! Stale answers (RFC 9111 4.2.4, RFC 5861).

use crate::rule::*;
use crate::support::Answer;

/// An hour of freshness ended 100 s ago; these directives come with it.
fn expired(directives: &str) -> Answer {
    stale(&format!("max-age=3600{directives}"))
}

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        rule("rfc5861_3_a_stale_answer_is_served_while_it_is_refreshed")
            .fill(expired(", stale-while-revalidate=3600"))
            .stale_for(get(), not_modified(&[])),
        rule("rfc5861_3_the_refresh_replaces_it")
            .fill(expired(", stale-while-revalidate=3600"))
            .stale_for(get(), fresh())
            .refreshed()
            .step(get(), fresh(), Source::Anyone)
            .and(|done| assert!(done.seen.is_empty() && done.response.text().ends_with("step 2"))),
        rule("rfc5861_3_a_refresh_that_says_no_cache_replaces_it")
            .fill(expired(", stale-while-revalidate=3600"))
            .stale_for(get(), cc("no-cache").header("ETag", "\"v2\""))
            .refreshed()
            .step(get(), fresh(), Source::Origin),
        rule("rfc5861_3_a_refresh_that_may_not_be_stored_takes_it_out_of_service")
            .fill(expired(", stale-while-revalidate=3600"))
            .stale_for(get(), cc("no-store"))
            .refreshed()
            .step(get(), fresh(), Source::Origin),
        rule("rfc5861_3_without_a_validator_it_is_served_too")
            .fill(cc("max-age=3600, stale-while-revalidate=3600").header("Age", "3700"))
            .stale_for(get(), fresh()),
        rule("rfc5861_3_behind_its_window_it_is_not_served")
            .fill(expired(", stale-while-revalidate=50"))
            .step(get(), not_modified(&[]), Source::Validated),
        rule("rfc5861_3_head_is_served_stale_too")
            .fill(expired(", stale-while-revalidate=3600"))
            .stale_for(method("HEAD"), fresh())
            .refreshed()
            .step(get(), fresh(), Source::Anyone)
            .and(|done| assert!(done.response.text().ends_with("step 2"), "the refresh is a GET")),
        rule("rfc5861_3_a_condition_is_answered_from_what_is_stale")
            .fill(expired(", stale-while-revalidate=3600"))
            .stale_for(get().header("If-None-Match", "\"v1\""), fresh())
            .status(304),
        rule("rfc5861_3_s_maxage_with_an_explicit_window_is_served")
            .fill(
                cc("s-maxage=3600, stale-while-revalidate=3600")
                    .header("Age", "3700")
                    .header("ETag", "\"v1\""),
            )
            .stale_for(get(), not_modified(&[])),
        rule("rfc5861_4_within_its_window_it_stands_in_for_a_closed_connection")
            .fill(expired(", stale-if-error=3600"))
            .stale_for(get(), Script::Down),
        rule("rfc5861_4_behind_its_window_it_does_not_stand_in")
            .fill(expired(", stale-if-error=50"))
            .step(get(), status(503), Source::Origin)
            .status(503),
        rule("rfc5861_4_behind_its_window_it_does_not_stand_in_for_a_closed_connection")
            .fill(expired(", stale-if-error=50"))
            .step(get(), Script::Down, Source::Anyone)
            .status(502),
        rule("rfc5861_4_a_client_error_is_no_error_of_the_origin")
            .fill(expired(", stale-if-error=3600"))
            .step(get(), status(404), Source::Origin),
        rule("rfc9111_4_2_4_without_a_window_a_5xx_reaches_the_client")
            .fill(expired(""))
            .step(get(), status(503), Source::Origin),
        rule("rfc9111_4_2_4_disconnected_from_the_origin_it_is_served")
            .fill(expired(""))
            .stale_for(get(), Script::Down),
        rule("rfc9111_4_2_4_disconnected_without_a_validator_it_is_served")
            .fill(cc("max-age=1"))
            .stale_for(get(), Script::Down)
            .after(std::time::Duration::from_millis(1500)),
        rule("rfc9111_4_2_4_disconnected_under_s_maxage_it_is_not_served")
            .fill(cc("s-maxage=3600").header("Age", "3700").header("ETag", "\"v1\""))
            .step(get(), Script::Down, Source::Anyone)
            .status(502),
        rule("rfc9111_4_2_4_what_was_never_fresh_is_not_served_stale")
            .fill(cc("max-age=0").header("ETag", "\"v1\""))
            .step(get(), Script::Down, Source::Anyone)
            .status(502),
        rule("rfc9111_5_2_2_2_must_revalidate_without_an_origin_is_a_gateway_error")
            .fill(expired(", must-revalidate"))
            .step(get(), Script::Down, Source::Anyone)
            .and(|done| assert!(matches!(done.response.status, 502 | 504))),
        rule("rfc9111_4_2_4_a_stale_answer_has_its_age")
            .fill(expired(", stale-while-revalidate=3600"))
            .stale_for(get(), not_modified(&[]))
            .and(|done| assert!(done.response.age().unwrap() >= 3700)),
    ];
    rules.extend(each(
        "rfc5861_4_within_its_window_it_stands_in_for",
        ["500", "502", "503", "504"],
        |rule, value| {
            rule.fill(expired(", stale-if-error=3600"))
                .stale_for(get(), status(value.parse().unwrap()))
                .body_of(1)
        },
    ));
    // None of these may be served stale, whatever the windows say.
    let forbidding = [", must-revalidate", ", proxy-revalidate", ", no-cache"];
    rules.extend(each(
        "rfc9111_4_2_4_no_stale_while_revalidate_with",
        forbidding,
        |rule, value| {
            rule.fill(expired(&format!("{value}, stale-while-revalidate=3600")))
                .step(get(), not_modified(&[]), Source::Validated)
        },
    ));
    rules.extend(each(
        "rfc9111_4_2_4_no_stale_if_error_with",
        forbidding,
        |rule, value| {
            rule.fill(expired(&format!("{value}, stale-if-error=3600"))).step(
                get(),
                status(503),
                Source::Origin,
            )
        },
    ));
    rules.extend(each(
        "rfc9111_4_2_4_not_served_when_disconnected_with",
        forbidding,
        |rule, value| {
            rule.fill(expired(value))
                .step(get(), Script::Down, Source::Anyone)
                .status(502)
        },
    ));
    rules.extend(each(
        "rfc9111_5_2_1_2_no_max_stale_with",
        forbidding,
        |rule, value| {
            rule.fill(expired(value)).step(
                get().header("Cache-Control", "max-stale"),
                not_modified(&[]),
                Source::Validated,
            )
        },
    ));
    rules
}
