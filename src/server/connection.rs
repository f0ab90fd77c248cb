//! The life of one client connection: PROXY header, TLS, protocol choice, then request after request.

mod h1;
mod h2;
mod patience;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ipnet::IpNet;
use pingora_core::apps::HttpServerApp;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::drain::{InFlight, Lifecycle};
use super::head::HeadLimits;
use super::lane::Lane;
use super::proxy_header::{self, ProxyHeader};
use super::stream::{ClientStream, Transport};
use crate::config::ClientTimeouts;
use crate::server::h2::H2Server;
use crate::server::linger::Lingering;
use crate::telemetry::Metrics;

/// The HTTP/2 client preface (RFC 9113 3.4).
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a listener does with its connections.
#[derive(Clone)]
pub struct Terms {
    /// TLS, when the listener terminates it.
    pub tls: Option<TlsAcceptor>,
    /// Look for the HTTP/2 preface on plain connections.
    pub h2c: bool,
    /// Serves HTTP/2.
    pub h2: Arc<H2Server>,
    /// Expect a PROXY header from `trusted`.
    pub proxy_protocol: bool,
    /// Peers whose PROXY header is believed.
    pub trusted: Arc<[IpNet]>,
    /// Timeouts towards clients.
    pub timeouts: ClientTimeouts,
    /// Limits of a request's head.
    pub limits: HeadLimits,
    /// Requests per connection.
    pub keepalive_requests: u32,
}

/// What all connections share.
pub struct Shared<A> {
    /// Serves parsed requests.
    pub app: Arc<A>,
    /// Phases of the process.
    pub life: Arc<Lifecycle>,
    /// Requests (HTTP/1.1) and connections (HTTP/2) in flight.
    pub in_flight: InFlight,
    /// Connections that are over, but whose client still sends.
    pub lingering: Arc<Lingering>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Answers fresh hits in front of `app`.
    pub lane: Lane,
}

/// Why a connection ended before its first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    ProxyHeader,
    Tls,
}

impl Failed {
    fn as_str(self) -> &'static str {
        match self {
            Self::ProxyHeader => "proxy_header_failed",
            Self::Tls => "tls_failed",
        }
    }
}

/// Serves one connection to its end.
pub async fn serve<A: HttpServerApp + Send + Sync + 'static>(
    tcp: TcpStream,
    peer: SocketAddr,
    terms: Arc<Terms>,
    shared: Arc<Shared<A>>,
) {
    shared.metrics.connections.inc();
    let count = |result| {
        let total = &shared.metrics.connections_total;
        total.with_label_values(&[result]).inc();
    };
    let opening = tokio::time::timeout(terms.timeouts.handshake, open(tcp, peer, &terms)).await;
    match opening {
        Ok(Ok(Some((stream, is_h2)))) => {
            count("accepted");
            if is_h2 {
                h2::serve(stream, &terms, &shared).await;
            } else {
                h1::serve(stream, &terms, &shared).await;
            }
        }
        Ok(Ok(None)) => {}
        Ok(Err(failed)) => count(failed.as_str()),
        Err(_) => debug!(%peer, "connection opened too slowly"),
    }
    shared.metrics.connections.dec();
}

/// PROXY header, TLS handshake and protocol choice. `None`: the client left. True: HTTP/2.
async fn open(
    tcp: TcpStream,
    peer: SocketAddr,
    terms: &Terms,
) -> Result<Option<(ClientStream, bool)>, Failed> {
    let mut tcp = tcp;
    let mut ahead = BytesMut::new();
    let mut client = peer;
    let trusted = terms
        .trusted
        .iter()
        .any(|net| net.contains(&peer.ip().to_canonical()));
    if terms.proxy_protocol && trusted {
        match read_proxy_header(&mut tcp, &mut ahead).await {
            Ok(Some(address)) => client = address,
            Ok(None) => {}
            Err(error) => {
                debug!(%peer, %error, "no proxy header");
                return Err(Failed::ProxyHeader);
            }
        }
    }
    if terms.proxy_protocol && !trusted && starts_with_proxy_header(&tcp).await {
        debug!(%peer, "proxy header from an address that is not trusted");
        return Err(Failed::ProxyHeader);
    }
    if let Some(acceptor) = &terms.tls {
        // Bytes behind the PROXY header are the start of the handshake; reading exactly the header
        // leaves none, see `read_proxy_header`.
        let tls = acceptor.accept(tcp).await.map_err(|error| {
            debug!(%peer, %error, "tls handshake failed");
            Failed::Tls
        })?;
        let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = ClientStream::new(Transport::Tls(Box::new(tls)), client, ahead, h2);
        return Ok(Some((stream, h2)));
    }
    let mut h2 = false;
    if terms.h2c {
        match read_preface(&mut tcp, &mut ahead).await {
            Ok(found) => h2 = found,
            Err(_) => return Ok(None),
        }
    }
    Ok(Some((
        ClientStream::new(Transport::Plain(tcp), client, ahead, h2),
        h2,
    )))
}

/// Reads exactly one PROXY header, not a byte more: peeks first, then takes what it needs.
async fn read_proxy_header(tcp: &mut TcpStream, scratch: &mut BytesMut) -> io::Result<Option<SocketAddr>> {
    let mut seen = 0;
    loop {
        scratch.resize(4096, 0);
        let count = tcp.peek(scratch).await?;
        match proxy_header::parse(&scratch[..count]) {
            ProxyHeader::Complete { length, client } => {
                tcp.read_exact(&mut scratch[..length]).await?;
                scratch.clear();
                return Ok(client);
            }
            ProxyHeader::Partial if count > 0 => {
                // Peeking does not consume: without a pause it would spin until the rest arrives.
                if count == seen {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                seen = count;
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Whether the first bytes look like a PROXY header.
async fn starts_with_proxy_header(tcp: &TcpStream) -> bool {
    let mut first = [0_u8; 256];
    match tcp.peek(&mut first).await {
        Ok(count) => count > 0 && proxy_header::parse(&first[..count]) != ProxyHeader::Invalid,
        Err(_) => false,
    }
}

/// Reads until the HTTP/2 preface is there or cannot come; what was read stays in `ahead`.
async fn read_preface(tcp: &mut TcpStream, ahead: &mut BytesMut) -> io::Result<bool> {
    loop {
        let common = ahead.len().min(H2_PREFACE.len());
        if ahead[..common] != H2_PREFACE[..common] {
            return Ok(false);
        }
        if common == H2_PREFACE.len() {
            return Ok(true);
        }
        if tcp.read_buf(ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
