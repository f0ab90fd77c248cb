//! Asking the origin whether a stored answer is still good (RFC 9111 4.3.1, 4.3.3).

use crate::rule::*;

const MODIFIED: &str = "Tue, 03 Nov 2026 10:00:00 GMT";

pub fn rules() -> Vec<Rule> {
    vec![
        rule("rfc9111_4_3_1_a_stale_answer_with_an_etag_is_validated_by_it")
            .fill(stale("max-age=3600"))
            .validated(&[])
            .origin_saw("If-None-Match", Some("\"v1\"")),
        rule("rfc9111_4_3_1_a_stale_answer_with_last_modified_is_validated_by_it")
            .fill(
                cc("max-age=3600")
                    .header("Age", "3700")
                    .header("Last-Modified", MODIFIED),
            )
            .validated(&[])
            .origin_saw("If-Modified-Since", Some(MODIFIED)),
        rule("rfc9111_4_3_1_both_validators_are_sent")
            .fill(stale("max-age=3600").header("Last-Modified", MODIFIED))
            .validated(&[])
            .origin_saw("If-None-Match", Some("\"v1\""))
            .origin_saw("If-Modified-Since", Some(MODIFIED)),
        rule("rfc9111_4_3_1_a_weak_etag_validates")
            .fill(
                cc("max-age=3600")
                    .header("Age", "3700")
                    .header("ETag", "W/\"v1\""),
            )
            .validated(&[])
            .origin_saw("If-None-Match", Some("W/\"v1\"")),
        rule("rfc9111_4_3_1_an_unquoted_etag_is_sent_as_it_came")
            .fill(cc("max-age=3600").header("Age", "3700").header("ETag", "v1"))
            .validated(&[])
            .origin_saw("If-None-Match", Some("v1")),
        rule("rfc9111_4_3_1_without_a_validator_the_whole_is_fetched")
            .fill(cc("max-age=3600").header("Age", "3700"))
            .miss()
            .origin_saw("If-None-Match", None)
            .origin_saw("If-Modified-Since", None),
        rule("rfc9111_4_3_1_an_answer_without_freshness_is_validated")
            .fill(ok().header("ETag", "\"v1\""))
            .validated(&[])
            .origin_saw("If-None-Match", Some("\"v1\"")),
        rule("rfc9111_4_3_1_a_client_without_a_condition_gets_the_whole_after_validation")
            .fill(stale("max-age=3600"))
            .validated(&[])
            .status(200)
            .gives("ETag", "\"v1\""),
        rule("rfc9111_4_3_3_a_validated_answer_is_fresh_again")
            .fill(stale("max-age=3600"))
            .validated(&[("Cache-Control", "max-age=3600")])
            .hit(),
        rule("rfc9111_4_3_4_a_304_without_cache_control_renews_the_stored_lifetime")
            .fill(stale("max-age=3600"))
            .validated(&[])
            .hit(),
        rule("rfc9111_4_3_3_another_answer_replaces_the_stored_one")
            .fill(stale("max-age=3600"))
            .fill(fresh().header("ETag", "\"v2\""))
            .gives("ETag", "\"v2\"")
            .hit()
            .gives("ETag", "\"v2\""),
        rule("rfc9111_4_3_3_another_answer_that_may_not_be_stored_leaves_nothing_fresh")
            .fill(stale("max-age=3600"))
            .fill(cc("no-store"))
            .miss(),
        rule("rfc9111_4_3_3_a_server_error_reaches_the_client")
            .fill(stale("max-age=3600, must-revalidate"))
            .step(get(), status(500), Source::Origin)
            .status(500),
        rule("rfc9111_4_3_3_a_client_error_reaches_the_client")
            .fill(stale("max-age=3600"))
            .step(get(), status(404), Source::Origin)
            .status(404),
        rule("rfc9111_4_3_4_a_304_that_forbids_storing_still_serves_this_client")
            .fill(stale("max-age=3600"))
            .step(
                get(),
                not_modified(&[("Cache-Control", "no-store")]),
                Source::Validated,
            )
            .miss(),
        rule("rfc9111_4_3_4_a_304_that_makes_it_private_still_serves_this_client")
            .fill(stale("max-age=3600"))
            .step(
                get(),
                not_modified(&[("Cache-Control", "private")]),
                Source::Validated,
            )
            .miss(),
        rule("rfc9111_4_3_4_a_304_that_names_another_strong_etag_does_not_freshen")
            .fill(stale("max-age=3600"))
            .step(
                get(),
                not_modified(&[("ETag", "\"v2\""), ("Cache-Control", "max-age=3600")]),
                Source::Anyone,
            )
            .miss(),
        rule("rfc9111_4_3_4_a_304_with_a_weak_etag_freshens")
            .fill(stale("max-age=3600"))
            .validated(&[("ETag", "W/\"v1\"")])
            .hit(),
        rule("rfc9111_4_3_1_an_empty_etag_line_is_no_validator")
            .fill(cc("max-age=3600").header("Age", "3700").header("ETag", ""))
            .miss(),
        rule("rfc9111_4_3_1_other_conditions_of_the_client_do_not_reach_the_origin")
            .fill(stale("max-age=3600"))
            .step(
                get().header("Range", "bytes=0-3").header("If-Range", "\"v1\""),
                not_modified(&[("Cache-Control", "max-age=3600")]),
                Source::Anyone,
            )
            .origin_saw("Range", None)
            .origin_saw("If-Range", None)
            .hit(),
    ]
}
