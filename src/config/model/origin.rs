//! Origins: servers, how they are picked, watched and connected to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// An origin: servers that give the same answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Its name in the file.
    pub name: String,
    /// At least one.
    pub servers: Vec<Server>,
    /// How a server is picked.
    pub balance: Balance,
    /// Hard cap on connections over all servers; default 64.
    pub connections_max: usize,
    /// Requests that may wait for a connection; default 1024.
    pub queue_max: usize,
    /// Longest such wait; default 10 s.
    pub queue_timeout: Duration,
    /// Warm connections kept ready per server; default 1, 0 = none.
    pub idle_min: usize,
    /// Timeouts.
    pub timeouts: OriginTimeouts,
    /// Active health checks.
    pub health: Option<Health>,
    /// Passive ejection.
    pub eject: Eject,
    /// TLS to the servers.
    pub tls: Option<OriginTls>,
    /// Speak HTTP/2 to it: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// Retries after the first try, 0..=2; default 1.
    pub retries: usize,
    /// How often names are resolved again; default 30 s.
    pub resolve_interval: Duration,
    /// Host sent to the origin; default the visitor's.
    pub host: Option<String>,
    /// Most header bytes accepted in an answer; default 64 KiB.
    pub header_bytes_max: usize,
}

/// One `servers` entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Server {
    /// `10.0.0.1:80`.
    Address(SocketAddr),
    /// `web.internal:8080`, resolved again and again.
    Name(String, u16),
    /// `unix:/run/php/web.sock`.
    Unix(PathBuf),
}

/// Balancing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// In turn.
    RoundRobin,
    /// The server with the fewest requests in flight.
    LeastConnections,
    /// By cache key: the same URL goes to the same server while that one is healthy.
    ConsistentHash,
}

/// Timeouts towards an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginTimeouts {
    /// TCP and TLS; default 2 s.
    pub connect: Duration,
    /// Until the first byte of the answer, and between two reads of it; default 30 s.
    pub first_byte: Duration,
    /// A write that makes no progress; default 30 s.
    pub write: Duration,
    /// An idle pooled connection; default 60 s.
    pub idle: Duration,
}

/// Active health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Path asked with GET.
    pub path: String,
    /// Host header; default the origin's `host`, else the first exact host of its first site.
    pub host: Option<String>,
    /// Between checks; default 5 s.
    pub interval: Duration,
    /// For one check; default 2 s.
    pub timeout: Duration,
    /// Good checks until healthy again; default 2.
    pub healthy_after: u32,
    /// Bad checks until unhealthy; default 3.
    pub unhealthy_after: u32,
    /// Statuses that count as good; default 200..=399.
    pub statuses: std::ops::RangeInclusive<u16>,
}

/// Passive ejection: consecutive failures put a server aside for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eject {
    /// Consecutive failures; default 5, 0 = never.
    pub failures: u32,
    /// First ejection; doubles up to `time_max`. Default 1 s.
    pub time: Duration,
    /// Longest ejection; default 30 s.
    pub time_max: Duration,
}

/// TLS to an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginTls {
    /// Name sent and verified; default the request's host.
    pub sni: Option<String>,
    /// Own CA file; default the public roots.
    pub ca: Option<PathBuf>,
    /// Verify the certificate; false warns at start.
    pub verify: bool,
}
