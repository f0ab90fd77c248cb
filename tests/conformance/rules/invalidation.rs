//! What unsafe requests void (RFC 9111 4.4).

use crate::rule::*;
use crate::support::{Answer, Req};

pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend(each(
        "rfc9111_4_4_an_unsafe_request_voids_its_url",
        ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO", "REPORT"],
        |rule, name| {
            rule.fill(fresh())
                .step(method(name).body("x"), ok(), Source::Origin)
                .miss()
        },
    ));
    rules.extend(each(
        "rfc9111_4_4_a_safe_request_voids_nothing",
        ["HEAD", "OPTIONS", "TRACE"],
        |rule, name| {
            rule.fill(fresh())
                .step(method(name), ok(), Source::Anyone)
                .hit()
                .body_of(1)
        },
    ));
    rules.extend(each(
        "rfc9111_4_4_a_failed_request_voids_nothing",
        ["400", "403", "404", "410", "500", "503"],
        |rule, failed| {
            rule.fill(fresh())
                .step(
                    method("POST").body("x"),
                    status(failed.parse().unwrap()),
                    Source::Origin,
                )
                .hit()
                .body_of(1)
        },
    ));
    rules.extend(each(
        "rfc9111_4_4_a_redirected_request_voids_its_url",
        ["201", "204", "301", "302", "303", "307"],
        |rule, code| {
            rule.fill(fresh())
                .step(
                    method("POST").body("x"),
                    status(code.parse().unwrap()),
                    Source::Origin,
                )
                .miss()
        },
    ));
    for name in ["Location", "Content-Location"] {
        for unsafe_method in ["POST", "PUT", "DELETE", "FOO"] {
            rules.push(
                rule(&format!("rfc9111_4_4_the_url_in_{name}_is_void[{unsafe_method}]"))
                    .fill_for(Req::get("/other"), fresh())
                    .step(
                        method(unsafe_method).body("x"),
                        naming(name, "/other"),
                        Source::Origin,
                    )
                    .miss_for(Req::get("/other")),
            );
        }
        rules.push(
            rule(&format!(
                "rfc9111_4_4_the_url_in_{name}_of_a_failed_request_is_kept"
            ))
            .fill_for(Req::get("/other"), fresh())
            .step(
                method("POST").body("x"),
                Answer {
                    status: 500,
                    ..naming(name, "/other")
                },
                Source::Origin,
            )
            .hit_for(Req::get("/other"))
            .body_of(1),
        );
        rules.push(
            rule(&format!("rfc9111_4_4_the_url_in_{name}_on_another_host_is_kept"))
                .fill(fresh())
                .step(
                    Req::new("POST", "/other").body("x"),
                    ok().header(name, "http://elsewhere.example/other"),
                    Source::Origin,
                )
                .hit()
                .body_of(1),
        );
    }
    rules.extend([
        rule("rfc9111_4_4_all_variants_are_void")
            .fill_for(get().header("X-Kind", "a"), fresh().header("Vary", "X-Kind"))
            .fill_for(get().header("X-Kind", "b"), fresh().header("Vary", "X-Kind"))
            .step(method("POST").body("x"), ok(), Source::Origin)
            .miss_for(get().header("X-Kind", "a"))
            .miss_for(get().header("X-Kind", "b")),
        rule("rfc9111_4_4_another_query_is_another_url")
            .fill_for(Req::get("?a=1"), fresh())
            .step(method("POST").body("x"), ok(), Source::Origin)
            .hit_for(Req::get("?a=1"))
            .body_of(1),
        rule("rfc9111_4_4_what_is_fetched_afterwards_is_stored")
            .fill(fresh())
            .step(method("POST").body("x"), ok(), Source::Origin)
            .fill(fresh())
            .hit(),
        rule("rfc9111_4_4_a_voided_answer_is_not_served_while_it_is_refreshed")
            .fill(cc("max-age=3600, stale-while-revalidate=3600"))
            .step(method("POST").body("x"), ok(), Source::Origin)
            .miss(),
    ]);
    rules
}

/// Names a URL below the rule's own.
fn naming(field: &str, below: &str) -> Answer {
    ok().header(field, &format!("{OWN_PATH}{below}"))
}
