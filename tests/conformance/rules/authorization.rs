//! Credentials and cookies (RFC 9111 3.5, 7.3).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let known = || get().header("Authorization", "Basic eDp5");
    let mut rules = vec![
        rule("rfc9111_3_5_an_answer_to_credentials_is_not_stored")
            .fill_for(known(), cc("max-age=3600"))
            .miss_for(known()),
        rule("rfc9111_3_5_an_answer_to_credentials_does_not_answer_others")
            .fill_for(known(), cc("max-age=3600"))
            .miss(),
        rule("rfc9111_3_5_expires_does_not_permit_sharing")
            .fill_for(known(), ok().header("Expires", &date(3600)))
            .miss(),
        rule("rfc9111_3_5_no_cache_does_not_permit_sharing")
            .fill_for(known(), cc("no-cache").header("ETag", "\"v1\""))
            .miss()
            .origin_saw("If-None-Match", None),
        rule("rfc9111_3_5_credentials_reach_the_origin")
            .fill_for(known(), fresh())
            .origin_saw("Authorization", Some("Basic eDp5")),
        rule("rfc9111_3_5_a_shared_answer_answers_credentials_too")
            .fill(fresh())
            .hit_for(known()),
        rule("rfc9111_3_5_proxy_authorization_is_another_matter")
            .fill_for(get().header("X-Authorization", "x"), fresh())
            .hit(),
        rule("rfc9111_7_3_an_answer_with_set_cookie_is_not_stored")
            .only(Profile::Safe)
            .fill(fresh().header("Set-Cookie", "a=1"))
            .gives("Set-Cookie", "a=1")
            .miss()
            .lacks("Set-Cookie"),
        rule("rfc9111_7_3_an_answer_with_set_cookie_is_stored_where_the_site_says_so")
            .only(Profile::StoreSetCookie)
            .fill(fresh().header("Set-Cookie", "a=1"))
            .hit()
            .gives("Set-Cookie", "a=1"),
        rule("rfc9111_7_3_a_cookie_that_was_sent_does_not_hinder_storing")
            .fill_for(get().header("Cookie", "a=1"), fresh())
            .hit(),
        rule("rfc9111_7_3_set_cookie_named_by_no_cache_stays_out_of_the_store")
            .only(Profile::StoreSetCookie)
            .fill(cc("max-age=3600, no-cache=\"set-cookie\"").header("Set-Cookie", "a=1"))
            .hit()
            .lacks("Set-Cookie"),
    ];
    rules.extend(each(
        "rfc9111_3_5_an_answer_that_permits_sharing_is_stored",
        [
            "public, max-age=3600",
            "s-maxage=3600",
            "must-revalidate, max-age=3600",
            "max-age=3600, PUBLIC",
        ],
        |rule, value| rule.fill_for(known(), cc(value)).hit(),
    ));
    rules
}
