//! One normaliser for HTTP/1.1 and HTTP/2: afterwards every request looks the same.
//!
//! Host and `:authority` become one checked host, absolute-form targets become origin-form, the cookie
//! lines of HTTP/2 are joined (RFC 9113 8.2.3), and limits are kept. What is refused here reaches
//! nothing else.

use std::borrow::Cow;

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use pingora_http::RequestHeader;
use popgate_filters::{Headers, Scheme};

use crate::config::Limits;

/// A refusal: the status to answer with and the rule's name for metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Status.
    pub status: StatusCode,
    /// Short static reason.
    pub reason: &'static str,
}

const BAD_HOST: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "bad_host",
};
const BAD_REQUEST: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "bad_request",
};

const NO_TUNNEL: Refusal = Refusal {
    status: StatusCode::METHOD_NOT_ALLOWED,
    reason: "bad_request",
};

/// What [`drop_nominated`] leaves.
static KEPT_THOUGH_NOMINATED: [HeaderName; 7] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Whom a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authority {
    /// Host and port in normal form: what the origin sees as Host.
    pub text: String,
    /// Lower case, no port, no trailing dot: what sites and purges know.
    pub host: String,
    /// The port that the client named. Origins put it into links and redirects, so it is part of the key.
    pub port: Option<u16>,
}

/// Brings a request into its one shape.
///
/// # Errors
/// The refusal to answer with.
pub fn normalise(request: &mut RequestHeader, limits: &Limits) -> Result<Authority, Refusal> {
    check_size(request, limits)?;
    if request.method == Method::CONNECT {
        return Err(NO_TUNNEL);
    }
    let target = absolute_target(request)?;
    let authority = authority(request, target.as_ref())?;
    check_target(request, target)?;
    drop_nominated(request);
    join_cookies(request)?;
    let host = http::HeaderValue::from_str(&authority.text).map_err(|_| BAD_HOST)?;
    request.insert_header(HOST, host).map_err(|_| BAD_HOST)?;
    // Background revalidation writes this request as HTTP/1.1 bytes and parses them again.
    request.set_version(http::Version::HTTP_11);
    Ok(authority)
}

/// The port that goes without saying.
#[must_use]
pub fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    }
}

/// Takes the scheme's own port out of the host: with and without it a URL is the same (RFC 3986 6.2.3).
pub fn drop_default_port(headers: &mut dyn Headers, authority: &mut Authority, scheme: Scheme) {
    if authority.port == Some(default_port(scheme))
        && let Ok(host) = http::HeaderValue::from_str(&authority.host)
    {
        headers.insert(HOST, host);
        authority.port = None;
        authority.text.clone_from(&authority.host);
    }
}

/// As [`normalise`], for a request that does not come from the engine.
///
/// # Errors
/// The refusal to answer with.
pub fn normalise_parts(parts: Parts, limits: &Limits) -> Result<(Parts, Authority), Refusal> {
    let mut request = RequestHeader::from(parts);
    let authority = normalise(&mut request, limits)?;
    Ok((request.into(), authority))
}

/// Whether the announced body is larger than the site takes.
#[must_use]
pub fn announces_more_than(headers: &HeaderMap, body_max: u64) -> bool {
    headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok())
        .is_some_and(|length| length > body_max)
}

fn check_size(request: &RequestHeader, limits: &Limits) -> Result<(), Refusal> {
    if request.raw_path().len() > limits.uri_bytes {
        return Err(Refusal {
            status: StatusCode::URI_TOO_LONG,
            reason: "uri_too_long",
        });
    }
    let bytes: usize = request
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > limits.header_bytes || request.headers.len() > limits.headers {
        return Err(Refusal {
            status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            reason: "header_too_large",
        });
    }
    Ok(())
}

/// The target of a request in absolute-form (RFC 9112 3.2.2). Pingora keeps it beside a URI that holds
/// only its path.
fn absolute_target(request: &RequestHeader) -> Result<Option<Uri>, Refusal> {
    if request.uri.authority().is_some() {
        return Ok(Some(request.uri.clone()));
    }
    let raw = request.raw_path();
    if raw.starts_with(b"/") || raw == b"*" {
        return Ok(None);
    }
    let uri = Uri::try_from(raw).map_err(|_| BAD_REQUEST)?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(Some(uri)),
        _ => Err(BAD_REQUEST),
    }
}

