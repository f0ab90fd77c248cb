//! `Age` of answers that came through other caches, and of hits (RFC 9111 4.2.3, 5.1).

use std::time::Duration;

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        rule("rfc9111_5_1_a_hit_has_an_age_in_whole_seconds")
            .fill(fresh())
            .hit()
            .and(|done| assert!(done.response.age().unwrap() < 60)),
        rule("rfc9111_4_2_3_an_age_from_upstream_is_added_to")
            .fill(fresh().header("Age", "1000"))
            .hit()
            .and(|done| assert!((1000..1060).contains(&done.response.age().unwrap()))),
        rule("rfc9111_4_2_3_time_in_the_store_counts")
            .fill(fresh())
            .hit()
            .after(Duration::from_millis(1100))
            .and(|done| assert!(done.response.age().unwrap() >= 1)),
        rule("rfc9111_4_2_3_the_time_an_answer_took_counts")
            .fill(fresh())
            .slowly(Duration::from_millis(1100))
            .hit()
            .and(|done| assert!(done.response.age().unwrap() >= 1)),
        rule("rfc9111_5_1_a_miss_forwards_the_age_of_upstream")
            .fill(fresh().header("Age", "1000"))
            .gives("Age", "1000"),
        rule("rfc9111_5_1_an_answer_from_the_origin_has_no_age")
            .fill(fresh())
            .lacks("Age"),
        rule("rfc9111_5_1_a_bypassed_answer_keeps_its_age")
            .fill(cc("no-store").header("Age", "7"))
            .gives("Age", "7"),
        rule("rfc9111_4_2_3_a_date_in_the_past_behind_another_cache_is_age")
            .fill(
                cc("max-age=3600")
                    .header("Via", "1.1 far")
                    .header("Date", &date(-7200)),
            )
            .miss(),
        rule("rfc9111_4_2_3_a_recent_date_behind_another_cache_leaves_freshness")
            .fill(
                cc("max-age=3600")
                    .header("Via", "1.1 far")
                    .header("Date", &date(-1000)),
            )
            .hit()
            .and(|done| assert!((1000..1060).contains(&done.response.age().unwrap()))),
        rule("rfc9111_4_2_3_an_origins_slow_clock_is_no_age")
            .fill(cc("max-age=3600").header("Date", &date(-7200)))
            .hit(),
        rule("rfc9111_4_2_3_a_date_in_the_future_is_no_negative_age")
            .fill(cc("max-age=3600").header("Date", &date(7200)))
            .hit()
            .and(|done| assert!(done.response.age().unwrap() < 60)),
        rule("rfc9111_5_1_of_several_age_lines_the_first_counts_fresh")
            .fill(fresh().header("Age", "0").header("Age", "7200"))
            .hit(),
        rule("rfc9111_5_1_of_several_age_lines_the_first_counts_stale")
            .fill(fresh().header("Age", "7200").header("Age", "0"))
            .miss(),
        rule("rfc9111_5_1_of_several_ages_the_first_counts_fresh")
            .fill(fresh().header("Age", "0, 7200"))
            .hit(),
        rule("rfc9111_5_1_of_several_ages_the_first_counts_stale")
            .fill(fresh().header("Age", "7200, 0"))
            .miss(),
        rule("rfc9111_5_1_a_hit_has_one_age")
            .fill(fresh().header("Age", "5").header("Age", "6"))
            .hit()
            .and(|done| assert_eq!(done.response.all("age").len(), 1)),
        rule("rfc9111_1_2_2_a_huge_age_is_very_old")
            .fill(fresh().header("Age", "99999999999999999999"))
            .miss(),
        rule("rfc9111_5_1_a_validated_answer_has_the_age_of_its_validation")
            .fill(stale("max-age=3600"))
            .validated(&[("Cache-Control", "max-age=3600")])
            .hit()
            .and(|done| assert!(done.response.age().unwrap() < 60)),
    ];
    rules.extend(each(
        "rfc9111_5_1_a_malformed_age_is_ignored",
        [
            "-7200", "7200.0", "7200abc", "abc7200", "\"7200\"", "7200;a=b", "0x7200", "7 200",
        ],
        |rule, value| rule.fill(fresh().header("Age", value)).hit(),
    ));
    rules.extend(each(
        "rfc9111_1_2_2_an_age_with_leading_zeros_counts",
        ["007200", "0000000000000007200"],
        |rule, value| rule.fill(fresh().header("Age", value)).miss(),
    ));
    rules
}
