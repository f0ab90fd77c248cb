//! Request heads: any bytes, no panic, and nothing is taken that the engine's parser refuses or reads otherwise.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popgate::server::head::{self, HEADERS_MAX, Head, HeadLimits, Read, Room};
use popgate::server::lane::decision::{LaneDecision, decide};

const LIMITS: HeadLimits = HeadLimits {
    header_bytes: 4096,
    headers: 64,
    uri_bytes: 1024,
};

fuzz_target!(|data: &[u8]| {
    let skip = head::leading_crlf(data);
    let bytes = &data[skip..];
    let mut room = Room::default();
    let Read::Complete(request) = head::read(bytes, LIMITS, &mut room) else {
        return;
    };
    // What follows a head does not change it, and without its last byte it is not whole.
    let head = &bytes[..request.length];
    let complete = match request.refusal() {
        Some((status, reason)) => Head::Refused(status, reason),
        None => Head::Complete {
            length: request.length,
            gate: request.gate,
        },
    };
    assert_eq!(head::examine(head, LIMITS), complete);
    assert!(!matches!(head::examine(&head[..head.len() - 1], LIMITS), Head::Complete { .. }));

    // The engine parses with httparse, as it is.
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut engine = httparse::Request::new(&mut fields);
    assert_eq!(engine.parse(bytes), Ok(httparse::Status::Complete(request.length)));
    assert_eq!(engine.method, Some(request.method));
    assert_eq!(engine.path, Some(request.target));
    assert_eq!(engine.version, Some(request.version));
    assert_eq!(engine.headers, request.fields);

    let limits = popgate::config::Limits {
        header_bytes: LIMITS.header_bytes,
        headers: LIMITS.headers,
        uri_bytes: LIMITS.uri_bytes,
        connections: 1,
        h2_streams: 1,
        keepalive_requests: 1,
    };
    if let LaneDecision::Ordinary(ordinary) = decide(&request, &limits) {
        assert_eq!(request.refusal(), None);
        // What the lane takes for path and query is what a URI has for them.
        let uri: http::Uri = request.target.parse().unwrap();
        assert_eq!((uri.path(), uri.query()), (ordinary.path, ordinary.query));
        let hosts = request.fields.iter().filter(|field| field.name.eq_ignore_ascii_case("host"));
        assert_eq!(hosts.count(), 1);
        assert!(request.fields.iter().all(|field| {
            http::HeaderName::from_bytes(field.name.as_bytes()).is_ok()
                && http::HeaderValue::from_bytes(field.value).is_ok()
        }));
    }
});
