//! Which statuses are stored (RFC 9111 3, 4.2.2, RFC 9110 15).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend(each(
        "rfc9111_3_any_final_status_with_freshness_is_stored",
        [
            "200", "201", "202", "203", "204", "299", "300", "301", "302", "303", "307", "308", "399", "400",
            "401", "403", "404", "405", "410", "414", "418", "451", "499",
        ],
        |rule, code| {
            let answer = status(code.parse().unwrap()).header("Cache-Control", "max-age=3600");
            rule.fill(answer).hit().status(code.parse().unwrap())
        },
    ));
    rules.extend(each(
        "rfc9111_3_a_server_error_with_freshness_is_stored_for_a_while",
        ["500", "501", "502", "503", "504", "599"],
        |rule, code| {
            let answer = status(code.parse().unwrap()).header("Cache-Control", "max-age=3600");
            rule.fill(answer).hit().status(code.parse().unwrap())
        },
    ));
    rules.extend(each(
        "rfc9111_3_a_final_status_without_freshness_is_not_reused",
        [
            "200", "201", "202", "203", "204", "299", "300", "301", "302", "303", "307", "308", "400", "401",
            "403", "404", "405", "410", "414", "499", "500", "501", "502", "503", "504", "599",
        ],
        |rule, code| rule.fill(status(code.parse().unwrap())).miss(),
    ));
    rules.extend(each(
        "rfc9111_3_a_stale_status_is_not_reused",
        [
            "200", "203", "204", "299", "301", "302", "400", "404", "410", "499", "500", "503", "599",
        ],
        |rule, code| {
            let answer = status(code.parse().unwrap())
                .header("Cache-Control", "max-age=3600")
                .header("Age", "7200");
            rule.fill(answer).miss()
        },
    ));
    rules.extend(each(
        "rfc9111_3_a_status_bound_to_its_request_is_not_stored",
        ["412", "416", "417", "428", "429", "431", "511"],
        |rule, code| {
            let answer = status(code.parse().unwrap()).header("Cache-Control", "max-age=3600");
            rule.fill(answer).miss()
        },
    ));
    rules.extend(each(
        "rfc9111_3_no_store_counts_for_every_status",
        ["200", "299", "301", "404", "410", "499"],
        |rule, code| {
            let answer = status(code.parse().unwrap()).header("Cache-Control", "no-store, max-age=3600");
            rule.fill(answer).miss()
        },
    ));
    rules.extend([
        rule("rfc9110_15_4_a_stored_redirect_keeps_its_location")
            .fill(
                status(301)
                    .header("Cache-Control", "max-age=3600")
                    .header("Location", "/there"),
            )
            .hit()
            .status(301)
            .gives("Location", "/there"),
        rule("rfc9110_15_3_5_a_stored_204_has_no_body")
            .fill(status(204).header("Cache-Control", "max-age=3600"))
            .hit()
            .status(204)
            .and(|done| assert!(done.response.body.is_empty())),
    ]);
    rules
}
