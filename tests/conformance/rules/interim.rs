//! 1xx answers on the way (RFC 9110 15.2, RFC 8297). Over HTTP/2 the engine drops them.

use crate::rule::*;
use crate::support::Wire;
use crate::support::message::find;

pub fn rules() -> Vec<Rule> {
    let link = "</style.css>; rel=preload";
    let mut rules = Vec::new();
    for code in [102_u16, 103, 199] {
        rules.push(
            rule(&format!("rfc9110_15_2_a_{code}_reaches_the_client"))
                .over(Wire::H1)
                .fill(fresh().interim(code, "Link", link))
                .and(move |done| {
                    let (status, fields) = &done.response.interim[0];
                    assert_eq!(*status, code);
                    assert_eq!(find(fields, "link"), [link]);
                }),
        );
    }
    rules.extend([
        rule("rfc8297_2_early_hints_reach_the_client_without_a_store")
            .over(Wire::H1)
            .fill(cc("no-store").interim(103, "Link", link))
            .and(|done| assert_eq!(done.response.interim.len(), 1)),
        rule("rfc8297_2_several_early_hints_reach_the_client")
            .over(Wire::H1)
            .fill(fresh().interim(103, "Link", "</a>").interim(103, "Link", "</b>"))
            .and(|done| assert_eq!(done.response.interim.len(), 2)),
        rule("rfc8297_2_fields_of_early_hints_are_not_those_of_the_answer")
            .fill(fresh().interim(103, "X-Early", "1"))
            .lacks("X-Early")
            .hit()
            .lacks("X-Early")
            .and(|done| assert!(done.response.interim.is_empty())),
        rule("rfc9110_15_2_cache_control_of_an_interim_answer_means_nothing")
            .fill(ok().interim(103, "Cache-Control", "max-age=3600"))
            .miss(),
        rule("rfc9110_15_2_early_hints_do_not_hinder_storing")
            .fill(
                fresh()
                    .interim(102, "X-Early", "1")
                    .interim(103, "Cache-Control", "no-store"),
            )
            .hit(),
        rule("rfc8297_2_early_hints_reach_a_client_whose_answer_is_validated")
            .over(Wire::H1)
            .fill(stale("max-age=3600"))
            .step(
                get(),
                fresh().header("ETag", "\"v2\"").interim(103, "Link", link),
                Source::Origin,
            )
            .and(|done| assert_eq!(done.response.interim.len(), 1)),
    ]);
    rules
}
