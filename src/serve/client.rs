//! Who asks, from where and by which scheme, as far as connection and headers tell.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use popgate_filters::context::{effective_scheme, inherited_country};
use popgate_filters::{CountryCode, Headers, Scheme};

use crate::visitor::{Visitor, of_request};

/// A request's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The visitor behind the peer.
    pub visitor: Visitor,
    /// The visitor's scheme.
    pub scheme: Scheme,
    /// `CF-IPCountry` of a trusted peer.
    pub inherited_country: Option<CountryCode>,
    /// `X-Forwarded-Host` of a trusted peer.
    pub forwarded_host: Option<String>,
}

/// Request headers that [`client`] reads when the peer is trusted.
pub const READS: [&str; 6] = [
    "cf-connecting-ip",
    "cf-ipcountry",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Reads a client from the other end of the connection, what the connection speaks, and headers as received.
/// The headers of a peer that is not in `trusted` are not looked at.
#[must_use]
pub fn client(peer: IpAddr, connection: Scheme, trusted: &[IpNet], headers: &dyn Headers) -> Client {
    let visitor = of_request(peer, trusted, headers);
    let believed = visitor.peer_trusted;
    let value = |name: &'static str| {
        let name = believed.then(|| HeaderName::from_static(name))?;
        headers.get(&name).map(HeaderValue::as_bytes)
    };
    Client {
        scheme: effective_scheme(connection, believed, value("x-forwarded-proto")),
        inherited_country: inherited_country(believed, value("cf-ipcountry")),
        forwarded_host: value("x-forwarded-host")
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(str::to_owned),
        visitor,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn only_a_trusted_peer_speaks_for_others() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "a.example"),
            ("cf-ipcountry", "VN"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let known = client(peer, Scheme::Http, &["10.0.0.0/8".parse().unwrap()], &headers);
        assert_eq!(known.visitor.ip.to_string(), "192.0.2.1");
        assert_eq!(known.scheme, Scheme::Https);
        assert_eq!(known.forwarded_host.as_deref(), Some("a.example"));
        assert!(known.inherited_country.is_some());
        let unknown = client(peer, Scheme::Http, &[], &headers);
        assert_eq!(unknown, client(peer, Scheme::Http, &[], &HeaderMap::new()));
        assert_eq!((unknown.visitor.ip, unknown.scheme), (peer, Scheme::Http));
    }
}
