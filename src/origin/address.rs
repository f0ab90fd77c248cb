//! What a server is called and where it listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// TCP, already resolved.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Identity of a server for the life of the process; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(u64);

impl ServerId {
    /// The next identity.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A server as the configuration and the resolver describe it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Name in metrics and logs: `10.0.0.1:80`, `unix:/path`, or `web.internal:80/10.0.0.1` when resolved.
    pub name: String,
    /// Where it listens.
    pub address: Address,
}

/// One live server of an origin.
#[derive(Debug)]
pub struct Server {
    /// Its identity.
    pub id: ServerId,
    /// Its name and address.
    pub target: Target,
    /// Hash of the name, for consistent hashing.
    pub(super) seed: u64,
}

impl Server {
    /// A new server with a fresh identity.
    pub(super) fn new(target: Target) -> Self {
        Self {
            id: ServerId::next(),
            seed: super::balance::seed(&target.name),
            target,
        }
    }
}
