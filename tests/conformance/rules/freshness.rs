//! Where a lifetime comes from (RFC 9111 4.2.1), and what only restricts reuse (5.2.2).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        rule("rfc9111_3_without_freshness_or_validator_nothing_is_reused")
            .fill(ok())
            .miss(),
        rule("rfc9111_5_2_2_1_max_age_is_fresh_until_it_is_reached")
            .fill(cc("max-age=3600"))
            .hit(),
        rule("rfc9111_5_2_2_1_max_age_zero_is_not_fresh")
            .fill(cc("max-age=0"))
            .miss(),
        rule("rfc9111_4_2_age_counts_against_max_age")
            .fill(cc("max-age=3600").header("Age", "7200"))
            .miss(),
        rule("rfc9111_4_2_an_age_below_max_age_leaves_freshness")
            .fill(cc("max-age=3600").header("Age", "1800"))
            .hit(),
        rule("rfc9111_4_2_freshness_ends_when_it_is_over")
            .fill(cc("max-age=1"))
            .miss()
            .after(std::time::Duration::from_millis(1600)),
        rule("rfc9111_5_2_2_10_s_maxage_is_fresh_until_it_is_reached")
            .fill(cc("s-maxage=3600"))
            .hit(),
        rule("rfc9111_5_2_2_10_s_maxage_zero_is_not_fresh")
            .fill(cc("s-maxage=0"))
            .miss(),
        rule("rfc9111_5_2_2_10_s_maxage_wins_over_a_shorter_max_age")
            .fill(cc("max-age=1, s-maxage=3600").header("Age", "10"))
            .hit(),
        rule("rfc9111_5_2_2_10_s_maxage_wins_over_a_longer_max_age")
            .fill(cc("s-maxage=0, max-age=3600"))
            .miss(),
        rule("rfc9111_5_2_2_10_s_maxage_wins_over_expires")
            .fill(cc("s-maxage=3600").header("Expires", &date(-3600)))
            .hit(),
        rule("rfc9111_5_3_max_age_wins_over_an_expires_in_the_past")
            .fill(cc("max-age=3600").header("Expires", &date(-7200)))
            .hit(),
        rule("rfc9111_5_3_max_age_wins_over_an_expires_in_the_future")
            .fill(cc("max-age=0").header("Expires", &date(7200)))
            .miss(),
        rule("rfc9111_5_3_max_age_wins_over_an_invalid_expires")
            .fill(cc("max-age=3600").header("Expires", "0"))
            .hit(),
        rule("rfc9111_5_2_2_5_no_store_wins_over_max_age")
            .fill(cc("max-age=3600, no-store"))
            .miss(),
        rule("rfc9111_5_2_2_5_no_store_wins_over_expires")
            .fill(cc("no-store").header("Expires", &date(3600)))
            .miss(),
        rule("rfc9111_5_2_2_5_no_store_wins_over_public")
            .fill(cc("public, no-store, max-age=3600"))
            .miss(),
        rule("rfc9111_5_2_2_5_no_store_on_a_line_of_its_own_counts")
            .fill(cc("max-age=3600").header("Cache-Control", "no-store"))
            .miss(),
        rule("rfc9111_5_2_2_7_private_is_not_stored")
            .fill(cc("private, max-age=3600"))
            .miss(),
        rule("rfc9111_5_2_2_7_private_wins_over_s_maxage")
            .fill(cc("s-maxage=3600, private"))
            .miss(),
        rule("rfc9111_5_2_2_7_private_wins_over_public")
            .fill(cc("public, private, max-age=3600"))
            .miss(),
        rule("rfc9111_5_2_2_7_private_with_a_validator_is_not_stored")
            .fill(cc("private").header("ETag", "\"v1\""))
            .miss()
            .origin_saw("If-None-Match", None),
        rule("rfc9111_5_2_2_4_no_cache_is_not_reused_without_validation")
            .fill(cc("max-age=3600, no-cache"))
            .miss(),
        rule("rfc9111_5_2_2_4_no_cache_wins_over_expires")
            .fill(cc("no-cache").header("Expires", &date(3600)))
            .miss(),
        rule("rfc9111_5_2_2_4_no_cache_with_an_etag_is_validated")
            .fill(cc("no-cache").header("ETag", "\"v1\""))
            .validated(&[("ETag", "\"v1\"")])
            .origin_saw("If-None-Match", Some("\"v1\"")),
        rule("rfc9111_5_2_2_4_no_cache_with_last_modified_is_validated")
            .fill(cc("no-cache, max-age=3600").header("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT"))
            .validated(&[])
            .origin_saw("If-Modified-Since", Some("Mon, 02 Nov 2026 10:00:00 GMT")),
        rule("rfc9111_5_2_2_4_no_cache_with_field_names_restricts_only_these")
            .fill(
                cc("max-age=3600, no-cache=\"X-Secret\"")
                    .header("X-Secret", "1")
                    .header("X-Open", "1"),
            )
            .hit()
            .gives("X-Open", "1")
            .lacks("X-Secret"),
        rule("rfc9111_5_2_2_7_private_with_field_names_keeps_only_these_out_of_the_store")
            .fill(
                cc("max-age=3600, private=\"X-Secret, X-Other\"")
                    .header("X-Secret", "1")
                    .header("X-Other", "1"),
            )
            .hit()
            .lacks("X-Secret")
            .lacks("X-Other"),
        rule("rfc9111_5_2_2_9_public_without_freshness_is_no_freshness")
            .fill(cc("public"))
            .miss(),
        rule("rfc9111_5_2_2_2_must_revalidate_is_reused_while_fresh")
            .fill(cc("max-age=3600, must-revalidate"))
            .hit(),
        rule("rfc9111_5_2_2_2_must_revalidate_does_not_make_fresh")
            .fill(cc("must-revalidate"))
            .miss(),
        rule("rfc9111_5_2_2_8_proxy_revalidate_is_reused_while_fresh")
            .fill(cc("max-age=3600, proxy-revalidate"))
            .hit(),
        rule("rfc9111_5_2_2_3_must_understand_lifts_no_store_for_a_known_status")
            .fill(cc("max-age=3600, no-store, must-understand"))
            .hit(),
        rule("rfc9111_5_2_2_3_must_understand_forbids_an_unknown_status")
            .fill(status(299).header("Cache-Control", "max-age=3600, must-understand"))
            .miss(),
        rule("rfc9111_5_2_2_6_no_transform_changes_nothing_about_reuse")
            .fill(cc("max-age=3600, no-transform"))
            .hit()
            .gives("Cache-Control", "max-age=3600, no-transform"),
        rule("rfc8246_2_immutable_is_reused_while_fresh")
            .fill(cc("max-age=3600, immutable").header("ETag", "\"v1\""))
            .hit()
            .gives("Cache-Control", "max-age=3600, immutable"),
        rule("rfc8246_2_immutable_is_validated_when_stale")
            .fill(stale("max-age=3600, immutable"))
            .validated(&[]),
        rule("rfc8246_2_immutable_does_not_make_fresh")
            .fill(cc("immutable"))
            .miss(),
        rule("rfc9111_5_4_pragma_in_a_response_means_nothing")
            .fill(fresh().header("Pragma", "no-cache"))
            .hit(),
        rule("rfc9111_5_4_pragma_in_a_response_without_cache_control_means_nothing")
            .fill(ok().header("Expires", &date(3600)).header("Pragma", "no-cache"))
            .hit(),
        rule("rfc9111_4_1_the_query_is_part_of_the_key")
            .fill_for(crate::support::Req::get("?a=1"), fresh())
            .miss_for(crate::support::Req::get("?a=2"))
            .hit_for(crate::support::Req::get("?a=1"))
            .body_of(1),
        rule("rfc9111_4_a_query_does_not_hinder_storing")
            .fill_for(crate::support::Req::get("?a=1&b=2"), fresh())
            .hit_for(crate::support::Req::get("?a=1&b=2")),
        rule("rfc9111_4_an_empty_query_is_not_the_path_alone")
            .fill_for(crate::support::Req::get("?a"), fresh())
            .miss(),
        rule("rfc9111_3_a_stored_answer_is_replaced_by_a_newer_one")
            .fill(cc("max-age=3600").header("Age", "3601").header("ETag", "\"v1\""))
            .fill(fresh())
            .hit(),
        rule("rfc9111_3_3_an_incomplete_answer_is_not_stored")
            .step(
                get(),
                {
                    let mut answer = fresh();
                    answer.body = crate::support::Body::Cut {
                        declared: 100,
                        sent: b"short".to_vec(),
                    };
                    answer
                },
                Source::Anyone,
            )
            .miss(),
        rule("rfc9111_3_a_chunked_answer_is_stored_whole")
            .fill({
                let mut answer = fresh();
                answer.body = crate::support::Body::Chunked(vec![b"one ".to_vec(), b"two".to_vec()]);
                answer
            })
            .hit()
            .gives("Content-Length", "7"),
    ];
    // What only says how an answer may be reused says nothing about how long.
    rules.extend(each(
        "rfc9111_3_a_directive_without_a_lifetime_is_no_freshness",
        [
            "no-transform",
            "proxy-revalidate",
            "foo",
            "immutable, public",
            "max-stale=3600",
            "min-fresh=1",
        ],
        |rule, value| rule.fill(cc(value)).miss(),
    ));
    rules
}
