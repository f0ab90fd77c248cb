use super::*;
use crate::server::head::{self, HeadLimits, Read, Room};

const LIMITS: Limits = Limits {
    header_bytes: 300,
    headers: 8,
    uri_bytes: 60,
    connections: 1,
    h2_streams: 1,
    keepalive_requests: 1,
};

/// What becomes of a head; larger heads are read than the lane takes.
fn with<T>(text: &str, judge: impl FnOnce(LaneDecision<'_>) -> T) -> T {
    let limits = HeadLimits {
        header_bytes: 10_000,
        headers: 100,
        uri_bytes: 1000,
    };
    match head::read(text.as_bytes(), limits, &mut Room::default()) {
        Read::Complete(request) => judge(decide(&request, &LIMITS)),
        other => panic!("{text}: {other:?}"),
    }
}

fn pass(text: &str) -> Option<Pass> {
    with(text, |decision| match decision {
        LaneDecision::Ordinary(_) => None,
        LaneDecision::Pass(pass) => Some(pass),
    })
}

fn with_field(line: &str) -> Option<Pass> {
    pass(&format!("GET / HTTP/1.1\r\nHost: a.example\r\n{line}\r\n\r\n"))
}

#[test]
fn a_browsers_get_is_ordinary() {
    let text = "GET /a/b?c=%20d HTTP/1.1\r\nHost: A.example:8080\r\nAccept-Encoding: gzip, br\r\n\
                Connection: keep-alive\r\nCookie: a=b\r\n\r\n";
    with(text, |decision| {
        let LaneDecision::Ordinary(ordinary) = decision else {
            panic!("{decision:?}");
        };
        assert_eq!((&*ordinary.host, ordinary.port), ("a.example", Some(8080)));
        assert_eq!((ordinary.path, ordinary.query), ("/a/b", Some("c=%20d")));
        assert_eq!((ordinary.head_only, ordinary.close), (false, false));
        let marks = Marks {
            preset: true,
            cookie: true,
            ..Marks::default()
        };
        assert_eq!(ordinary.marks, marks);
    });
}

#[test]
fn a_wish_to_close_is_heeded() {
    let text = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n";
    with(text, |decision| {
        assert!(matches!(
            decision,
            LaneDecision::Ordinary(Ordinary {
                head_only: true,
                close: true,
                ..
            })
        ));
    });
}

#[test]
fn other_methods_pass() {
    for method in ["POST", "PURGE", "OPTIONS", "get", "DELETE"] {
        let text = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(pass(&text), Some(Pass::Method), "{method}");
    }
}

#[test]
fn other_versions_pass() {
    assert_eq!(pass("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), Some(Pass::Version));
}

#[test]
fn what_may_have_a_body_passes() {
    for line in [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Upgrade: websocket",
    ] {
        assert_eq!(with_field(line), Some(Pass::Body), "{line}");
    }
    assert_eq!(with_field("Content-Length: 0"), Some(Pass::Field));
}

#[test]
fn targets_that_are_not_plain_pass() {
    for target in [
        "*",
        "http://a/",
        "//a/",
        "a",
        "/a\"",
        "/a|b",
        "/[a]",
        "/a\\b",
        "/{a}",
        "/^",
        "/`",
        "/<a>",
        "/a#b",
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(pass(&text), Some(Pass::Target), "{target}");
    }
}

#[test]
fn hosts_that_are_missing_double_or_malformed_pass() {
    for head in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: u@a\r\n",
        "Host: \u{e4}\r\n",
    ] {
        assert_eq!(
            pass(&format!("GET / HTTP/1.1\r\n{head}\r\n")),
            Some(Pass::Host),
            "{head}"
        );
    }
}

#[test]
fn what_is_beyond_a_limit_passes() {
    let long = "x".repeat(300);
    assert_eq!(with_field(&format!("X-A: {long}")), Some(Pass::Limits));
    let many = ["A: b"; 8].join("\r\n");
    assert_eq!(with_field(&many), Some(Pass::Limits));
    let target = "x".repeat(60);
    assert_eq!(
        pass(&format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n")),
        Some(Pass::Limits)
    );
}

#[test]
fn a_connection_field_that_says_more_passes() {
    for line in [
        "Connection: upgrade",
        "Connection: close, x-a",
        "Connection: close\r\nConnection: close",
    ] {
        assert_eq!(with_field(line), Some(Pass::Connection), "{line}");
    }
}

#[test]
fn fields_that_only_the_proxy_heeds_pass() {
    for name in [
        "Range",
        "If-Range",
        "If-Match",
        "If-Unmodified-Since",
        "Authorization",
        "Expect",
        "TE",
        "Trailer",
        "Content-Type",
        "Popgate-Background",
    ] {
        assert_eq!(with_field(&format!("{name}: x")), Some(Pass::Field), "{name}");
    }
}

#[test]
fn several_cookie_lines_pass() {
    assert_eq!(with_field("Cookie: a\r\nCookie: b"), Some(Pass::Cookies));
}

#[test]
fn conditions_and_directives_are_marked() {
    for (line, mark) in [
        ("If-None-Match: *", "condition"),
        ("If-Modified-Since: x", "condition"),
        ("Cache-Control: no-cache", "directive"),
        ("Pragma: no-cache", "directive"),
        ("Origin: https://a", "preset"),
        ("X-WP-Nonce: 1", "preset"),
    ] {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        with(&text, |decision| {
            let LaneDecision::Ordinary(Ordinary { marks, .. }) = decision else {
                panic!("{line}");
            };
            let set = [marks.condition, marks.directive, marks.preset];
            assert_eq!(
                set,
                ["condition", "directive", "preset"].map(|name| name == mark),
                "{line}"
            );
        });
    }
}

#[test]
fn whatever_a_preset_reads_is_marked_or_passes() {
    for name in crate::preset::REQUEST_READS {
        let value = if *name == "transfer-encoding" {
            "chunked"
        } else {
            "1"
        };
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n");
        with(&text, |decision| match decision {
            LaneDecision::Ordinary(ordinary) => assert!(ordinary.marks.preset, "{name}"),
            LaneDecision::Pass(pass) => assert!(matches!(pass, Pass::Field | Pass::Body), "{name}"),
        });
    }
}

#[test]
fn reasons_have_names_of_their_own() {
    let names: std::collections::HashSet<_> = Pass::ALL.iter().map(|pass| pass.as_str()).collect();
    assert_eq!(names.len(), Pass::ALL.len());
}