/// The one host of a request (RFC 9112 3.2, RFC 9113 8.3.1).
fn authority(request: &RequestHeader, absolute: Option<&Uri>) -> Result<Authority, Refusal> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(BAD_HOST);
    }
    let host = match host {
        Some(value) => Some(value.to_str().map_err(|_| BAD_HOST)?),
        None => None,
    };
    let target = absolute
        .and_then(Uri::authority)
        .map(http::uri::Authority::as_str);
    let as_sent = match (host, target) {
        (Some(host), Some(target)) if !host.eq_ignore_ascii_case(target) => return Err(BAD_HOST),
        (_, Some(only)) | (Some(only), None) => only,
        (None, None) => return Err(BAD_HOST),
    };
    let (host, port) = host_and_port(as_sent).ok_or(BAD_HOST)?;
    let host = host.into_owned();
    let text = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    Ok(Authority { text, host, port })
}

/// The host of `host[:port]`, lower case and without a trailing dot; `None` when it is malformed.
#[must_use]
pub fn host_of(text: &str) -> Option<Cow<'_, str>> {
    host_and_port(text).map(|(host, _)| host)
}

/// [`host_of`], and the port where there is one.
#[must_use]
pub fn host_and_port(text: &str) -> Option<(Cow<'_, str>, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inner, after) = rest.split_once(']')?;
        inner.parse::<std::net::Ipv6Addr>().ok()?;
        (&text[..inner.len() + 2], after)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        (&text[..end], &text[end..])
    };
    // An empty port is the scheme's own (RFC 3986 3.2.3).
    let port = match port {
        "" | ":" => None,
        _ => {
            let digits = port.strip_prefix(':')?;
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            Some(digits.parse().ok().filter(|_| plain)?)
        }
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let name_is_valid = name.len() <= 253 && (name.starts_with('[') || is_name(name));
    let lower = || {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        }
    };
    name_is_valid.then(|| (lower(), port))
}

/// Whether these are labels of letters, digits, `-` and `_`, with a dot between each two.
fn is_name(text: &str) -> bool {
    let mut at_label = false;
    text.bytes().all(|byte| match byte {
        b'.' => std::mem::take(&mut at_label),
        b'-' | b'_' => {
            at_label = true;
            true
        }
        _ => {
            at_label = true;
            byte.is_ascii_alphanumeric()
        }
    }) && at_label
}

/// Origin-form with a leading slash, or `*` for OPTIONS; never a fragment.
fn check_target(request: &mut RequestHeader, absolute: Option<Uri>) -> Result<(), Refusal> {
    if request.raw_path().contains(&b'#') {
        return Err(BAD_REQUEST);
    }
    if let Some(absolute) = absolute {
        let path = absolute
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        // `http://a.example?x=1` has an empty path (RFC 9112 3.2.1).
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let uri = path.parse::<Uri>().map_err(|_| BAD_REQUEST)?;
        request.set_uri(uri);
    }
    let path = request.uri.path();
    if path.starts_with('/') || (path == "*" && request.method == Method::OPTIONS) {
        Ok(())
    } else {
        Err(BAD_REQUEST)
    }
}

/// Fields that `Connection` names end at this hop (RFC 9110 7.6.1). They go before anything looks at them:
/// what the origin does not see must not choose a stored variant either. Framing, upgrades and what the
/// engine refuses to see named are left to it.
fn drop_nominated(request: &mut RequestHeader) {
    let named: Vec<HeaderName> = request
        .headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|b| *b == b','))
        .filter_map(|member| HeaderName::from_bytes(member.trim_ascii()).ok())
        .filter(|name| !KEPT_THOUGH_NOMINATED.contains(name))
        .collect();
    for name in named {
        request.remove_header(&name);
    }
}

