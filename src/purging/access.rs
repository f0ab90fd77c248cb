//! Who may purge a site.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, header};

use crate::admin::token::same;
use crate::config::SitePurge;
use crate::visitor::is_trusted;

/// Fields that carry a token as they are; `Authorization` carries it behind `Bearer`.
const TOKEN_FIELDS: [&str; 5] = [
    "fastly-key",
    "x-purge-key",
    "x-vc-purge-key",
    "x-control-key",
    "x-auth-key",
];

/// Whether the sender may purge: by its address, or because it carries a token. The peer and whom it speaks
/// for must both be allowed: an address in a header is no permission, and a proxy in front is no excuse.
#[must_use]
pub fn may_purge(site: &SitePurge, peer: IpAddr, visitor: IpAddr, headers: &HeaderMap) -> bool {
    let by_address = is_trusted(peer, &site.from) && is_trusted(visitor, &site.from);
    by_address || has_token(site, headers)
}

/// Whether the request carries one of the site's tokens.
#[must_use]
pub fn has_token(site: &SitePurge, headers: &HeaderMap) -> bool {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked(7))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "))
        .map(|(_, token)| token);
    let fields = TOKEN_FIELDS
        .iter()
        .filter_map(|name| headers.get(*name).map(HeaderValue::as_bytes));
    bearer
        .into_iter()
        .chain(fields)
        .any(|given| site.tokens.0.iter().any(|token| same(given, token.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PurgeProtocol, Tokens};

    fn site() -> SitePurge {
        SitePurge {
            from: vec!["10.0.0.0/8".parse().unwrap()],
            token_file: None,
            tokens: Tokens(vec!["0123456789abcdef".into(), "another-long-token".into()]),
            protocols: vec![PurgeProtocol::Purge],
            api_hosts: Vec::new(),
            hard: false,
        }
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn peer_and_visitor_must_both_be_allowed() {
        let may = |peer: &str, visitor: &str| {
            may_purge(
                &site(),
                peer.parse().unwrap(),
                visitor.parse().unwrap(),
                &HeaderMap::new(),
            )
        };
        assert!(may("10.1.1.1", "10.1.1.1"));
        assert!(
            !may("10.1.1.1", "203.0.113.9"),
            "a visitor behind an allowed proxy"
        );
        assert!(!may("203.0.113.9", "10.1.1.1"), "an address in a header");
    }

    #[test]
    fn a_whole_token_in_any_known_field_is_enough() {
        for (name, value) in [
            ("authorization", "Bearer 0123456789abcdef"),
            ("fastly-key", "another-long-token"),
            ("x-auth-key", "0123456789abcdef"),
            ("x-vc-purge-key", "0123456789abcdef"),
        ] {
            assert!(has_token(&site(), &headers(name, value)), "{name}");
        }
        for (name, value) in [
            ("authorization", "0123456789abcdef"),
            ("authorization", "Bearer 0123456789abcde"),
            ("fastly-key", ""),
            ("cookie", "0123456789abcdef"),
        ] {
            assert!(!has_token(&site(), &headers(name, value)), "{name}: {value}");
        }
        let none = SitePurge {
            tokens: Tokens::default(),
            ..site()
        };
        assert!(!has_token(&none, &headers("fastly-key", "")));
    }
}
