//! HEAD (RFC 9110 9.3.2, RFC 9111 4.3.5).

use crate::rule::*;

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
