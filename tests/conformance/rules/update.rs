//! What a 304 changes in a stored answer (RFC 9111 3.2, 4.3.4).

use crate::rule::*;

pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    // Fields that the answer to the client and later hits take from the 304.
    let updated = [
        ("Cache-Control", "max-age=3600", "max-age=7200"),
        (
            "Expires",
            "Thu, 18 Aug 2050 02:01:18 GMT",
            "Fri, 19 Aug 2050 02:01:18 GMT",
        ),
        (
            "Last-Modified",
            "Mon, 02 Nov 2026 10:00:00 GMT",
            "Tue, 03 Nov 2026 10:00:00 GMT",
        ),
        ("ETag", "\"v1\"", "W/\"v1\""),
        ("Content-Type", "text/plain", "text/plain;charset=utf-8"),
        ("Content-Language", "en", "de"),
        ("Content-Location", "/a", "/b"),
        (
            "Content-MD5",
            "rL0Y20zC+Fzt72VPzMSk2A==",
            "N7UdGUp1E+RbVvZSTy1R8g==",
        ),
        (
            "Content-Security-Policy",
            "default-src 'self'",
            "default-src 'none'",
        ),
        ("Content-Disposition", "inline", "attachment"),
        ("Content-Foo", "1", "2"),
        ("X-Content-Foo", "1", "2"),
        ("X-Frame-Options", "deny", "sameorigin"),
        ("X-XSS-Protection", "1", "0"),
        ("Set-Foo", "1", "2"),
        ("X-Foo", "1", "2"),
        ("Public-Key-Pins", "a", "b"),
        ("Strict-Transport-Security", "max-age=1", "max-age=2"),
        (
            "Access-Control-Allow-Origin",
            "https://a.example",
            "https://b.example",
        ),
        ("Clear-Site-Data", "\"cache\"", "\"cookies\""),
        ("Accept-Ranges", "none", "bytes"),
        ("Link", "</a>;rel=preload", "</b>;rel=preload"),
    ];
    for (name, old, new) in updated {
        let answer = match name {
            "Cache-Control" => ok().header(name, old).header("Age", "3700"),
            "Expires" => ok()
                .header(name, old)
                .header("Cache-Control", "max-age=3600")
                .header("Age", "3700"),
            _ => cc("max-age=3600").header("Age", "3700").header(name, old),
        };
        let answer = if name == "ETag" {
            answer
        } else {
            answer.header("ETag", "\"v1\"")
        };
        rules.push(
            rule(&format!("rfc9111_3_2_a_304_updates[{name}]"))
                .fill(answer)
                .gives(name, old)
                .validated(&[(name, new)])
                .gives(name, new)
                .hit()
                .gives(name, new),
        );
    }
    let kept = [
        ("Content-Encoding", "identity", "gzip"),
        ("Content-Range", "", "bytes 0-3/10"),
        ("Vary", "X-A", "X-B"),
    ];
    for (name, old, new) in kept {
        let answer = stale("max-age=3600");
        let answer = if old.is_empty() {
            answer
        } else {
            answer.header(name, old)
        };
        let base = rule(&format!("rfc9111_3_2_a_304_leaves[{name}]"))
            .fill(answer)
            .validated(&[(name, new)]);
        rules.push(if old.is_empty() {
            base.lacks(name).hit().lacks(name)
        } else {
            base.gives(name, old).hit().gives(name, old)
        });
    }
    rules.extend([
        rule("rfc9111_3_2_a_304_leaves_the_length_of_the_stored_body")
            .fill(stale("max-age=3600"))
            .validated(&[("Content-Length", "10")])
            .hit()
            .and(|done| {
                let length = done.response.header("content-length").unwrap();
                assert_eq!(length, done.body.len().to_string());
            }),
        rule("rfc9111_3_2_a_304_adds_fields_that_were_not_there")
            .fill(stale("max-age=3600"))
            .lacks("X-New")
            .validated(&[("X-New", "1")])
            .gives("X-New", "1")
            .hit()
            .gives("X-New", "1"),
        rule("rfc9111_3_2_a_304_leaves_fields_that_it_does_not_have")
            .fill(stale("max-age=3600").header("X-Old", "1"))
            .validated(&[])
            .gives("X-Old", "1")
            .hit()
            .gives("X-Old", "1"),
        rule("rfc9111_3_2_a_304_replaces_all_lines_of_a_field")
            .fill(stale("max-age=3600").header("X-Many", "1").header("X-Many", "2"))
            .validated(&[("X-Many", "3")])
            .hit()
            .gives("X-Many", "3"),
        rule("rfc9111_3_2_a_304_brings_all_lines_of_a_field")
            .fill(stale("max-age=3600").header("X-Many", "1"))
            .validated(&[("X-Many", "2"), ("X-Many", "3")])
            .hit()
            .and(|done| assert_eq!(done.response.all("x-many"), ["2", "3"])),
        rule("rfc9111_3_1_a_304_brings_no_field_of_its_connection")
            .fill(stale("max-age=3600"))
            .validated(&[
                ("Connection", "X-Hop"),
                ("X-Hop", "1"),
                ("Keep-Alive", "timeout=5"),
            ])
            .lacks("X-Hop")
            .lacks("Keep-Alive")
            .hit()
            .lacks("X-Hop"),
        rule("rfc9111_3_2_a_shorter_lifetime_in_a_304_counts")
            .fill(stale("max-age=3600"))
            .validated(&[("Cache-Control", "max-age=0")])
            .validated(&[]),
        rule("rfc9111_4_2_3_a_304_with_an_age_is_that_old")
            .fill(stale("max-age=3600"))
            .validated(&[("Age", "1000")])
            .hit()
            .and(|done| assert!((1000..1060).contains(&done.response.age().unwrap()))),
        rule("rfc9111_3_2_a_304_with_set_cookie_reaches_nobody_else")
            .only(Profile::Safe)
            .fill(stale("max-age=3600"))
            .step(get(), not_modified(&[("Set-Cookie", "a=1")]), Source::Anyone)
            .step(get(), ok(), Source::Anyone)
            .lacks("Set-Cookie"),
    ]);
    rules
}
