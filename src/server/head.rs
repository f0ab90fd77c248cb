//! The head of an HTTP/1.1 request, looked at before anything else does.
//!
//! One request has one boundary or none: whatever two parsers might read differently is refused here
//! with 400 and the connection is closed, before a byte reaches an origin (RFC 9112 2.2, 3, 5, 6).
//! Pingora parses the same bytes again; this module only ever refuses more than Pingora does.

use http::StatusCode;

use super::stream::Gate;
use crate::proxy::normalise::host_of;

/// Most header lines parsed; `limits.headers` may not be larger.
pub const HEADERS_MAX: usize = 256;

/// What a head may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of all header lines.
    pub header_bytes: usize,
    /// Number of header lines.
    pub headers: usize,
    /// Bytes of the request target.
    pub uri_bytes: usize,
}

/// What the bytes read so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The end of the head is not there yet.
    Partial,
    /// The first `length` bytes are a request; its body follows as `gate` says.
    Complete {
        /// Bytes of the head, final empty line included.
        length: usize,
        /// How the body is framed.
        gate: Gate,
    },
    /// Answer with this status and close; the word names the rule for metrics.
    Refused(StatusCode, &'static str),
}

const BAD: Head = Head::Refused(StatusCode::BAD_REQUEST, "bad_request");
const BAD_HOST: Head = Head::Refused(StatusCode::BAD_REQUEST, "bad_host");
const TOO_LARGE: Head = Head::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large");
const URI_TOO_LONG: Head = Head::Refused(StatusCode::URI_TOO_LONG, "uri_too_long");

/// Looks at the start of a connection's bytes. Empty lines before a request are the caller's to skip
/// ([`leading_crlf`]).
#[must_use]
pub fn examine(bytes: &[u8], limits: HeadLimits) -> Head {
    let Some(length) = head_length(bytes) else {
        return examine_partial(bytes, limits);
    };
    let head = &bytes[..length];
    let line = head.iter().position(|&b| b == b'\n').map_or(length, |at| at + 1);
    if target_length(&head[..line]) > limits.uri_bytes {
        return URI_TOO_LONG;
    }
    if length - line > limits.header_bytes {
        return TOO_LARGE;
    }
    if has_bare_control(head) {
        return BAD;
    }
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(parsed)) if parsed == length => {}
        Err(httparse::Error::TooManyHeaders) => return TOO_LARGE,
        _ => return BAD,
    }
    if request.headers.len() > limits.headers {
        return TOO_LARGE;
    }
    // The engine refuses these, too, but with an answer of its own.
    if request.method == Some("CONNECT") {
        return Head::Refused(StatusCode::METHOD_NOT_ALLOWED, "bad_request");
    }
    if !authority_is_clear(request.path.unwrap_or_default(), request.headers) {
        return BAD_HOST;
    }
    match framing(request.version, request.headers) {
        Some(gate) => Head::Complete { length, gate },
        None => BAD,
    }
}

/// Bytes of empty lines in front of a request (RFC 9112 2.2 asks to ignore at least one).
#[must_use]
pub fn leading_crlf(bytes: &[u8]) -> usize {
    let mut at = 0;
    while bytes[at..].starts_with(b"\r\n") && at < 8 {
        at += 2;
    }
    at
}

/// Position after the first empty line.
fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// A head whose end is not there: only its size can be judged, and what can never become right.
fn examine_partial(bytes: &[u8], limits: HeadLimits) -> Head {
    let line = bytes.iter().position(|&b| b == b'\n');
    match line {
        None if target_length(bytes) > limits.uri_bytes => URI_TOO_LONG,
        Some(end) if target_length(&bytes[..end]) > limits.uri_bytes => URI_TOO_LONG,
        Some(end) if bytes.len() - end > limits.header_bytes => TOO_LARGE,
        _ if bytes
            .iter()
            .zip(std::iter::once(&0).chain(bytes))
            .any(|(&b, &before)| b == b'\n' && before != b'\r') =>
        {
            BAD
        }
        _ => Head::Partial,
    }
}

/// Bytes of the request target in a request line that may be cut.
fn target_length(line: &[u8]) -> usize {
    line.split(|&b| b == b' ').nth(1).map_or(0, <[u8]>::len)
}

/// LF without CR, CR without LF, NUL: what parsers disagree about.
fn has_bare_control(head: &[u8]) -> bool {
    head.iter().enumerate().any(|(at, &b)| match b {
        b'\n' => at == 0 || head[at - 1] != b'\r',
        b'\r' => head.get(at + 1) != Some(&b'\n'),
        0 => true,
        _ => false,
    })
}

/// Whether a request says once and well-formed whom it asks for, or not at all; an absolute target and `Host`
/// must agree to the byte (RFC 9112 3.2).
fn authority_is_clear(target: &str, fields: &[httparse::Header<'_>]) -> bool {
    let mut hosts = fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("host"))
        .map(|field| field.value);
    let (host, second) = (hosts.next(), hosts.next());
    let absolute = target.split_once("://").filter(|_| !target.starts_with('/'));
    let named = absolute.map(|(_, rest)| &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]);
    let well_formed = |host: &[u8]| std::str::from_utf8(host).is_ok_and(|host| host_of(host).is_some());
    second.is_none()
        && host.is_none_or(well_formed)
        && named.is_none_or(|named| {
            well_formed(named.as_bytes()) && host.is_none_or(|host| host == named.as_bytes())
        })
}

