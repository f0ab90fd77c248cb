//! Parts of answers (RFC 9110 14, RFC 9111 3.3, 3.4).

use crate::rule::*;
use crate::support::{Answer, Req};

const BODY: &str = "0123456789abcdefghij";
const MODIFIED: &str = "Tue, 03 Nov 2026 10:00:00 GMT";

fn whole() -> Answer {
    Answer::fresh(BODY)
        .header("ETag", "\"v1\"")
        .header("Last-Modified", MODIFIED)
}

fn range(value: &str) -> Req {
    get().header("Range", value)
}

fn part(from: usize, to: usize) -> Answer {
    Answer::new(206, &BODY[from..=to])
        .header("Cache-Control", "max-age=3600")
        .header("ETag", "\"v1\"")
        .header("Content-Range", &format!("bytes {from}-{to}/{}", BODY.len()))
}

pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for (value, from, to) in [
        ("bytes=0-3", 0, 3),
        ("bytes=5-9", 5, 9),
        ("bytes=10-", 10, 19),
        ("bytes=-4", 16, 19),
        ("bytes=-100", 0, 19),
        ("bytes=15-99", 15, 19),
        ("bytes=0-0", 0, 0),
        ("bytes=-1", 19, 19),
        ("BYTES=0-3", 0, 3),
        ("bytes= 0-3", 0, 3),
    ] {
        rules.push(
            rule(&format!("rfc9110_14_2_a_part_of_a_stored_answer[{value}]"))
                .fill(whole())
                .hit_for(range(value))
                .status(206)
                .gives("Content-Range", &format!("bytes {from}-{to}/20"))
                .and(move |done| assert_eq!(done.response.text(), &BODY[from..=to])),
        );
    }
    rules.extend(each(
        "rfc9110_14_1_1_a_range_behind_the_end_is_416",
        ["bytes=20-", "bytes=100-200", "bytes=-0"],
        |rule, value| {
            rule.fill(whole())
                .hit_for(range(value))
                .status(416)
                .gives("Content-Range", "bytes */20")
        },
    ));
    rules.extend(each(
        "rfc9110_14_2_a_range_that_is_not_understood_is_ignored",
        ["lines=0-3", "bytes", "bytes=a-b", "bytes=3-0", "bytes=--3", "0-3"],
        |rule, value| rule.fill(whole()).hit_for(range(value)).status(200),
    ));
    rules.extend([
        rule("rfc9110_14_2_a_part_leaves_the_stored_answer_whole")
            .fill(whole())
            .hit_for(range("bytes=0-3"))
            .hit(),
        rule("rfc9110_14_2_several_parts_come_as_multipart")
            .fill(whole())
            .hit_for(range("bytes=0-1, 4-5"))
            .status(206)
            .and(|done| {
                let kind = done.response.header("content-type").unwrap();
                assert!(kind.starts_with("multipart/byteranges"), "{kind}");
                assert!(done.response.text().contains("bytes 4-5/20"));
            }),
        rule("rfc9110_14_2_range_means_nothing_for_head")
            .fill(whole())
            .hit_for(method("HEAD").header("Range", "bytes=0-3"))
            .status(200),
        rule("rfc9110_15_3_7_a_part_carries_what_the_whole_would")
            .fill(whole().header("X-Foo", "1"))
            .hit_for(range("bytes=0-3"))
            .gives("ETag", "\"v1\"")
            .gives("Cache-Control", "max-age=60")
            .gives("X-Foo", "1")
            .gives("Content-Length", "4"),
        rule("rfc9111_3_3_a_part_from_the_origin_is_not_stored_as_the_whole")
            .step(range("bytes=0-3"), part(0, 3), Source::Anyone)
            .and(|done| assert_eq!(done.response.status, 206))
            .miss()
            .status(200),
        rule("rfc9111_3_3_a_part_that_nobody_asked_for_is_not_stored_as_the_whole")
            .step(get(), part(0, 3), Source::Anyone)
            .miss()
            .status(200),
        rule("rfc9111_3_3_a_part_is_not_served_for_another_part")
            .step(range("bytes=0-3"), part(0, 3), Source::Anyone)
            .step(range("bytes=4-7"), part(4, 7), Source::Anyone)
            .and(|done| assert_eq!(done.response.text(), &BODY[4..=7])),
        rule("rfc9111_3_3_a_416_from_the_origin_is_not_stored")
            .step(
                range("bytes=100-"),
                status(416)
                    .header("Cache-Control", "max-age=3600")
                    .header("Content-Range", "bytes */20"),
                Source::Anyone,
            )
            .status(416)
            .miss()
            .status(200),
        rule("rfc9110_14_2_a_range_on_a_cold_key_reaches_the_client")
            .step(range("bytes=0-3"), whole(), Source::Anyone)
            .and(|done| {
                let text = done.response.text();
                assert!(
                    done.response.status == 200 && text == BODY
                        || done.response.status == 206 && text == BODY[..=3]
                );
            }),
        rule("rfc9110_13_1_5_if_range_with_the_same_strong_etag_is_a_part")
            .fill(whole())
            .hit_for(range("bytes=0-3").header("If-Range", "\"v1\""))
            .status(206),
        rule("rfc9110_13_1_5_if_range_with_another_etag_is_the_whole")
            .fill(whole())
            .hit_for(range("bytes=0-3").header("If-Range", "\"v2\""))
            .status(200),
        rule("rfc9110_13_1_5_if_range_with_a_weak_etag_is_the_whole")
            .fill(Answer::fresh(BODY).header("ETag", "W/\"v1\""))
            .hit_for(range("bytes=0-3").header("If-Range", "W/\"v1\""))
            .status(200),
        rule("rfc9110_13_1_5_if_range_with_the_same_date_is_a_part")
            .fill(whole())
            .hit_for(range("bytes=0-3").header("If-Range", MODIFIED))
            .status(206),
        rule("rfc9110_13_1_5_if_range_with_another_date_is_the_whole")
            .fill(whole())
            .hit_for(range("bytes=0-3").header("If-Range", "Wed, 04 Nov 2026 10:00:00 GMT"))
            .status(200),
        rule("rfc9110_13_2_2_if_none_match_goes_before_range")
            .fill(whole())
            .hit_for(range("bytes=0-3").header("If-None-Match", "\"v1\""))
            .status(304),
        rule("rfc9111_4_3_a_part_of_a_stale_answer_is_validated_first")
            .fill(whole().header("Age", "100"))
            .step(
                range("bytes=0-3"),
                not_modified(&[("Cache-Control", "max-age=3600")]),
                Source::Anyone,
            )
            .status(206)
            .and(|done| assert_eq!(done.response.text(), &BODY[..=3]))
            .hit(),
        rule("rfc9110_14_2_only_200_has_parts")
            .fill(Answer::new(404, BODY).header("Cache-Control", "max-age=3600"))
            .hit_for(range("bytes=0-3"))
            .status(404),
    ]);
    rules
}
