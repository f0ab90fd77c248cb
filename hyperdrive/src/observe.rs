//! What is counted, told to whoever keeps the metrics.

use std::time::Duration;

/// Takes events of all databases. Called on the path of statements: quick, and never blocking.
pub trait Observer: std::fmt::Debug + Send + Sync + 'static {
    /// Something happened on `database`.
    fn observe(&self, database: &str, event: Event);
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A login ended so.
    Login(Login),
    /// A statement or command was answered from there.
    Answered(From),
    /// A connection was pinned to its client; the reason is one of a fixed set of words.
    Pinned(&'static str),
    /// A client got a connection, or did not, after this time in the queue (zero: no queue).
    Waited(Duration),
    /// A client waited in vain.
    Refused(Refusal),
    /// The connection to the origin broke while it was used.
    Lost,
    /// A limit ended a statement or a client.
    Limit(Limit),
    /// A client sent what cannot be understood, and was closed.
    Malformed,
}

/// How a login ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// In.
    Ok,
    /// Wrong password or unknown user.
    Denied,
    /// Too many failures from that address.
    Throttled,
    /// Too many clients.
    Full,
    /// It took too long.
    Late,
    /// Anything else: it broke off, TLS was missing, the database is away.
    Failed,
}

impl Login {
    /// The label's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Full => "full",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The PoP itself: a round trip saved.
    Here,
    /// The result cache: a round trip saved.
    Cache,
    /// The origin.
    Origin,
}

impl From {
    /// The label's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Cache => "cache",
            Self::Origin => "origin",
        }
    }
}

/// Why a client got no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its deadline passed in the queue.
    Late,
    /// The origin does not let it in.
    Denied,
    /// The origin is away.
    Away,
    /// The queue was full.
    Full,
    /// The process is about to stop.
    Closed,
}

impl Refusal {
    /// The label's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Denied => "denied",
            Self::Away => "away",
            Self::Full => "full",
            Self::Closed => "closed",
        }
    }
}

/// A limit of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `limits.query`.
    Query,
    /// `limits.idle_in_transaction`.
    IdleInTransaction,
    /// `limits.packet_max`.
    PacketMax,
}

impl Limit {
    /// The label's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::IdleInTransaction => "idle_in_transaction",
            Self::PacketMax => "packet_max",
        }
    }
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn observe(&self, _: &str, _: Event) {}
}
