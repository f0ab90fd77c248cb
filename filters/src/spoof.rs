//! Header names a client may not send: popgate says them to the origin itself, or they change what the
//! origin does behind the cache's back.

use http::HeaderName;

use crate::headers::Headers;

/// Whole families, in lower case.
const PREFIXES: &[&str] = &["cf-", "x-forwarded-", "x-lscache", "x-accel-", "esi-"];

/// Single names, in lower case.
const NAMES: &[&str] = &[
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "proxy",
    "surrogate-capability",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// Whether a header is dropped when an untrusted client sends it.
///
/// CGI maps every character that is not a letter or digit to `_`, so `CF_Connecting_IP` and
/// `CF.Connecting.IP` reach PHP as the variable of `CF-Connecting-IP`: they count as that name.
#[must_use]
pub fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    NAMES.iter().any(|reserved| same(name, reserved.as_bytes()))
        || PREFIXES
            .iter()
            .any(|prefix| name.len() >= prefix.len() && same(&name[..prefix.len()], prefix.as_bytes()))
}

/// Whether a header is dropped from everybody: `Proxy` would set `HTTP_PROXY` for CGI programs.
#[must_use]
pub fn is_forbidden(name: &HeaderName) -> bool {
    same(name.as_str().as_bytes(), b"proxy")
}

/// Drops every reserved header: for requests of untrusted clients.
pub fn strip(headers: &mut dyn Headers) {
    strip_except(headers, &[]);
}

/// Drops every reserved header but those in `keep`.
pub fn strip_except(headers: &mut dyn Headers, keep: &[HeaderName]) {
    for name in headers.names() {
        if is_reserved(&name) && !keep.contains(&name) {
            headers.remove(&name);
        }
    }
}

/// Drops what is dropped from everybody: for requests of trusted proxies. Spellings of a reserved name that
/// only CGI takes for it go too, because the proxy in front did not mean them.
pub fn strip_trusted(headers: &mut dyn Headers) {
    for name in headers.names() {
        let odd_spelling = !name
            .as_str()
            .bytes()
            .all(|b| b == b'-' || b.is_ascii_alphanumeric());
        if is_forbidden(&name) || (odd_spelling && is_reserved(&name)) {
            headers.remove(&name);
        }
    }
}

/// Equality that takes every separator for `-`; `name` is lower case already.
fn same(name: &[u8], reserved: &[u8]) -> bool {
    name.len() == reserved.len()
        && name.iter().zip(reserved).all(|(have, want)| {
            let have = if have.is_ascii_alphanumeric() { *have } else { b'-' };
            have == *want
        })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn name(text: &str) -> HeaderName {
        HeaderName::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_name_of_the_contract_is_reserved() {
        for reserved in [
            "CF-Connecting-IP",
            "CF-IPCountry",
            "CF-Ray",
            "CF-Visitor",
            "CF-Anything-New",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "X-Forwarded-Port",
            "X-Real-IP",
            "True-Client-IP",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "Forwarded",
            "Proxy",
        ] {
            assert!(is_reserved(&name(reserved)), "{reserved}");
        }
    }

    #[test]
    fn spellings_that_cgi_takes_for_a_reserved_name_are_reserved() {
        for alias in [
            "CF_Connecting_IP",
            "X_Forwarded_For",
            "x.real.ip",
            "cf_ipcountry",
            "True_Client-IP",
        ] {
            assert!(is_reserved(&name(alias)), "{alias}");
        }
    }

    #[test]
    fn ordinary_headers_pass() {
        for ordinary in [
            "Via",
            "Host",
            "Cookie",
            "CDN-Loop",
            "X-WP-Nonce",
            "Proxy-Authorization",
            "cf",
            "x-forwarded",
        ] {
            assert!(!is_reserved(&name(ordinary)), "{ordinary}");
        }
    }

    #[test]
    fn an_untrusted_client_keeps_none_of_them() {
        let mut headers = HeaderMap::new();
        for text in ["cf-ipcountry", "x_forwarded_for", "proxy", "via", "accept"] {
            headers.append(name(text), HeaderValue::from_static("1"));
            headers.append(name(text), HeaderValue::from_static("2"));
        }
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "via"]);
    }

    #[test]
    fn a_trusted_proxy_keeps_all_but_proxy_and_odd_spellings() {
        let mut headers = HeaderMap::new();
        for text in ["cf-ipcountry", "x_forwarded_for", "proxy", "x-original-url"] {
            headers.append(name(text), HeaderValue::from_static("1"));
        }
        strip_trusted(&mut headers);
        assert!(headers.contains_key("cf-ipcountry") && headers.contains_key("x-original-url"));
        assert!(!headers.contains_key("proxy") && !headers.contains_key("x_forwarded_for"));
    }
}
