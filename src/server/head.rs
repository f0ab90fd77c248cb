//! The head of an HTTP/1.1 request, looked at before anything else does.
//!
//! One request has one boundary or none: whatever two parsers might read differently is refused here
//! with 400 and the connection is closed, before a byte reaches an origin (RFC 9112 2.2, 3, 5, 6).
//! Pingora parses the same bytes again; this module only ever refuses more than Pingora does.

use std::mem::MaybeUninit;

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

const BAD: Read<'_, '_> = Read::Refused(StatusCode::BAD_REQUEST, "bad_request");
const TOO_LARGE: Read<'_, '_> =
    Read::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large");
const URI_TOO_LONG: Read<'_, '_> = Read::Refused(StatusCode::URI_TOO_LONG, "uri_too_long");

/// A whole head, parsed.
#[derive(Debug)]
pub struct Request<'f, 'b> {
    /// Bytes of the head, final empty line included.
    pub length: usize,
    /// How the body is framed.
    pub gate: Gate,
    /// Method as sent.
    pub method: &'b str,
    /// Request target as sent.
    pub target: &'b str,
    /// Minor version: 0 or 1.
    pub version: u8,
    /// Fields as sent, in order.
    pub fields: &'f [httparse::Header<'b>],
}

/// What the bytes read so far are, with the request where it is whole.
#[derive(Debug)]
pub enum Read<'f, 'b> {
    /// See [`Head::Partial`].
    Partial,
    /// A request.
    Complete(Request<'f, 'b>),
    /// See [`Head::Refused`].
    Refused(StatusCode, &'static str),
}

/// Room for the fields of one head; costs nothing to make.
#[derive(Debug)]
pub struct Room<'b>([MaybeUninit<httparse::Header<'b>>; HEADERS_MAX]);

impl Default for Room<'_> {
    fn default() -> Self {
        Self([const { MaybeUninit::uninit() }; HEADERS_MAX])
    }
}

/// [`read`] and [`Request::refusal`], without the request.
#[must_use]
pub fn examine(bytes: &[u8], limits: HeadLimits) -> Head {
    match read(bytes, limits, &mut Room::default()) {
        Read::Partial => Head::Partial,
        Read::Refused(status, reason) => Head::Refused(status, reason),
        Read::Complete(request) => match request.refusal() {
            Some((status, reason)) => Head::Refused(status, reason),
            None => Head::Complete {
                length: request.length,
                gate: request.gate,
            },
        },
    }
}

impl Request<'_, '_> {
    /// Why a request that can be read is refused all the same. The engine refuses these, too, but with an
    /// answer of its own. None of them is ordinary, so whoever answers ordinary ones need not ask.
    #[must_use]
    pub fn refusal(&self) -> Option<(StatusCode, &'static str)> {
        if self.method == "CONNECT" {
            return Some((StatusCode::METHOD_NOT_ALLOWED, "bad_request"));
        }
        (!authority_is_clear(self.target, self.fields)).then_some((StatusCode::BAD_REQUEST, "bad_host"))
    }
}

/// Looks at the start of a connection's bytes. Empty lines before a request are the caller's to skip
/// ([`leading_crlf`]).
pub fn read<'f, 'b>(bytes: &'b [u8], limits: HeadLimits, room: &'f mut Room<'b>) -> Read<'f, 'b> {
    let lines = Lines::of(bytes);
    let Some(length) = lines.head else {
        return judge_partial(bytes, &lines, limits);
    };
    let head = &bytes[..length];
    let line = lines.first.map_or(length, |at| at + 1);
    if target_length(&head[..line]) > limits.uri_bytes {
        return URI_TOO_LONG;
    }
    if length - line > limits.header_bytes {
        return TOO_LARGE;
    }
    if lines.broken || has_bare_control(head, lines.count) {
        return BAD;
    }
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut room.0) {
        Ok(httparse::Status::Complete(parsed)) if parsed == length => {}
        Err(httparse::Error::TooManyHeaders) => return TOO_LARGE,
        _ => return BAD,
    }
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return BAD;
    };
    let fields: &'f [httparse::Header<'b>] = request.headers;
    if fields.len() > limits.headers {
        return TOO_LARGE;
    }
    match framing(version, fields) {
        Some(gate) => Read::Complete(Request {
            length,
            gate,
            method,
            target,
            version,
            fields,
        }),
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

/// The lines of the bytes read so far, up to the first empty one.
struct Lines {
    /// End of the first line: the position of its LF.
    first: Option<usize>,
    /// Position after the first empty line.
    head: Option<usize>,
    /// A line ends in LF alone.
    broken: bool,
    /// Lines.
    count: usize,
}

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let mut lines = Self {
            first: None,
            head: None,
            broken: false,
            count: 0,
        };
        let mut start = 0;
        for at in memchr::memchr_iter(b'\n', bytes) {
            lines.count += 1;
            lines.first.get_or_insert(at);
            if at == start || bytes[at - 1] != b'\r' {
                lines.broken = true;
            } else if at == start + 1 && start > 0 {
                lines.head = Some(at + 1);
                break;
            }
            start = at + 1;
        }
        lines
    }
}

/// A head whose end is not there: only its size can be judged, and what can never become right.
fn judge_partial<'f, 'b>(bytes: &[u8], lines: &Lines, limits: HeadLimits) -> Read<'f, 'b> {
    match lines.first {
        None if target_length(bytes) > limits.uri_bytes => URI_TOO_LONG,
        Some(end) if target_length(&bytes[..end]) > limits.uri_bytes => URI_TOO_LONG,
        Some(end) if bytes.len() - end > limits.header_bytes => TOO_LARGE,
        _ if lines.broken => BAD,
        _ => Read::Partial,
    }
}

/// Bytes of the request target in a request line that may be cut.
fn target_length(line: &[u8]) -> usize {
    let Some(from) = memchr::memchr(b' ', line).map(|at| at + 1) else {
        return 0;
    };
    memchr::memchr(b' ', &line[from..]).unwrap_or(line.len() - from)
}

/// CR without LF, NUL: what parsers disagree about. `lines` line ends are in order: one CR each.
fn has_bare_control(head: &[u8], lines: usize) -> bool {
    memchr::memchr_iter(b'\r', head).count() != lines || memchr::memchr(0, head).is_some()
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
fn framing(version: u8, fields: &[httparse::Header<'_>]) -> Option<Gate> {
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
            if chunked || version != 1 || !field.value.eq_ignore_ascii_case(b"chunked") {
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
    const BAD: Head = Head::Refused(StatusCode::BAD_REQUEST, "bad_request");
    const BAD_HOST: Head = Head::Refused(StatusCode::BAD_REQUEST, "bad_host");
    const TOO_LARGE: Head = Head::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large");
    const URI_TOO_LONG: Head = Head::Refused(StatusCode::URI_TOO_LONG, "uri_too_long");

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
