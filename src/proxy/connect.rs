//! Origin connections as Pingora opens and pools them, counted by the origin's own books.
//!
//! Pingora asks for a new connection only when its pool has no idle one; the origin then gives a warm
//! one or opens one under its cap. The tracer tells the origin when that connection is gone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::VirtualSocketStream;
use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::{ALPN, HttpPeer, Tracer, Tracing};
use pingora_core::utils::tls::{WrappedX509, parse_x509};
use pingora_core::{Error, ErrorType, Result};

use super::patient::Patient;
use crate::cache::KeyHash;
use crate::config;
use crate::origin::{
    Address, ConnectError, ConnectionGuard, Connector, Lease, STREAMS_PER_CONNECTION, Socket,
};

/// CA certificates in Pingora's form.
pub type Roots = Arc<CaType>;

/// A connection to one origin server: how it is opened, and its place under the cap while it is open.
#[derive(Debug, Clone)]
struct Counted {
    connector: Connector,
    timeout: Duration,
    upgrade: bool,
    place: Arc<Mutex<Option<ConnectionGuard>>>,
}

#[async_trait]
impl Connect for Counted {
    async fn connect(&self, _address: &SocketAddr) -> Result<Stream> {
        match self.connector.connect(self.timeout).await {
            Ok(connection) => {
                // The tracer, which Pingora attaches at once, keeps the place until the connection is gone.
                *self.place.lock() = Some(connection.guard);
                Ok(match connection.socket {
                    socket if self.upgrade => {
                        Stream::from(VirtualSocketStream::new(Box::new(Patient::new(socket))))
                    }
                    Socket::Tcp(tcp) => Stream::from(tcp),
                    Socket::Unix(unix) => Stream::from(unix),
                })
            }
            Err(error @ ConnectError::Timeout) => {
                Error::e_because(ErrorType::ConnectTimedout, "connecting to the origin", error)
            }
            Err(error) => Error::e_because(ErrorType::ConnectError, "connecting to the origin", error),
        }
    }
}

impl Tracing for Counted {
    fn on_connected(&self) {}

    fn on_disconnected(&self) {
        drop(self.place.lock().take());
    }

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(self.clone())
    }
}

/// How a request wants its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Host the request is for; SNI when the origin has none of its own.
    pub host: &'a str,
    /// An upgrade (WebSocket): HTTP/1.1 only, long silence allowed.
    pub upgrade: Option<Duration>,
    /// How long the origin may be silent at least: the site's preset knows the request to be slow.
    pub patience: Option<Duration>,
}

/// The peer for a leased server.
///
/// # Errors
/// When a Unix socket's path cannot be used.
pub fn peer(
    lease: &Lease,
    origin: &config::Origin,
    roots: Option<&Roots>,
    wanted: Wanted<'_>,
) -> Result<HttpPeer> {
    let sni = origin.tls.as_ref().map(|tls| {
        let host = wanted.host.trim_start_matches('[').trim_end_matches(']');
        tls.sni.clone().unwrap_or_else(|| host.to_owned())
    });
    let mut peer = match lease.address() {
        Address::Tcp(address) => HttpPeer::new(address, sni.is_some(), sni.unwrap_or_default()),
        Address::Unix(path) => {
            HttpPeer::new_uds(&path.to_string_lossy(), sni.is_some(), sni.unwrap_or_default())?
        }
    };
    let timeouts = &origin.timeouts;
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect.saturating_mul(2));
    options.read_timeout = Some(
        wanted
            .upgrade
            .unwrap_or(timeouts.first_byte.max(wanted.patience.unwrap_or_default())),
    );
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.idle);
    let http2 = origin.http2 && wanted.upgrade.is_none();
    if http2 {
        options.max_h2_streams = STREAMS_PER_CONNECTION;
        if origin.tls.is_some() {
            options.alpn = ALPN::H2H1;
        } else {
            options.set_http_version(2, 2);
        }
    }
    if let Some(tls) = &origin.tls {
        options.verify_cert = tls.verify;
        options.verify_hostname = tls.verify;
        options.ca = roots.cloned();
    }
    let counted = Counted {
        connector: lease.connector().clone(),
        timeout: timeouts.connect,
        upgrade: wanted.upgrade.is_some(),
        place: Arc::default(),
    };
    options.tracer = Some(Tracer(Box::new(counted.clone())));
    options.custom_l4 = Some(Arc::new(counted));
    // What Pingora's own pool key leaves out: whose connection it is, its CA and its protocol.
    peer.group_key = group_key(origin, http2, wanted.upgrade.is_some());
    Ok(peer)
}

#[expect(clippy::cast_possible_truncation, reason = "any 64 bits of the hash do")]
fn group_key(origin: &config::Origin, http2: bool, upgrade: bool) -> u64 {
    let ca = origin.tls.as_ref().and_then(|tls| tls.ca.as_ref());
    let ca = ca.map(|path| path.to_string_lossy()).unwrap_or_default();
    KeyHash::of(&[
        origin.name.as_bytes(),
        ca.as_bytes(),
        &[u8::from(http2), u8::from(upgrade)],
    ])
    .0 as u64
}

/// Brings CA certificates (DER) into Pingora's form; `None` when one of them cannot be parsed.
#[must_use]
pub fn roots<C: AsRef<[u8]>>(certificates: &[C]) -> Option<Roots> {
    // Pingora's parser panics on what it cannot read; a bad file must not end the process.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        certificates
            .iter()
            .map(|der| WrappedX509::new(der.as_ref().to_vec(), parse_x509))
            .collect::<Vec<_>>()
            .into()
    }))
    .ok()
}
