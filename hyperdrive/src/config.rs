//! What a database's listener and pool are told: plain values, checked by whoever read them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::pool::Sizes;

/// One database: who may connect, to which servers, over how many connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name: a label in metrics and logs.
    pub name: String,
    /// What is spoken.
    pub protocol: Protocol,
    /// Sockets clients connect to; at least one.
    pub listen: Vec<Listen>,
    /// At least one. Primaries are tried in order.
    pub servers: Vec<Server>,
    /// TLS to the servers.
    pub tls: OriginTls,
    /// Who may log in; at least one, no name twice.
    pub users: Vec<User>,
    /// Connections to the servers.
    pub pool: Pool,
    /// What clients may cost.
    pub limits: Limits,
    /// The result cache; `None` is off.
    pub cache: Option<Cache>,
}

/// A database protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// MySQL and MariaDB.
    MySql,
    /// PostgreSQL.
    Postgres,
}

impl Protocol {
    /// Its name in the file and in labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::Postgres => "postgres",
        }
    }
}

/// One socket of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: Address,
    /// TLS in band, when it is offered.
    pub tls: Option<ListenTls>,
}

/// Where something listens, by number or path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `127.0.0.1:3307`.
    Tcp(SocketAddr),
    /// `unix:/run/popgate/mysql.sock`.
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

/// TLS offered to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenTls {
    /// PEM file with the chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// Clients without TLS are refused; default true.
    pub require: bool,
}

/// One database server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where.
    pub address: ServerAddress,
    /// What it is for.
    pub role: Role,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAddress {
    /// By address.
    Tcp(SocketAddr),
    /// By name (looked up at each connect) and port.
    Name(String, u16),
    /// By path.
    Unix(PathBuf),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads and writes.
    Primary,
    /// Reads, when they may be split off.
    Replica,
}

/// TLS towards the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginTls {
    /// None; the default for loopback and Unix sockets only.
    Off,
    /// Certificate chain and name are verified.
    VerifyFull {
        /// PEM file with the CA; the public roots otherwise.
        ca: Option<PathBuf>,
    },
}

/// Someone who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Name clients log in with.
    pub name: String,
    /// Their password, which is also that at the servers; not empty.
    pub password: String,
    /// Name at the servers.
    pub origin_user: String,
}

impl fmt::Debug for User {
    /// Everything but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("origin_user", &self.origin_user)
            .finish_non_exhaustive()
    }
}

/// How connections are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// A connection goes back after each transaction, and stays with a client whose state needs it.
    Auto,
    /// A connection stays with its client until that one leaves.
    Session,
    /// A connection goes back after each transaction; what would need it to stay is refused.
    Transaction,
}

impl PoolMode {
    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Session => "session",
            Self::Transaction => "transaction",
        }
    }
}

/// Connections to the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// How they are shared; default auto.
    pub mode: PoolMode,
    /// Kept open and ready; default 2, at most `max`.
    pub min: usize,
    /// Never more than these; default 10.
    pub max: usize,
    /// Longest wait for one; default 15 s.
    pub wait: Duration,
    /// An idle one above `min` is closed after this; default 10 min.
    pub idle: Duration,
    /// Age at which one is replaced, within a tenth; default 1 h.
    pub lifetime: Duration,
    /// Opened at the same time; default 4.
    pub connecting_max: usize,
}

/// What clients may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Client connections at once; default 10 000.
    pub clients_max: usize,
    /// Longest silence of a server within an answer; default 60 s.
    pub query: Duration,
    /// Longest pause of a client within a transaction; default 30 s.
    pub idle_in_transaction: Duration,
    /// Largest message of a client in bytes; default 64 MiB.
    pub packet_max: usize,
    /// Longest login; default 10 s.
    pub login: Duration,
}

/// The result cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// What is known about the application.
    pub preset: Option<Preset>,
    /// Age up to which a result is fresh; default 60 s.
    pub max_age: Duration,
    /// Time after that in which it is served while a new one is fetched; default 15 s.
    pub stale_while_revalidate: Duration,
    /// Room in bytes; default 64 MiB.
    pub memory: usize,
}

/// What is known about an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// WordPress.
    WordPress,
}

/// Longest time to open one connection to a server.
const CONNECT: Duration = Duration::from_secs(10);

impl Database {
    /// The pool's sizes; whoever is logged in may wait.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            min: self.pool.min,
            max: self.pool.max,
            connecting_max: self.pool.connecting_max,
            queue_max: self.limits.clients_max,
            wait: self.pool.wait,
            idle: self.pool.idle,
            lifetime: self.pool.lifetime,
            connect: CONNECT,
        }
    }

    /// The user with this name.
    #[must_use]
    pub fn user(&self, name: &[u8]) -> Option<&User> {
        self.users.iter().find(|user| user.name.as_bytes() == name)
    }
}
