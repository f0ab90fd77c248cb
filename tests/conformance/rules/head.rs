//! HEAD (RFC 9110 9.3.2, RFC 9111 4.3.5).

use crate::rule::*;
use crate::support::Answer;

pub fn rules() -> Vec<Rule> {
    vec![
        rule("rfc9110_9_3_2_a_stored_get_answers_head")
            .fill(fresh().header("X-Foo", "1"))
            .hit_for(method("HEAD"))
            .status(200)
            .gives("X-Foo", "1")
            .and(|done| assert!(done.response.body.is_empty()))
            .and(|done| {
                let length = done.response.header("content-length").unwrap();
                assert_eq!(length, done.body.len().to_string());
            }),
        rule("rfc9111_4_3_5_head_of_a_cold_key_has_no_body")
            .step(method("HEAD"), fresh(), Source::Origin)
            .and(|done| assert!(done.response.body.is_empty())),
        rule("rfc9111_3_an_answer_to_head_does_not_answer_get")
            .step(method("HEAD"), fresh(), Source::Origin)
            .miss()
            .status(200),
        rule("rfc9111_4_3_5_head_of_a_stale_answer_asks_the_origin")
            .fill(stale("max-age=3600"))
            .step(
                method("HEAD"),
                fresh().header("ETag", "\"v1\"").header("X-New", "1"),
                Source::Anyone,
            )
            .and(|done| assert_eq!(done.seen.len(), 1))
            .status(200)
            .gives("X-New", "1"),
        rule("rfc9111_4_3_5_head_that_shows_another_answer_does_not_freshen_the_stored_one")
            .fill(stale("max-age=3600"))
            .step(method("HEAD"), fresh().header("ETag", "\"v2\""), Source::Anyone)
            .step(get(), fresh().header("ETag", "\"v2\""), Source::Anyone)
            .gives("ETag", "\"v2\"")
            .and(|done| assert!(!done.response.text().ends_with("step 1"))),
        rule("rfc9111_4_3_5_head_that_shows_the_same_answer_updates_the_stored_one")
            .fill(stale("max-age=3600").header("X-Foo", "1"))
            .step(
                method("HEAD"),
                cc("max-age=7200").header("ETag", "\"v1\"").header("X-Foo", "2"),
                Source::Anyone,
            )
            .gives("X-Foo", "2")
            .and(|done| assert_eq!(done.seen[0].method, "HEAD"))
            .hit()
            .body_of(1)
            .gives("X-Foo", "2")
            .gives("Cache-Control", "max-age=7200"),
        rule("rfc9111_4_3_5_head_of_another_length_does_not_freshen_the_stored_one")
            .fill(stale("max-age=3600"))
            .step(
                method("HEAD"),
                Answer::new(200, "of another length")
                    .header("Cache-Control", "max-age=3600")
                    .header("ETag", "\"v1\""),
                Source::Anyone,
            )
            .step(get(), not_modified(&[]), Source::Validated),
        rule("rfc9111_4_3_5_head_that_shows_another_answer_makes_a_fresh_one_stale")
            .on_one_node()
            .fill(fresh().header("ETag", "\"v1\""))
            .step(
                method("HEAD").header("Cache-Control", "no-cache"),
                fresh().header("ETag", "\"v2\""),
                Source::Anyone,
            )
            .step(get(), fresh().header("ETag", "\"v2\""), Source::Origin)
            .origin_saw("If-None-Match", Some("\"v1\"")),
        rule("rfc9111_4_3_5_head_that_forbids_storing_takes_the_stored_answer_away")
            .fill(stale("max-age=3600"))
            .step(
                method("HEAD"),
                cc("no-store").header("ETag", "\"v1\""),
                Source::Anyone,
            )
            .miss()
            .origin_saw("If-None-Match", None),
        rule("rfc9111_4_3_5_head_that_fails_leaves_the_stored_answer")
            .fill(fresh().header("ETag", "\"v1\""))
            .step(
                method("HEAD").header("Cache-Control", "no-cache"),
                status(500),
                Source::Anyone,
            )
            .hit()
            .body_of(1),
        rule("rfc9110_9_3_2_head_reaches_the_origin_as_head")
            .step(method("HEAD"), fresh(), Source::Origin)
            .and(|done| assert_eq!(done.seen[0].method, "HEAD")),
        rule("rfc9111_4_3_5_head_that_is_validated_freshens_the_stored_answer")
            .fill(stale("max-age=3600"))
            .step(
                method("HEAD"),
                not_modified(&[("Cache-Control", "max-age=3600"), ("X-New", "1")]),
                Source::Anyone,
            )
            .status(200)
            .gives("X-New", "1")
            .hit()
            .gives("X-New", "1"),
        rule("rfc9110_9_3_2_head_of_a_stored_404_is_404")
            .fill(status(404).header("Cache-Control", "max-age=3600"))
            .hit_for(method("HEAD"))
            .status(404),
    ]
}
