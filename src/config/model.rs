//! The validated configuration: types that cannot hold a wrong value.
//!
//! `config::load` turns YAML into these; everything else in the house reads only these. Units: every
//! `Duration` is positive unless its comment allows zero, every size is in bytes. What refers to
//! something by name (a site to its origin) has been checked to exist.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::diagnostic::Diagnostic;

pub mod origin;
pub mod purge;
pub mod wordpress;

pub use origin::*;
pub use popgate_hyperdrive::config::Database;
pub use purge::*;
pub use wordpress::*;

/// The whole of one configuration file, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from; relative paths in it are relative to this file's folder.
    pub source: PathBuf,
    /// Name of this point of presence: `CF-Ray`'s suffix. ASCII letters, digits, `-`, `_`; at most 32.
    pub pop: String,
    /// Sockets to listen on; at least one.
    pub listen: Vec<Listen>,
    /// The admin listener.
    pub admin: Admin,
    /// Peers whose `X-Forwarded-For` and PROXY header are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where a visitor is.
    pub geo: Geo,
    /// The tiered HTTP cache.
    pub cache: Cache,
    /// The key-value store behind native endpoints.
    pub kv: Kv,
    /// Origins by name.
    pub origins: BTreeMap<String, Arc<Origin>>,
    /// Sites in file order; no two share a host pattern and path prefix.
    pub sites: Vec<Arc<Site>>,
    /// Database pools by name; no two share a socket with each other or with a listener.
    pub databases: BTreeMap<String, Arc<Database>>,
    /// What one request may cost.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: ClientTimeouts,
    /// How a stop goes.
    pub shutdown: Shutdown,
    /// Access log and traces.
    pub log: Log,
    /// Fresh hits in memory are answered in front of the engine where a request is ordinary; default true.
    pub lane: bool,
    /// Worker threads; 0 = one per core.
    pub threads: usize,
    /// Accepted, but worth a word at start (`insecure_…`, odd combinations).
    pub warnings: Vec<Diagnostic>,
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Address to bind.
    pub address: SocketAddr,
    /// TLS, when this listener terminates it.
    pub tls: Option<ListenTls>,
    /// HTTP/2 without TLS by prior knowledge (the preface is looked for on each new connection).
    pub h2c: bool,
    /// A PROXY protocol v1/v2 header is required from `trusted_proxies` and refused from others, who may
    /// connect without one.
    pub proxy_protocol: bool,
}

/// Certificates of a listener. SNI picks: exact name, then wildcard, then the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenTls {
    /// At least one.
    pub certificates: Vec<CertificateFiles>,
    /// Offer HTTP/2 by ALPN; default true.
    pub h2: bool,
}

/// PEM files of one certificate chain and its key; both were readable when checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Chain, leaf first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Shortest admin token, in bytes: shorter ones can be guessed.
pub const ADMIN_TOKEN_BYTES_MIN: usize = 16;

/// The admin listener: metrics, health, purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Loopback unless `token_file` is given. `None`: no admin listener (`admin: off`).
    pub address: Option<SocketAddr>,
    /// File with the bearer token asked of `POST`s (and of everything off loopback).
    pub token_file: Option<PathBuf>,
}

/// Geo sources; none at all means no `CF-IPCountry`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Geo {
    /// mmdb files, asked in order; the first that knows a field wins.
    pub databases: Vec<PathBuf>,
    /// Static table; wins over the databases. Longest prefix first.
    pub networks: Vec<(IpNet, GeoNetwork)>,
    /// How often database files are looked at for replacement; default 10 s.
    pub reload_interval: Duration,
}

/// One row of `geo.networks`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeoNetwork {
    /// ISO 3166-1 alpha-2, upper case, or `XX`/`T1`.
    pub country: Option<String>,
    /// City name.
    pub city: Option<String>,
    /// Two-letter continent.
    pub continent: Option<String>,
    /// Degrees, -90..=90.
    pub latitude: Option<f64>,
    /// Degrees, -180..=180.
    pub longitude: Option<f64>,
    /// Region name.
    pub region: Option<String>,
    /// ISO 3166-2 code without the country.
    pub region_code: Option<String>,
    /// Metro (DMA) code.
    pub metro_code: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Autonomous system number.
    pub asn: Option<u32>,
}

/// The HTTP cache of this PoP.
#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    /// Bytes of the memory tier, keys and headers counted; default 256 MiB.
    pub memory: u64,
    /// The second tier.
    pub redis: Option<RedisCache>,
    /// Largest body that is stored; default 32 MiB.
    pub object_max: u64,
    /// Longest wait for other requests' fetches of the same key; default 60 s.
    pub lock_wait: Duration,
    /// Time from the head of an answer after which its fill no longer holds others back; default 5 s.
    pub lock_age: Duration,
    /// Most of those who waited for a fetch that failed to try again at once; default 8.
    pub lock_retries: usize,
    /// How long a key that turned out uncacheable passes without a lock; default 10 s.
    pub uncacheable_memory: Duration,
    /// Most purge records kept in memory before they are folded into wider ones; default 10 000.
    pub purges_max: usize,
    /// File that keeps purges over a restart; `None`: none does.
    pub purge_log: Option<PathBuf>,
}

