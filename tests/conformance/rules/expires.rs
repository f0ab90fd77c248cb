//! `Expires` (RFC 9111 5.3) and HTTP dates (RFC 9110 5.6.7).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let expires = |value: &str| ok().header("Expires", value);
    let mut rules = vec![
        rule("rfc9111_5_3_expires_in_the_future_is_fresh")
            .fill(expires(&date(3600)))
            .hit(),
        rule("rfc9111_5_3_expires_in_the_past_is_stale")
            .fill(expires(&date(-3600)))
            .miss(),
        rule("rfc9111_5_3_expires_now_is_stale")
            .fill(expires(&date(0)))
            .miss(),
        rule("rfc9111_4_2_1_the_lifetime_is_expires_less_date")
            .fill(expires(&date(-3000)).header("Date", &date(-7200)))
            .hit(),
        rule("rfc9111_4_2_1_a_date_after_expires_is_stale")
            .fill(expires(&date(3600)).header("Date", &date(7200)))
            .miss(),
        rule("rfc9111_4_2_1_without_a_date_the_time_of_receipt_stands_in")
            .fill(expires(&date(3600)).header("Date", NO_DATE))
            .hit(),
        rule("rfc9111_4_2_1_with_a_bad_date_the_time_of_receipt_stands_in")
            .fill(expires(&date(3600)).header("Date", "yesterday"))
            .hit(),
        rule("rfc9111_4_2_an_age_counts_against_expires")
            .fill(expires(&date(3600)).header("Age", "7200"))
            .miss(),
        rule("rfc9111_5_3_several_expires_lines_are_stale")
            .fill(expires(&date(3600)).header("Expires", &date(7200)))
            .miss(),
        rule("rfc9111_5_3_unknown_cache_control_does_not_hide_expires")
            .fill(cc("foo").header("Expires", &date(3600)))
            .hit(),
        rule("rfc9111_5_3_hits_carry_the_expires_as_sent")
            .fill(fresh().header("Expires", "Thu, 18 Aug 2050 02:01:18 GMT"))
            .hit()
            .gives("Expires", "Thu, 18 Aug 2050 02:01:18 GMT"),
    ];
    rules.extend(each(
        "rfc9110_5_6_7_a_date_in_any_of_three_forms_counts",
        [
            "Thu, 18 Aug 2050 02:01:18 GMT",
            "Thursday, 18-Aug-50 02:01:18 GMT",
            "Thu Aug 18 02:01:18 2050",
            "Thu Aug  8 02:01:18 2050",
            "thu, 18 aug 2050 02:01:18 gmt",
            "THU, 18 AUG 2050 02:01:18 GMT",
            "Mon, 18 Aug 2050 02:01:18 GMT",
            "Thu, 18 Aug 2039 02:01:18 GMT",
            "Sun, 18 Aug 2999 02:01:18 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ],
        |rule, value| rule.fill(ok().header("Expires", value)).hit(),
    ));
    rules.extend(each(
        "rfc9111_5_3_an_invalid_expires_is_stale",
        [
            "0",
            "-1",
            "",
            "never",
            "3600",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 18 Aug 2050 02:01 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu, 18  Aug  2050  02:01:18  GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "18 Aug 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 25:01:18 GMT",
            "Thu, 38 Aug 2050 02:01:18 GMT",
            "2050-08-18T02:01:18Z",
            "2524608000",
        ],
        |rule, value| rule.fill(ok().header("Expires", value)).miss(),
    ));
    rules
}
