//! PROXY protocol v1 and v2 in front of a connection: who the client is, as told by a trusted balancer.

use std::net::SocketAddr;

use ppp::{HeaderResult, PartialResult as _, v1, v2};

/// Longest header looked at: v2's 16 bytes and its TLVs.
const LENGTH_MAX: usize = 4096;

/// What the first bytes of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyHeader {
    /// More bytes are needed.
    Partial,
    /// The header takes `length` bytes; the client's address unless it says LOCAL or UNKNOWN.
    Complete {
        /// Bytes to drop.
        length: usize,
        /// Source address.
        client: Option<SocketAddr>,
    },
    /// Not a PROXY header.
    Invalid,
}

/// Reads a PROXY header.
#[must_use]
pub fn parse(bytes: &[u8]) -> ProxyHeader {
    let result = HeaderResult::parse(bytes);
    if result.is_incomplete() {
        return if bytes.len() < LENGTH_MAX {
            ProxyHeader::Partial
        } else {
            ProxyHeader::Invalid
        };
    }
    match result {
        HeaderResult::V1(Ok(header)) => ProxyHeader::Complete {
            length: header.header.len(),
            client: match header.addresses {
                v1::Addresses::Tcp4(a) => Some((a.source_address, a.source_port).into()),
                v1::Addresses::Tcp6(a) => Some((a.source_address, a.source_port).into()),
                v1::Addresses::Unknown => None,
            },
        },
        HeaderResult::V2(Ok(header)) => ProxyHeader::Complete {
            length: header.len(),
            client: match (header.command, header.addresses) {
                (v2::Command::Local, _) => None,
                (_, v2::Addresses::IPv4(a)) => Some((a.source_address, a.source_port).into()),
                (_, v2::Addresses::IPv6(a)) => Some((a.source_address, a.source_port).into()),
                _ => None,
            },
        },
        _ => ProxyHeader::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_names_the_client() {
        let text = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\nGET /";
        assert_eq!(
            parse(text),
            ProxyHeader::Complete {
                length: 42,
                client: Some("192.0.2.1:40000".parse().unwrap())
            }
        );
    }

    #[test]
    fn version_2_names_the_client() {
        let header = v2::Builder::with_addresses(
            v2::Version::Two | v2::Command::Proxy,
            v2::Protocol::Stream,
            (
                "[2001:db8::1]:5".parse::<SocketAddr>().unwrap(),
                "[2001:db8::2]:6".parse::<SocketAddr>().unwrap(),
            ),
        )
        .build()
        .unwrap();
        assert_eq!(
            parse(&header),
            ProxyHeader::Complete {
                length: header.len(),
                client: Some("[2001:db8::1]:5".parse().unwrap())
            }
        );
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]), ProxyHeader::Partial, "{cut}");
        }
    }

    #[test]
    fn unknown_and_local_name_nobody() {
        assert_eq!(
            parse(b"PROXY UNKNOWN\r\n"),
            ProxyHeader::Complete {
                length: 15,
                client: None
            }
        );
    }

    #[test]
    fn an_http_request_is_not_a_proxy_header() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ProxyHeader::Invalid);
    }
}
