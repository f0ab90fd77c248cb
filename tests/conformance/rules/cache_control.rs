//! How `Cache-Control` of answers is read (RFC 9111 5.2, 4.2.1, 1.2.2).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend(each(
        "rfc9111_5_2_a_lifetime_in_any_of_these_writings_counts",
        [
            "max-age=3600",
            "MAX-AGE=3600",
            "MaX-aGe=3600",
            "max-age=\"3600\"",
            "max-age=003600",
            "max-age=3600, ",
            ", max-age=3600",
            ",,, max-age=3600,,",
            "foo, max-age=3600",
            "max-age=3600,foo=bar",
            "foo=\"a, b\", max-age=3600",
            "foo=\"\\\", no-store, \\\"\", max-age=3600",
            "max-age=3600,no-foo",
            "no-storeX, max-age=3600",
            "Xno-store, max-age=3600",
            "max-age=3600 , foo",
            "S-MaxAge=3600",
            "s-maxage=\"3600\"",
        ],
        |rule, value| rule.fill(cc(value)).hit(),
    ));
    rules.extend(each(
        "rfc9111_4_2_1_a_malformed_lifetime_is_stale",
        [
            "max-age=",
            "max-age",
            "max-age=-3600",
            "max-age='3600'",
            "max-age=a3600",
            "max-age=3600s",
            "max-age=3600.0",
            "max-age=0.5",
            "max-age= 3600",
            "max-age =3600",
            "max-age = 3600",
            "max-age:3600",
            "max-age=\"",
            "max-age=1e4",
            "max-age=0x3600",
            "s-maxage=-1, max-age=3600",
            "s-maxage=abc, max-age=3600",
            "s-maxage=\"\", max-age=3600",
        ],
        |rule, value| rule.fill(cc(value)).miss(),
    ));
    rules.extend(each(
        "rfc9111_1_2_2_a_huge_lifetime_is_long",
        [
            "max-age=2147483648",
            "max-age=4294967296",
            "max-age=99999999999",
            "max-age=9223372036854775808",
            "max-age=99999999999999999999999999999999",
            "s-maxage=99999999999999999999999999999999",
        ],
        |rule, value| rule.fill(cc(value)).hit(),
    ));
    rules.extend(each(
        "rfc9111_4_2_1_of_several_lifetimes_the_first_counts_fresh",
        [
            "max-age=3600, max-age=0",
            "s-maxage=3600, s-maxage=0",
            "max-age=3600, max-age=abc",
        ],
        |rule, value| rule.fill(cc(value)).hit(),
    ));
    rules.extend(each(
        "rfc9111_4_2_1_of_several_lifetimes_the_first_counts_stale",
        [
            "max-age=0, max-age=3600",
            "s-maxage=0, s-maxage=3600",
            "max-age=abc, max-age=3600",
        ],
        |rule, value| rule.fill(cc(value)).miss(),
    ));
    rules.extend(each(
        "rfc9111_5_2_what_stands_inside_of_a_string_does_not_count",
        [
            "foo=\"max-age=3600\"",
            "foo=\"a, max-age=3600, b\"",
            "foo=\"\\\"max-age=3600\"",
        ],
        |rule, value| rule.fill(cc(value)).miss(),
    ));
    rules.extend(each(
        "rfc9111_5_2_a_restriction_in_any_of_these_writings_counts",
        [
            "NO-STORE, max-age=3600",
            "No-Store, max-age=3600",
            "max-age=3600,no-store",
            "max-age=3600,\tno-store",
            "no-store , max-age=3600",
            "no-store=foo, max-age=3600",
            "no-store=\"foo\", max-age=3600",
            "PRIVATE, max-age=3600",
            "private=, max-age=3600",
            "max-age=3600, No-Cache",
            "no-cache=, max-age=3600",
            "no-cache=\"\", max-age=3600",
            "max-age=3600, foo=\"unclosed, no-store",
        ],
        |rule, value| rule.fill(cc(value)).miss(),
    ));
    rules.extend([
        rule("rfc9111_5_2_several_lines_are_one_list")
            .fill(cc("foo").header("Cache-Control", "max-age=3600"))
            .hit(),
        rule("rfc9111_4_2_1_of_several_lines_the_first_lifetime_counts_fresh")
            .fill(cc("max-age=3600").header("Cache-Control", "max-age=0"))
            .hit(),
        rule("rfc9111_4_2_1_of_several_lines_the_first_lifetime_counts_stale")
            .fill(cc("max-age=0").header("Cache-Control", "max-age=3600"))
            .miss(),
        rule("rfc9111_5_2_an_empty_field_says_nothing")
            .fill(cc("").header("Expires", &date(3600)))
            .hit(),
        rule("rfc9111_5_2_hits_carry_cache_control_as_sent")
            .fill(cc("Max-Age=003600, foo=\"b,  ar\""))
            .hit()
            .gives("Cache-Control", "Max-Age=003600, foo=\"b,  ar\""),
    ]);
    rules
}