/// The Redis tier: best effort, behind a timeout and a breaker.
#[derive(Debug, Clone, PartialEq)]
pub struct RedisCache {
    /// The servers.
    pub target: RedisTarget,
    /// Longest wait for one command; default 50 ms.
    pub timeout: Duration,
    /// Writes waiting for Redis; the next is dropped and counted. Default 1024.
    pub queue_max: usize,
    /// Bytes of bodies those may hold together; default 64 MiB.
    pub queue_bytes: u64,
    /// Largest entry written to Redis; default 1 MiB.
    pub object_max: u64,
    /// Longest TTL given to an entry; default 7 days.
    pub ttl_max: Duration,
    /// Prefix of every key of the cache; default `popgate:`.
    pub prefix: String,
    /// How long purges may be out of reach before what was fetched earlier is checked with the origin first;
    /// default 30 s.
    pub blind_max: Duration,
}

impl std::fmt::Debug for RedisLogin {
    /// Everything but the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLogin")
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("db", &self.db)
            .field("tls", &self.tls)
            .field("ca", &self.ca)
            .field("insecure", &self.insecure)
            .finish()
    }
}

/// Where Redis is. Written `redis://[user:pass@]host:port/db`, `rediss://`,
/// `redis+sentinel://host:port,host:port/service/db`, or a list of URLs for a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisTarget {
    /// One server.
    Single(RedisServer),
    /// Sentinels that know the primary.
    Sentinel {
        /// Sentinels; at least one.
        sentinels: Vec<RedisServer>,
        /// Name of the watched primary.
        service: String,
        /// Login, TLS and database of the primary (its host and port are found).
        primary: RedisLogin,
    },
    /// Nodes of a cluster; at least one, all with the same login.
    Cluster(Vec<RedisServer>),
}

/// One Redis address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisServer {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Login, TLS and database.
    pub login: RedisLogin,
}

/// How to log in to a Redis server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RedisLogin {
    /// ACL user.
    pub username: Option<String>,
    /// Password; never printed.
    pub password: Option<String>,
    /// Database number (0 with clusters).
    pub db: i64,
    /// TLS (`rediss://`).
    pub tls: bool,
    /// CA file for TLS, else the public roots.
    pub ca: Option<PathBuf>,
    /// Accept any certificate (`insecure_redis_tls`).
    pub insecure: bool,
}

/// The key-value store.
#[derive(Debug, Clone, PartialEq)]
pub struct Kv {
    /// Where values live.
    pub store: KvStore,
    /// Bytes of the memory tier in front; default 16 MiB.
    pub memory: u64,
    /// Largest value; default 1 MiB.
    pub value_max: u64,
    /// How long a value is served from memory before the store is asked again; default 60 s
    /// (Redis only: the embedded store has one writer).
    pub memory_ttl: Duration,
    /// How long "no such key" is remembered; default 1 s.
    pub negative_ttl: Duration,
    /// Longest wait for one operation; default 50 ms.
    pub timeout: Duration,
    /// Background writes waiting; default 4096.
    pub queue_max: usize,
}

/// Where KV values live.
#[derive(Debug, Clone, PartialEq)]
pub enum KvStore {
    /// Embedded persistent store in this folder.
    Embedded(PathBuf),
    /// Redis, shared by several machines.
    Redis(RedisTarget),
    /// Memory only (`popgate demo`, tests).
    Memory,
}

/// A site: hosts, their origin and how they are cached.
#[derive(Debug, Clone)]
pub struct Site {
    /// Label in metrics and logs: the first host as written.
    pub name: String,
    /// At least one.
    pub hosts: Vec<HostPattern>,
    /// Only paths below this prefix; default `/`. Longest prefix wins.
    pub path: String,
    /// Origin name; `None`: endpoints only.
    pub origin: Option<String>,
    /// Rules for the application behind.
    pub preset: Preset,
    /// What the site adds to the rules of `preset: wordpress`.
    pub wordpress: Arc<Wordpress>,
    /// Natively served endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Caching.
    pub cache: SiteCache,
    /// Filters in order, `geo_headers` added in front unless named.
    pub filters: Vec<FilterSpec>,
    /// Who may purge it, and how.
    pub purge: SitePurge,
    /// Largest request body; default 64 MiB.
    pub body_max: u64,
}