/// The body's framing, or `None` where it is not beyond doubt (RFC 9112 6.1, 6.3).
fn framing(version: Option<u8>, fields: &[httparse::Header<'_>]) -> Option<Gate> {
    let mut length: Option<u64> = None;
    let mut chunked = false;
    let mut upgrade = false;
    for field in fields {
        let name = field.name;
        if name.eq_ignore_ascii_case("content-length") {
            if length.is_some() || field.value.is_empty() || !field.value.iter().all(u8::is_ascii_digit) {
                return None;
            }
            length = Some(std::str::from_utf8(field.value).ok()?.parse().ok()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || version != Some(1) || !field.value.eq_ignore_ascii_case(b"chunked") {
                return None;
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case("upgrade") {
            upgrade = true;
        }
    }
    match (length, chunked) {
        (Some(_), true) => None,
        (_, true) => Some(Gate::Open),
        (None | Some(0), false) if !upgrade => Some(Gate::Closed),
        (None, false) | (Some(_), false) if upgrade => Some(Gate::Open),
        (Some(length), false) => Some(Gate::Length(length)),
        (None, false) => Some(Gate::Closed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        header_bytes: 200,
        headers: 5,
        uri_bytes: 50,
    };

    fn look(text: &str) -> Head {
        examine(text.as_bytes(), LIMITS)
    }

    #[test]
    fn a_request_without_body_closes_the_gate() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2";
        assert_eq!(
            look(text),
            Head::Complete {
                length: 27,
                gate: Gate::Closed
            }
        );
    }

    #[test]
    fn a_content_length_opens_the_gate_that_far() {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(
            look(text),
            Head::Complete {
                length: text.len(),
                gate: Gate::Length(12)
            }
        );
    }

    #[test]
    fn rfc9112_6_1_transfer_encoding_with_content_length_is_refused() {
        assert_eq!(
            look("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            BAD
        );
    }

    #[test]
    fn rfc9112_6_1_transfer_encoding_in_http_1_0_is_refused() {
        assert_eq!(look("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), BAD);
    }

    #[test]
    fn rfc9112_6_1_a_transfer_encoding_in_disguise_is_refused() {
        for value in [
            "xchunked",
            "chunked, identity",
            "gzip, chunked",
            "\tchunked x",
            "chunked,chunked",
        ] {
            assert_eq!(
                look(&format!("POST / HTTP/1.1\r\nTransfer-Encoding: {value}\r\n\r\n")),
                BAD,
                "{value}"
            );
        }
    }

    #[test]
    fn rfc9112_6_3_doubtful_content_lengths_are_refused() {
        for value in ["+1", "-1", "1, 1", "0x1", "", "1 1", "99999999999999999999999"] {
            assert_eq!(
                look(&format!("POST / HTTP/1.1\r\nContent-Length: {value}\r\n\r\n")),
                BAD,
                "{value}"
            );
        }
        assert_eq!(
            look("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            BAD
        );
    }

    #[test]
    fn rfc9112_2_2_bare_line_feeds_and_carriage_returns_are_refused() {
        assert_eq!(look("GET / HTTP/1.1\nHost: a\n\n"), BAD);
        assert_eq!(look("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), BAD);
        assert_eq!(look("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"), BAD);
    }

    #[test]
    fn rfc9112_5_1_space_before_the_colon_and_folded_lines_are_refused() {
        assert_eq!(look("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), BAD);
        assert_eq!(look("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), BAD);
    }

    #[test]
    fn rfc9112_3_2_what_is_unclear_about_the_host_is_refused_here() {
        for unclear in [
            "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://u@a/ HTTP/1.1\r\n\r\n",
            "GET http:///x HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(look(unclear), BAD_HOST, "{unclear}");
        }
        for clear in [
            "GET / HTTP/1.0\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /?to=http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(matches!(look(clear), Head::Complete { .. }), "{clear}");
        }
    }

    #[test]
    fn a_tunnel_is_not_opened() {
        let connect = look("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
        assert_eq!(
            connect,
            Head::Refused(StatusCode::METHOD_NOT_ALLOWED, "bad_request")
        );
    }

    #[test]
    fn a_long_target_is_414_even_before_its_end() {
        assert_eq!(
            look(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(60))),
            URI_TOO_LONG
        );
        assert_eq!(look(&format!("GET /{}", "x".repeat(60))), URI_TOO_LONG);
    }

    #[test]
    fn large_or_many_headers_are_431_even_before_their_end() {
        assert_eq!(
            look(&format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(300))),
            TOO_LARGE
        );
        assert_eq!(
            look(&format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(300))),
            TOO_LARGE
        );
        assert_eq!(
            look(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(6))),
            TOO_LARGE
        );
    }

    #[test]
    fn part_of_a_head_is_partial() {
        assert_eq!(look(""), Head::Partial);
        assert_eq!(look("GET / HTTP/1.1\r\nHo"), Head::Partial);
    }

    #[test]
    fn upgrades_open_the_gate() {
        let text = "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(
            look(text),
            Head::Complete {
                length: text.len(),
                gate: Gate::Open
            }
        );
    }
}