fn join_cookies(request: &mut RequestHeader) -> Result<(), Refusal> {
    let lines: Vec<&[u8]> = request
        .headers
        .get_all(COOKIE)
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    if lines.len() < 2 {
        return Ok(());
    }
    let joined = http::HeaderValue::from_bytes(&lines.join(&b"; "[..])).map_err(|_| BAD_REQUEST)?;
    request.insert_header(COOKIE, joined).map_err(|_| BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            header_bytes: 1000,
            headers: 10,
            uri_bytes: 100,
            connections: 1,
            h2_streams: 1,
            keepalive_requests: 1,
        }
    }

    fn request(path: &str, headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("GET", path.as_bytes(), None).unwrap();
        for (name, value) in headers {
            request.append_header(*name, *value).unwrap();
        }
        request
    }

    #[test]
    fn rfc9112_3_2_a_missing_host_is_400() {
        assert_eq!(normalise(&mut request("/", &[]), &limits()), Err(BAD_HOST));
    }

    #[test]
    fn rfc9112_3_2_two_hosts_are_400_even_when_equal() {
        let mut twice = request("/", &[("host", "a.example"), ("host", "a.example")]);
        assert_eq!(normalise(&mut twice, &limits()), Err(BAD_HOST));
    }

    #[test]
    fn malformed_hosts_are_400() {
        for host in [
            "", ".", "a..b", "a b", "a/b", "u@a", "a:x", "a:99999", "a:+80", "[::1", "[zz]", "a%00", "-:-",
        ] {
            assert_eq!(host_of(host), None, "{host}");
        }
    }

    #[test]
    fn hosts_lose_port_case_and_trailing_dot() {
        assert_eq!(host_of("Blog.Example.:8080").as_deref(), Some("blog.example"));
        assert_eq!(host_of("[2001:DB8::1]:443").as_deref(), Some("[2001:db8::1]"));
    }

    #[test]
    fn the_origin_sees_the_host_in_normal_form() {
        for (sent, text, port) in [
            ("Blog.Example", "blog.example", None),
            ("blog.example.:08080", "blog.example:8080", Some(8080)),
            ("blog.example:", "blog.example", None),
            ("[::1]:443", "[::1]:443", Some(443)),
        ] {
            let mut request = request("/", &[("host", sent)]);
            let authority = normalise(&mut request, &limits()).unwrap();
            assert_eq!((authority.text.as_str(), authority.port), (text, port));
            assert_eq!(request.headers[HOST], text);
        }
    }

    #[test]
    fn rfc3986_6_2_3_the_scheme_s_own_port_falls_away() {
        for (scheme, sent, seen) in [
            (Scheme::Http, "a:80", "a"),
            (Scheme::Https, "a:443", "a"),
            (Scheme::Http, "a:443", "a:443"),
            (Scheme::Https, "a:80", "a:80"),
        ] {
            let mut request = request("/", &[("host", sent)]);
            let mut authority = normalise(&mut request, &limits()).unwrap();
            drop_default_port(
                &mut crate::proxy::headers::RequestFields(&mut request),
                &mut authority,
                scheme,
            );
            assert_eq!(
                (authority.text.as_str(), &request.headers[HOST]),
                (seen, &http::HeaderValue::from_static(seen))
            );
        }
    }

    #[test]
    fn rfc9110_7_6_1_fields_that_connection_names_are_gone() {
        let mut nominated = request(
            "/",
            &[
                ("host", "a"),
                ("connection", "close, X-One"),
                ("connection", "accept-language,host"),
                ("x-one", "1"),
                ("accept-language", "vi"),
                ("x-two", "2"),
            ],
        );
        normalise(&mut nominated, &limits()).unwrap();
        let left: Vec<&str> = nominated.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["host", "connection", "x-two"]);
    }

    #[test]
    fn rfc9112_3_2_1_an_absolute_target_without_a_path_asks_for_the_root() {
        let mut absolute = RequestHeader::build("GET", b"/", None).unwrap();
        absolute.set_uri("http://a.example?x=1".parse().unwrap());
        normalise(&mut absolute, &limits()).unwrap();
        assert_eq!(absolute.uri.to_string(), "/?x=1");
    }

    #[test]
    fn rfc9112_3_2_2_absolute_form_becomes_origin_form() {
        let mut absolute = RequestHeader::build("GET", b"/", None).unwrap();
        absolute.set_uri("http://a.example/x?y=1".parse().unwrap());
        let authority = normalise(&mut absolute, &limits()).unwrap();
        assert_eq!(authority.host, "a.example");
        assert_eq!(absolute.uri.to_string(), "/x?y=1");
        assert_eq!(absolute.headers[HOST], "a.example");
    }

    #[test]
    fn rfc9112_3_2_2_a_host_that_differs_from_the_target_is_400() {
        let mut absolute = request("/", &[("host", "b.example")]);
        absolute.set_uri("http://a.example/".parse().unwrap());
        assert_eq!(normalise(&mut absolute, &limits()), Err(BAD_HOST));
    }

    #[test]
    fn rfc9113_8_2_3_cookie_lines_are_joined() {
        let mut split = request("/", &[("host", "a"), ("cookie", "a=1"), ("cookie", "b=2")]);
        normalise(&mut split, &limits()).unwrap();
        assert_eq!(split.headers[COOKIE], "a=1; b=2");
        assert_eq!(split.headers.get_all(COOKIE).iter().count(), 1);
    }

    #[test]
    fn limits_have_their_own_statuses() {
        let long = format!("/{}", "x".repeat(200));
        let status = |mut request: RequestHeader| normalise(&mut request, &limits()).unwrap_err().status;
        assert_eq!(status(request(&long, &[("host", "a")])), 414);
        assert_eq!(
            status(request("/", &[("host", "a"), ("x", &"y".repeat(1000))])),
            431
        );
        assert_eq!(status(request("/", &[("x", "y"); 11])), 431);
    }

    #[test]
    fn an_announced_body_over_the_limit_is_known_beforehand() {
        assert!(announces_more_than(
            &request("/", &[("content-length", "11")]).headers,
            10
        ));
        assert!(!announces_more_than(
            &request("/", &[("content-length", "10")]).headers,
            10
        ));
    }
}