impl Site {
    /// Its preset with what the site adds to it.
    #[must_use]
    pub fn rules(&self) -> crate::preset::Rules<'_> {
        crate::preset::Rules {
            preset: self.preset,
            wordpress: &self.wordpress,
        }
    }
}

/// A host in `sites.hosts`, lower case, without port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// `blog.example`
    Exact(String),
    /// `*.blog.example`, stored as `blog.example`; any number of labels in front.
    Wildcard(String),
    /// `*`
    Any,
}

/// Which rules a site starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// RFC 9111 and nothing else.
    Standard,
    /// WordPress without a plugin.
    Wordpress,
}

/// A native endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /api/fast-user`.
    FastUser,
}

/// Cache options of a site; the preset's defaults are already filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCache {
    /// False: nothing is looked up or stored.
    pub enabled: bool,
    /// Freshness of answers that say nothing; zero = none (`standard`'s default).
    pub ttl: Duration,
    /// Longest freshness, whatever the origin says; default 1 year.
    pub ttl_max: Duration,
    /// Default stale-while-revalidate window; zero = none. An answer's own wins.
    pub stale_while_revalidate: Duration,
    /// Default stale-if-error window; zero = none. An answer's own wins.
    pub stale_if_error: Duration,
    /// 10 % of the age of Last-Modified where RFC 9111 4.2.2 allows; default false.
    pub heuristic: bool,
    /// Which request Cache-Control directives count.
    pub request_directives: RequestDirectives,
    /// Honour stale-while-revalidate beside `s-maxage`; default true.
    pub stale_with_s_maxage: bool,
    /// Store answers with Set-Cookie where RFC 9111 allows (`insecure_store_set_cookie`).
    pub store_set_cookie: bool,
    /// `Cache-Status` and `X-Cache` to clients; default true.
    pub debug_headers: bool,
    /// One of so many hits is fetched again anonymously and compared; 0: none (default of `standard`).
    pub leak_check: u32,
    /// How long a URL passes after its stored copy has leaked; default 10 min.
    pub leak_pass: Duration,
    /// What is fetched again after a purge; `None`: nothing (default of `standard`).
    pub refresh_after_purge: Option<RefreshAfterPurge>,
}

/// What a site fetches again after a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshAfterPurge {
    /// Most URLs of a purge, and most that wait; default 32.
    pub urls: usize,
    /// Most fetches at a time; default 2.
    pub concurrent: usize,
}

/// Which request directives a site honours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestDirectives {
    /// All of RFC 9111 5.2.1 (default of `standard`).
    Honour,
    /// Only `only-if-cached` and `no-store` (default of `wordpress`): a visitor's reload costs the origin nothing.
    Ignore,
}

/// A filter as written: its name, its options, where it stands in the file.
#[derive(Debug, Clone)]
pub struct FilterSpec {
    /// Registry name.
    pub name: String,
    /// Options as JSON; `Null` when written as a bare name.
    pub options: serde_json::Value,
    /// Line in the file, 0 when implied.
    pub line: usize,
}

/// Limits of one request; each answer's status in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all request header lines (431); default 32 KiB.
    pub header_bytes: usize,
    /// Number of request headers (431); default 100.
    pub headers: usize,
    /// Bytes of the request target (414); default 8 KiB.
    pub uri_bytes: usize,
    /// Client connections in all; more wait in the kernel's backlog. Default 20 000.
    pub connections: usize,
    /// Streams per HTTP/2 connection; default 100.
    pub h2_streams: u32,
    /// Requests per keep-alive connection; default 1 000 000.
    pub keepalive_requests: u32,
}

/// Timeouts towards clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// A new connection's TLS handshake or PROXY header; default 10 s.
    pub handshake: Duration,
    /// An idle keep-alive connection; default 60 s.
    pub keepalive: Duration,
    /// Between two reads of a request; default 30 s.
    pub read: Duration,
    /// A write that makes no progress; default 30 s.
    pub write: Duration,
    /// Between two reads on an upgraded connection (WebSocket); default 1 h.
    pub upgraded: Duration,
    /// What a client still sends after the last answer is thrown away so long; default 5 s, zero allowed.
    pub linger: Duration,
}

/// Graceful stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// `/readyz` fails, listeners still accept; default 3 s, zero allowed.
    pub announce: Duration,
    /// Longest wait for requests in flight; default 20 s.
    pub grace: Duration,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where access lines go.
    pub access: AccessLog,
    /// Level of the rest: error, warn, info, debug, trace; default info.
    pub level: String,
    /// The rest as JSON lines instead of text.
    pub json: bool,
    /// Access lines waiting for a slow disk; more are dropped and counted. Default 8192.
    pub queue_max: usize,
}

/// The access log's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// None (default).
    Off,
    /// Standard output.
    Stdout,
    /// A file, reopened on SIGUSR1.
    File(PathBuf),
}
