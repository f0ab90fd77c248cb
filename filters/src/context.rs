//! What a filter may know about the request it acts on.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{Method, Version};

use crate::geo::{CountryCode, GeoRecord};
use crate::headers::Headers;

/// Facts about one request, settled before the first filter runs.
#[derive(Debug, Clone, Copy)]
pub struct FilterContext<'a> {
    /// The visitor: the peer, or whom a trusted peer speaks for.
    pub ip: IpAddr,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether the peer is one of `trusted_proxies`.
    pub peer_trusted: bool,
    /// Addresses inherited from a trusted peer's `X-Forwarded-For`, left to right, without the peer.
    pub chain: &'a [IpAddr],
    /// Where the visitor is; `None`: no geo source is configured.
    pub geo: Option<&'a GeoRecord>,
    /// `CF-IPCountry` as a trusted peer sent it (see [`inherited_country`]).
    pub inherited_country: Option<CountryCode>,
    /// Scheme the visitor used (see [`effective_scheme`]).
    pub scheme: Scheme,
    /// Host as the visitor asked for it, port included where he gave one.
    pub host: &'a str,
    /// `X-Forwarded-Host` as a trusted peer sent it.
    pub forwarded_host: Option<&'a str>,
    /// Name of the site.
    pub site: &'a str,
    /// Request id: 16 hex digits, `-`, pop.
    pub ray: &'a str,
    /// Name of this point of presence.
    pub pop: &'a str,
    /// Protocol version between client and popgate.
    pub version: Version,
}

impl FilterContext<'_> {
    /// The value of `CF-IPCountry`: a trusted peer's, else the databases', else `XX`; `None` when there is no
    /// geo source at all.
    #[must_use]
    pub fn country(&self) -> Option<CountryCode> {
        self.inherited_country
            .or_else(|| self.geo.map(|geo| geo.country.unwrap_or(CountryCode::UNKNOWN)))
    }
}

/// Scheme of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The visitor's scheme: a trusted peer's `X-Forwarded-Proto` (its first value, the hop next to the visitor)
/// when it is `http` or `https`, else the connection's.
#[must_use]
pub fn effective_scheme(connection: Scheme, peer_trusted: bool, forwarded_proto: Option<&[u8]>) -> Scheme {
    let first = forwarded_proto
        .filter(|_| peer_trusted)
        .and_then(|value| value.split(|byte| *byte == b',').next())
        .map(<[u8]>::trim_ascii);
    match first {
        Some(value) if value.eq_ignore_ascii_case(b"https") => Scheme::Https,
        Some(value) if value.eq_ignore_ascii_case(b"http") => Scheme::Http,
        _ => connection,
    }
}

/// The country a trusted peer sent as `CF-IPCountry`; nobody else is believed, nor is a malformed value.
#[must_use]
pub fn inherited_country(peer_trusted: bool, header: Option<&[u8]>) -> Option<CountryCode> {
    let value = header.filter(|_| peer_trusted)?;
    CountryCode::parse(std::str::from_utf8(value).ok()?.trim())
}

/// The request line and headers as filters see and change them.
pub struct RequestParts<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path as sent, percent-encoding untouched.
    pub path: &'a str,
    /// Query without `?`; owned once a filter rewrote it.
    pub query: Option<Cow<'a, str>>,
    /// Headers of the request.
    pub headers: &'a mut dyn Headers,
}

impl RequestParts<'_> {
    /// Whether a filter replaced the query.
    #[must_use]
    pub fn query_rewritten(&self, original: Option<&str>) -> bool {
        self.query.as_deref() != original
    }

    /// Path and query as they go to the origin.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_peer_says_which_scheme_the_visitor_used() {
        let proto = Some(&b"https, http"[..]);
        assert_eq!(effective_scheme(Scheme::Http, true, proto), Scheme::Https);
        assert_eq!(effective_scheme(Scheme::Http, false, proto), Scheme::Http);
        assert_eq!(effective_scheme(Scheme::Https, true, Some(b"http")), Scheme::Http);
        assert_eq!(
            effective_scheme(Scheme::Https, true, Some(b"gopher")),
            Scheme::Https
        );
        assert_eq!(effective_scheme(Scheme::Http, true, None), Scheme::Http);
    }

    #[test]
    fn a_country_is_inherited_from_trusted_peers_only() {
        assert_eq!(
            inherited_country(true, Some(b"VN")).map(|c| c.to_string()),
            Some("VN".to_owned())
        );
        assert_eq!(inherited_country(false, Some(b"VN")), None);
        assert_eq!(inherited_country(true, Some(b"<script>")), None);
        assert_eq!(inherited_country(true, Some(b"\xff\xfe")), None);
    }
}
