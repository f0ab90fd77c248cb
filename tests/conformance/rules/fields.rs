//! Which fields are stored and sent on (RFC 9111 3.1, RFC 9110 7.6).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend(each(
        "rfc9111_3_1_fields_of_a_connection_end_there",
        [
            "Keep-Alive",
            "Proxy-Authenticate",
            "Proxy-Authorization",
            "Proxy-Authentication-Info",
            "Proxy-Connection",
            "TE",
            "Trailer",
            "Upgrade",
        ],
        |rule, name| rule.fill(fresh().header(name, "x")).lacks(name).hit().lacks(name),
    ));
    rules.extend(each(
        "rfc9111_3_1_other_fields_are_stored",
        [
            "X-Foo",
            "Content-Type",
            "Content-Foo",
            "Server",
            "Link",
            "Warning",
            "WWW-Authenticate",
            "Content-Location",
            "Accept-Ranges",
            "Allow",
            "Retry-After",
            "Public",
            "Set-Cookie2",
            "Strict-Transport-Security",
            "Content-Security-Policy",
            "P3P",
            "Server-Timing",
            "Proxy-Foo",
        ],
        |rule, name| {
            rule.fill(fresh().header(name, "x/y"))
                .gives(name, "x/y")
                .hit()
                .gives(name, "x/y")
        },
    ));
    rules.extend([
        rule("rfc9110_7_6_1_fields_named_by_connection_end_there")
            .fill(
                fresh()
                    .header("Connection", "X-Hop, x-other")
                    .header("X-Hop", "1")
                    .header("X-Other", "1"),
            )
            .lacks("X-Hop")
            .lacks("X-Other")
            .hit()
            .lacks("X-Hop")
            .lacks("X-Other"),
        rule("rfc9110_7_6_1_fields_named_by_connection_without_a_store_end_there_too")
            .fill(cc("no-store").header("Connection", "X-Hop").header("X-Hop", "1"))
            .lacks("X-Hop"),
        rule("rfc9110_7_6_1_connection_does_not_take_away_what_restricts")
            .fill(
                cc("private")
                    .header("Connection", "cache-control")
                    .header("Expires", &date(3600)),
            )
            .miss(),
        rule("rfc9110_7_6_1_request_fields_named_by_connection_do_not_reach_the_origin")
            .over(crate::support::Wire::H1)
            .fill_for(get().header("Connection", "X-Hop").header("X-Hop", "1"), fresh())
            .origin_saw("X-Hop", None),
        rule("rfc9110_7_6_1_request_fields_of_a_connection_do_not_reach_the_origin")
            .over(crate::support::Wire::H1)
            .fill_for(
                get()
                    .header("Keep-Alive", "timeout=5")
                    .header("Proxy-Connection", "keep-alive"),
                fresh(),
            )
            .origin_saw("Keep-Alive", None)
            .origin_saw("Proxy-Connection", None),
        rule("rfc9110_5_3_several_lines_of_a_field_stay_several")
            .fill(fresh().header("X-Many", "1").header("X-Many", "2"))
            .hit()
            .and(|done| assert_eq!(done.response.all("x-many"), ["1", "2"])),
        rule("rfc9110_6_6_1_an_answer_without_a_date_gets_one")
            .fill(fresh().header("Date", NO_DATE))
            .and(|done| assert!(done.response.header("date").is_some()))
            .hit()
            .and(|done| assert!(done.response.header("date").is_some())),
        rule("rfc9110_7_6_3_via_reaches_the_origin")
            .fill(fresh())
            .and(|done| assert!(done.seen[0].header("via").is_some())),
        rule("rfc9110_10_1_4_te_does_not_reach_the_origin")
            .over(crate::support::Wire::H1)
            .fill_for(get().header("TE", "gzip").header("Connection", "TE"), fresh())
            .origin_saw("TE", None),
    ]);
    rules
}
