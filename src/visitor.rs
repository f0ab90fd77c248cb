//! Whose request it is: the peer, or the visitor whom a trusted peer speaks for.
//!
//! From an untrusted peer nothing is believed. Behind trusted proxies the visitor is the right-most address
//! of `X-Forwarded-For` that is not itself trusted: everything left of it was written by someone who is
//! not trusted. Without an `X-Forwarded-For` a trusted peer's `CF-Connecting-IP`, then its `X-Real-IP`, counts.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use popgate_filters::Headers;

/// Entries of `X-Forwarded-For` that are looked at, from the right; what is left of them does not count.
pub const ENTRIES_MAX: usize = 64;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The visitor's address; IPv4-mapped IPv6 is IPv4.
    pub ip: IpAddr,
    /// Whether the peer is one of `trusted_proxies`.
    pub peer_trusted: bool,
    /// Addresses a trusted peer passed on, left to right, the peer not among them: the unbroken run of good
    /// addresses at the right end of `X-Forwarded-For`, at most [`ENTRIES_MAX`]. Empty for an untrusted peer.
    pub chain: Vec<IpAddr>,
}

/// Header values that may name the visitor, as received.
#[derive(Debug, Clone, Default)]
pub struct Claims<'a> {
    /// All `X-Forwarded-For` lines, in order.
    pub forwarded_for: Vec<&'a [u8]>,
    /// `CF-Connecting-IP`.
    pub connecting_ip: Option<&'a [u8]>,
    /// `X-Real-IP`.
    pub real_ip: Option<&'a [u8]>,
}

/// Finds the visitor of a request with these headers.
#[must_use]
pub fn of_request(peer: IpAddr, trusted: &[IpNet], headers: &dyn Headers) -> Visitor {
    if !is_trusted(peer, trusted) {
        return visitor(peer, trusted, &Claims::default());
    }
    let bytes = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let claims = Claims {
        forwarded_for: headers
            .get_all(&HeaderName::from_static("x-forwarded-for"))
            .into_iter()
            .map(HeaderValue::as_bytes)
            .collect(),
        connecting_ip: bytes(&HeaderName::from_static("cf-connecting-ip")),
        real_ip: bytes(&HeaderName::from_static("x-real-ip")),
    };
    visitor(peer, trusted, &claims)
}

/// Finds the visitor. `trusted` are the networks of `trusted_proxies`.
#[must_use]
pub fn visitor(peer: IpAddr, trusted: &[IpNet], claims: &Claims<'_>) -> Visitor {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return Visitor {
            ip: peer,
            peer_trusted: false,
            chain: Vec::new(),
        };
    }
    let chain = match claims.forwarded_for.as_slice() {
        [] => single(claims).into_iter().collect(),
        lines => good_run(lines),
    };
    let ip = chain
        .iter()
        .rev()
        .find(|address| !is_trusted(**address, trusted))
        .or(chain.first())
        .copied()
        .unwrap_or(peer);
    Visitor {
        ip,
        peer_trusted: true,
        chain,
    }
}

/// Whether `address` lies in one of `trusted`. An IPv4-mapped IPv6 address counts as IPv4.
#[must_use]
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// The one address a peer names when it keeps no chain.
fn single(claims: &Claims<'_>) -> Option<IpAddr> {
    claims
        .connecting_ip
        .and_then(address)
        .or_else(|| claims.real_ip.and_then(address))
}

/// The good addresses at the right end of all lines joined, left to right.
fn good_run(lines: &[&[u8]]) -> Vec<IpAddr> {
    let entries = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(|byte| *byte == b','));
    let mut run = Vec::new();
    for entry in entries.take(ENTRIES_MAX) {
        match address(entry) {
            Some(good) => run.push(good),
            None if entry.trim_ascii().is_empty() => {}
            None => break,
        }
    }
    run.reverse();
    run
}

/// Reads an address as proxies write it: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:443`, each with spaces or double quotes around. IPv4-mapped IPv6 becomes IPv4.
#[must_use]
pub fn address(text: &[u8]) -> Option<IpAddr> {
    // The longest form, with a scope and a port, is below 80 bytes.
    let text = std::str::from_utf8(text.trim_ascii())
        .ok()
        .filter(|text| text.len() <= 80)?;
    let text = text
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
        .unwrap_or(text);
    let bare = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .filter(|inner| inner.contains(':'))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| scoped(bare, text))
        .map(|ip| ip.to_canonical())
}

/// A link-local address with its zone (`fe80::1%2`), which only the socket form of std reads; the zone is the
/// sender's affair and falls away.
fn scoped(bare: &str, text: &str) -> Option<IpAddr> {
    if !text.contains('%') {
        return None;
    }
    let socket = match text.starts_with('[') && !text.ends_with(']') {
        true => text.to_owned(),
        false => format!("[{bare}]:0"),
    };
    socket
        .parse::<SocketAddrV6>()
        .ok()
        .map(|socket| IpAddr::V6(*socket.ip()))
}

#[cfg(test)]
mod tests;
