//! Methods (RFC 9110 9, RFC 9111 2).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        rule("rfc9111_2_an_answer_to_post_does_not_answer_get")
            .step(method("POST").body("x"), fresh(), Source::Origin)
            .miss(),
        rule("rfc9110_9_3_3_an_answer_to_post_does_not_answer_post")
            .step(method("POST").body("x"), fresh(), Source::Origin)
            .step(method("POST").body("x"), ok(), Source::Origin),
        rule("rfc9110_9_3_3_a_stored_get_does_not_answer_post")
            .fill(fresh())
            .step(method("POST").body("x"), ok(), Source::Origin),
        rule("rfc9110_9_3_3_an_answer_to_post_with_content_location_does_not_answer_get")
            .step(
                method("POST").body("x"),
                fresh().header("Content-Location", OWN_PATH),
                Source::Origin,
            )
            .miss(),
        rule("rfc9110_9_3_1_a_get_with_a_body_is_not_stored")
            .step(get().body("x"), fresh(), Source::Origin)
            .miss(),
    ];
    rules.extend(each(
        "rfc9111_2_an_answer_to_another_method_does_not_answer_get",
        ["PUT", "DELETE", "PATCH", "OPTIONS", "FOO"],
        |rule, name| rule.step(method(name), fresh(), Source::Origin).miss(),
    ));
    rules.extend(each(
        "rfc9111_2_a_stored_get_answers_no_other_method",
        ["PUT", "DELETE", "PATCH", "OPTIONS", "FOO"],
        |rule, name| rule.fill(fresh()).step(method(name), ok(), Source::Origin),
    ));
    rules
}
