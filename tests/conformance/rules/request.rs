//! What clients ask of a cache (RFC 9111 5.2.1, 5.4).

use crate::rule::*;
use crate::support::Req;

fn asking(value: &str) -> Req {
    get().header("Cache-Control", value)
}

pub fn rules() -> Vec<Rule> {
    let aged = |age: &str| cc("max-age=3600").header("Age", age).header("ETag", "\"v1\"");
    let mut rules = vec![
        rule("rfc9111_5_2_1_4_no_cache_is_validated")
            .fill(fresh().header("ETag", "\"v1\""))
            .step(asking("no-cache"), not_modified(&[]), Source::Validated),
        rule("rfc9111_5_2_1_4_no_cache_without_a_validator_fetches")
            .fill(fresh())
            .miss_for(asking("no-cache")),
        rule("rfc9111_5_2_1_4_what_no_cache_fetched_is_stored")
            .fill(fresh())
            .step(asking("no-cache"), fresh(), Source::Origin)
            .hit(),
        rule("rfc9111_5_2_1_4_no_cache_fills_a_cold_cache")
            .fill_for(asking("no-cache"), fresh())
            .hit(),
        rule("rfc9111_5_4_pragma_no_cache_counts_without_cache_control")
            .fill(fresh())
            .miss_for(get().header("Pragma", "no-cache")),
        rule("rfc9111_5_4_pragma_does_not_count_beside_cache_control")
            .fill(fresh())
            .hit_for(asking("max-age=3600").header("Pragma", "no-cache")),
        rule("rfc9111_5_4_another_pragma_means_nothing")
            .fill(fresh())
            .hit_for(get().header("Pragma", "foo")),
        rule("rfc9111_5_2_1_5_no_store_is_not_stored")
            .fill_for(asking("no-store"), fresh())
            .miss(),
        rule("rfc9111_5_2_1_5_no_store_may_be_answered_from_the_store")
            .fill(fresh())
            .hit_for(asking("no-store"))
            .hit(),
        rule("rfc9111_5_2_1_1_max_age_takes_what_is_younger")
            .fill(aged("100"))
            .hit_for(asking("max-age=1000")),
        rule("rfc9111_5_2_1_1_max_age_validates_what_is_older")
            .fill(aged("100"))
            .step(asking("max-age=50"), not_modified(&[]), Source::Validated),
        rule("rfc9111_5_2_1_1_max_age_zero_validates_anything")
            .fill(fresh().header("ETag", "\"v1\""))
            .step(asking("max-age=0"), not_modified(&[]), Source::Validated),
        rule("rfc9111_5_2_1_1_max_age_does_not_take_what_is_stale")
            .fill(stale("max-age=3600"))
            .step(asking("max-age=100000"), not_modified(&[]), Source::Validated),
        rule("rfc9111_5_2_1_3_min_fresh_takes_what_stays_fresh")
            .fill(aged("100"))
            .hit_for(asking("min-fresh=1000")),
        rule("rfc9111_5_2_1_3_min_fresh_validates_what_does_not")
            .fill(aged("3000"))
            .step(asking("min-fresh=1000"), not_modified(&[]), Source::Validated),
        rule("rfc9111_5_2_1_2_max_stale_takes_what_is_stale")
            .fill(stale("max-age=3600"))
            .stale_for(asking("max-stale=1000"), ok())
            .body_of(1)
            .and(|done| assert!(done.seen.is_empty())),
        rule("rfc9111_5_2_1_2_max_stale_without_a_value_takes_anything_stale")
            .fill(stale("max-age=3600"))
            .stale_for(asking("max-stale"), ok())
            .body_of(1)
            .and(|done| assert!(done.seen.is_empty())),
        rule("rfc9111_5_2_1_2_max_stale_does_not_take_what_is_staler")
            .fill(stale("max-age=3600"))
            .step(asking("max-stale=10"), not_modified(&[]), Source::Validated),
        rule("rfc9111_5_2_1_2_max_stale_does_not_overrule_no_cache")
            .fill(cc("no-cache").header("ETag", "\"v1\""))
            .step(asking("max-stale=1000"), not_modified(&[]), Source::Validated),
        rule("rfc9111_5_2_1_7_only_if_cached_takes_what_is_stored")
            .fill(fresh())
            .hit_for(asking("only-if-cached")),
        rule("rfc9111_5_2_1_7_only_if_cached_is_504_when_nothing_is_stored")
            .step(asking("only-if-cached"), ok(), Source::Gateway)
            .status(504),
        rule("rfc9111_5_2_1_7_only_if_cached_is_504_when_it_is_stale")
            .fill(stale("max-age=3600"))
            .step(asking("only-if-cached"), ok(), Source::Gateway)
            .status(504),
        rule("rfc9111_5_2_1_7_only_if_cached_is_504_when_it_must_be_validated")
            .fill(cc("no-cache").header("ETag", "\"v1\""))
            .step(asking("only-if-cached"), ok(), Source::Gateway)
            .status(504),
        rule("rfc9111_5_2_1_7_only_if_cached_is_504_when_the_client_wants_it_younger")
            .fill(aged("100"))
            .step(asking("only-if-cached, max-age=50"), ok(), Source::Gateway)
            .status(504),
        rule("rfc9111_5_2_1_7_only_if_cached_is_504_for_another_variant")
            .fill_for(get().header("X-Kind", "a"), fresh().header("Vary", "X-Kind"))
            .step(
                asking("only-if-cached").header("X-Kind", "b"),
                ok(),
                Source::Gateway,
            )
            .status(504),
        rule("rfc9111_5_2_1_7_only_if_cached_with_max_stale_takes_what_is_stale")
            .fill(stale("max-age=3600"))
            .stale_for(asking("only-if-cached, max-stale"), ok())
            .body_of(1),
        rule("rfc9111_5_2_1_7_only_if_cached_is_504_where_the_cache_is_not_asked")
            .step(
                asking("only-if-cached").header("If-Match", "\"v1\""),
                ok(),
                Source::Gateway,
            )
            .status(504),
        rule("rfc9111_5_2_1_unknown_directives_are_ignored")
            .fill(fresh())
            .hit_for(asking("foo, bar=\"no-cache\"")),
        rule("rfc9111_5_2_1_unknown_directives_beside_an_unknown_pragma_are_ignored")
            .fill_for(asking("anything").header("Pragma", "anything"), fresh())
            .hit_for(asking("anything").header("Pragma", "anything")),
        rule("rfc9111_5_2_1_directives_reach_the_origin")
            .fill_for(asking("no-cache, foo=bar"), fresh())
            .origin_saw("Cache-Control", Some("no-cache, foo=bar")),
        rule("rfc5861_4_a_clients_stale_if_error_counts")
            .fill(stale("max-age=3600, stale-if-error=1"))
            .stale_for(asking("stale-if-error=1000"), status(503))
            .body_of(1),
        rule("a_deaf_site_answers_no_cache_from_the_store")
            .only(Profile::Deaf)
            .fill(fresh())
            .hit_for(asking("no-cache")),
        rule("a_deaf_site_answers_max_age_from_the_store")
            .only(Profile::Deaf)
            .fill(aged("100"))
            .hit_for(asking("max-age=0")),
        rule("a_deaf_site_still_hears_no_store")
            .only(Profile::Deaf)
            .fill_for(asking("no-store"), fresh())
            .miss(),
        rule("a_deaf_site_still_hears_only_if_cached")
            .only(Profile::Deaf)
            .step(asking("only-if-cached"), ok(), Source::Gateway)
            .status(504),
    ];
    rules.extend(each(
        "rfc9111_5_2_1_a_wish_in_any_of_these_writings_counts",
        [
            "No-Cache",
            "foo, no-cache",
            "no-cache=foo",
            "max-age=\"0\"",
            "max-age=",
            "max-age=-1",
        ],
        |rule, value| rule.fill(fresh()).miss_for(asking(value)),
    ));
    rules
}
