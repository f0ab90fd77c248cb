//! What went wrong, in the words that Redis uses, and how much it counts.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Cause of a failed command or connection, as logs name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// `NOAUTH`: a password is asked for and none was sent.
    NoAuth,
    /// `WRONGPASS`: user or password is wrong.
    WrongPass,
    /// `NOPERM`: the ACL forbids a command or key.
    NoPerm,
    /// `LOADING`: the data set is being read from disk.
    Loading,
    /// `READONLY`: a replica, not the primary.
    ReadOnly,
    /// `OOM`: `maxmemory` is reached and nothing may be evicted.
    Oom,
    /// All `maxclients` connections are taken.
    MaxClients,
    /// A cluster that does not serve, or a primary that is gone.
    ClusterDown,
    /// No sentinel knows the primary.
    NoPrimary,
    /// Nothing listens at the address.
    Refused,
    /// The connection ended.
    Closed,
    /// No answer in time.
    Timeout,
    /// TLS could not be agreed on.
    Tls,
    /// The name does not resolve, or no route.
    Unreachable,
    /// What came is not the Redis protocol, or not the answer to what was asked.
    Protocol,
    /// Another error that Redis reported.
    Refusal,
}

/// How much a failure says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Redis is well and refused this one command.
    None,
    /// Counts as one failure.
    Failure,
    /// No answer in time.
    Timeout,
    /// The connection is of no use any more.
    Fatal,
}

impl Cause {
    /// Finds the cause of an error.
    pub(super) fn of(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::BusyLoading) => return Self::Loading,
            ErrorKind::Server(ServerErrorKind::ReadOnly) => return Self::ReadOnly,
            ErrorKind::Server(ServerErrorKind::NoPerm) => return Self::NoPerm,
            ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown)
            | ErrorKind::ClusterConnectionNotFound => return Self::ClusterDown,
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType | ErrorKind::RESP3NotSupported => {
                return Self::Protocol;
            }
            ErrorKind::MasterNameNotFoundBySentinel => return Self::NoPrimary,
            _ => {}
        }
        if error.is_timeout() {
            return Self::Timeout;
        }
        if error.is_connection_refusal() {
            return Self::Refused;
        }
        Self::of_text(error)
    }

    fn of_text(error: &RedisError) -> Self {
        let text = error.to_string();
        let has = |needle: &str| text.contains(needle);
        if has("WRONGPASS") || has("invalid username-password") {
            Self::WrongPass
        } else if has("NOAUTH") || has("without any password configured") {
            Self::NoAuth
        } else if has("OOM") {
            Self::Oom
        } else if has("max number of clients") {
            Self::MaxClients
        } else if has("certificate") || has("tls") || has("HandshakeFailure") || has("InvalidContentType") {
            Self::Tls
        } else if error.is_connection_dropped() {
            Self::Closed
        } else if error.is_io_error() {
            Self::Unreachable
        } else if error.kind() == ErrorKind::AuthenticationFailed {
            Self::WrongPass
        } else {
            Self::Refusal
        }
    }

    pub(super) fn weight(self) -> Weight {
        match self {
            Self::NoPerm | Self::Oom | Self::Refusal => Weight::None,
            Self::Timeout => Weight::Timeout,
            Self::NoAuth
            | Self::WrongPass
            | Self::Loading
            | Self::ReadOnly
            | Self::MaxClients
            | Self::NoPrimary
            | Self::Refused
            | Self::Closed
            | Self::Tls
            | Self::Unreachable
            | Self::Protocol => Weight::Fatal,
            Self::ClusterDown => Weight::Failure,
        }
    }

    /// The name in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAuth => "NOAUTH",
            Self::WrongPass => "WRONGPASS",
            Self::NoPerm => "NOPERM",
            Self::Loading => "LOADING",
            Self::ReadOnly => "READONLY",
            Self::Oom => "OOM",
            Self::MaxClients => "MAXCLIENTS",
            Self::ClusterDown => "CLUSTERDOWN",
            Self::NoPrimary => "no primary",
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Unreachable => "unreachable",
            Self::Protocol => "protocol",
            Self::Refusal => "error",
        }
    }

    /// What an operator can do about it.
    #[must_use]
    pub fn mend(self) -> &'static str {
        match self {
            Self::NoAuth => "put the password into the redis URL",
            Self::WrongPass => "check user and password in the redis URL",
            Self::NoPerm => "let the ACL user run this command on these keys",
            Self::Loading => "it reads its data set; popgate goes on by itself when that is done",
            Self::ReadOnly => "the URL names a replica; name the primary or use redis+sentinel://",
            Self::Oom => "raise maxmemory or set an eviction policy",
            Self::MaxClients => "raise maxclients or close other clients",
            Self::ClusterDown => "some hash slots have no primary; see CLUSTER INFO",
            Self::NoPrimary => "check the service name in the redis URL and SENTINEL MASTERS",
            Self::Refused => "nothing listens there; start redis or correct the address",
            Self::Closed => "the server or a middlebox ended the connection",
            Self::Timeout => "it is overloaded, paused or out of reach",
            Self::Tls => "check rediss://, the CA file and the certificate's names",
            Self::Unreachable => "the name does not resolve or there is no route",
            Self::Protocol => "what answers there is not redis 6 or newer",
            Self::Refusal => "see the detail",
        }
    }
}
