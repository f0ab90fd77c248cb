//! Fields that never enter the store (RFC 9111 3.1, RFC 9110 7.6.1).

use std::time::SystemTime;

use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, EXPIRES,
    LAST_MODIFIED, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName};

use super::freshness::Policy;
use super::{date, list, targeted};

/// Fields that concern one connection, whether `Connection` names them or not.
static HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// End-to-end fields that `Connection` cannot take away: without them a private answer would look
/// shareable, or a body would change its meaning.
static PROTECTED: [HeaderName; 15] = [
    AGE,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DATE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    LOCATION,
    SET_COOKIE,
    VARY,
    targeted::CDN_CACHE_CONTROL,
    targeted::POPGATE_CDN_CACHE_CONTROL,
    targeted::SURROGATE_CONTROL,
];

/// Removes hop-by-hop fields and those that `Connection` names. For answers on their way to a client or
/// into the store; not for 101.
pub fn strip(headers: &mut HeaderMap) {
    let mut named = Vec::new();
    list::each(headers, &CONNECTION, |member| {
        if let Ok(name) = HeaderName::from_bytes(member)
            && !PROTECTED.contains(&name)
        {
            named.push(name);
        }
    });
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// The header to store for an answer that arrived at `received_at`: end-to-end fields only, without those
/// that `no-cache="…"` and `private="…"` name (RFC 9111 5.2.2.4, 5.2.2.7), without our own `Cache-Status`
/// member, and with a `Date` (RFC 9110 6.6.1).
#[must_use]
pub fn stored_headers(headers: &HeaderMap, received_at: SystemTime) -> HeaderMap {
    let mut stored = headers.clone();
    strip(&mut stored);
    let directives = Policy::of(headers, false).directives;
    for name in directives
        .no_cache
        .fields()
        .iter()
        .chain(directives.private.fields())
    {
        stored.remove(name);
    }
    crate::cache::status::remove_own(&mut stored);
    stored.entry(DATE).or_insert_with(|| date::format(received_at));
    stored
}

/// Removes fields that speak to popgate and to no client.
pub fn strip_private(headers: &mut HeaderMap) {
    headers.remove(targeted::POPGATE_CDN_CACHE_CONTROL);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::testing::{at, headers};

    #[test]
    fn rfc9111_3_1_hop_by_hop_and_nominated_fields_are_not_stored() {
        let stored = stored_headers(
            &headers(&[
                ("connection", "close, X-Hop"),
                ("connection", "x-other"),
                ("keep-alive", "timeout=5"),
                ("transfer-encoding", "chunked"),
                ("proxy-authenticate", "Basic"),
                ("x-hop", "1"),
                ("x-other", "1"),
                ("x-end", "1"),
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ]),
            at(0),
        );
        let mut names: Vec<_> = stored.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["date", "x-end"]);
    }

    #[test]
    fn connection_cannot_take_away_what_makes_an_answer_private() {
        let mut stripped = headers(&[
            ("connection", "cache-control, set-cookie"),
            ("cache-control", "private"),
            ("set-cookie", "a=b"),
        ]);
        strip(&mut stripped);
        assert!(stripped.contains_key("cache-control") && stripped.contains_key("set-cookie"));
    }

    #[test]
    fn rfc9111_5_2_2_4_fields_named_by_no_cache_are_not_stored() {
        let stored = stored_headers(
            &headers(&[
                (
                    "cache-control",
                    r#"max-age=60, no-cache="x-a, x-b", private="x-c""#,
                ),
                ("x-a", "1"),
                ("x-b", "1"),
                ("x-c", "1"),
                ("x-d", "1"),
            ]),
            at(0),
        );
        assert!(!stored.contains_key("x-a") && !stored.contains_key("x-b") && !stored.contains_key("x-c"));
        assert!(stored.contains_key("x-d"));
    }

    #[test]
    fn rfc9110_6_6_1_a_stored_answer_has_a_date() {
        let stored = stored_headers(&headers(&[]), at(784_111_777));
        assert_eq!(stored["date"], "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
