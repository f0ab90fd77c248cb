//! `Cache-Status` (RFC 9211).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let member = |done: &Done<'_>| {
        let status = done.response.cache_status();
        assert_eq!(done.response.all("cache-status").len(), 1, "{status}");
        status
    };
    vec![
        rule("rfc9211_2_1_a_hit_says_hit_and_its_ttl")
            .fill(fresh())
            .hit()
            .says("popgate; hit; ttl=3")
            .and(move |done| assert!(!member(done).contains("fwd"))),
        rule("rfc9211_2_2_a_cold_key_is_a_uri_miss")
            .fill(fresh())
            .says("fwd=uri-miss"),
        rule("rfc9211_2_2_another_variant_is_a_vary_miss")
            .fill_for(get().header("X-Kind", "a"), fresh().header("Vary", "X-Kind"))
            .miss_for(get().header("X-Kind", "b"))
            .says("fwd=vary-miss"),
        rule("rfc9211_2_2_a_stale_answer_is_forwarded_as_stale")
            .fill(stale("max-age=3600"))
            .validated(&[])
            .says("fwd=stale"),
        rule("rfc9211_2_2_a_clients_wish_is_forwarded_as_request")
            .fill(fresh())
            .miss_for(get().header("Cache-Control", "no-cache"))
            .says("fwd=request"),
        rule("rfc9211_2_2_another_method_is_forwarded_as_method")
            .step(method("POST").body("x"), ok(), Source::Origin)
            .says("fwd=method"),
        rule("rfc9211_2_3_a_304_of_the_origin_is_told")
            .fill(stale("max-age=3600"))
            .validated(&[])
            .says("fwd-status=304"),
        rule("rfc9211_2_5_what_is_stored_says_so")
            .fill(fresh())
            .says("; stored")
            .and(|done| assert!(done.response.cache_status().contains("ttl="))),
        rule("rfc9211_2_5_what_is_not_stored_does_not_say_so")
            .fill(cc("no-store"))
            .and(|done| assert!(!done.response.cache_status().contains("stored"))),
        rule("rfc9211_2_5_head_of_a_cold_key_stores_nothing")
            .step(method("HEAD"), fresh(), Source::Origin)
            .and(|done| assert!(!done.response.cache_status().contains("stored"))),
        rule("rfc9211_2_5_a_part_of_a_cold_key_stores_nothing")
            .step(get().header("Range", "bytes=0-3"), fresh(), Source::Anyone)
            .and(|done| {
                if done
                    .seen
                    .last()
                    .is_some_and(|seen| seen.header("range").is_some())
                {
                    assert!(!done.response.cache_status().contains("stored"));
                }
            }),
        rule("rfc9211_2_4_a_ttl_counts_down")
            .fill(fresh().header("Age", "3000"))
            .hit()
            .and(|done| {
                let status = done.response.cache_status();
                let ttl = status.split("ttl=").nth(1).unwrap();
                let ttl: i64 = ttl.split(';').next().unwrap().parse().unwrap();
                assert!((500..=600).contains(&ttl), "{status}");
            }),
        rule("rfc9211_2_4_a_stale_hit_has_a_negative_ttl")
            .fill(stale("max-age=3600, stale-while-revalidate=3600"))
            .stale_for(get(), not_modified(&[]))
            .says("; hit; ttl=-1"),
        rule("rfc9211_2_members_of_other_caches_stay_in_front")
            .fill(fresh().header("Cache-Status", "far; hit"))
            .and(move |done| assert!(member(done).starts_with("far; hit, popgate; fwd=")))
            .hit()
            .and(move |done| assert!(member(done).starts_with("far; hit, popgate; hit"))),
        rule("rfc9211_2_a_member_in_our_name_is_not_believed")
            .fill(fresh().header("Cache-Status", "popgate; hit; ttl=7"))
            .and(move |done| assert!(member(done).starts_with("popgate; fwd="))),
        rule("rfc9211_2_8_the_reason_is_in_the_detail")
            .fill(cc("private"))
            .says("detail=private"),
        rule("rfc9211_2_1_a_504_of_the_gateway_is_no_hit")
            .step(
                get().header("Cache-Control", "only-if-cached"),
                ok(),
                Source::Gateway,
            )
            .and(|done| assert!(!done.response.cache_status().contains("hit"))),
        rule("rfc9211_2_5_a_bypass_becomes_storable_again")
            .on_one_node()
            .fill(cc("no-store"))
            .fill(fresh())
            .says("stored")
            .hit(),
    ]
}
