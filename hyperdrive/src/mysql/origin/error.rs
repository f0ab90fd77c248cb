//! Why a server cannot be used.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::super::channel::ChannelError;
use super::super::packet::Err as ErrPacket;
use crate::config::ServerAddress;

/// Why a connection cannot be opened or used.
#[derive(Debug, Error)]
pub enum OriginError {
    /// It broke.
    #[error("{server}: {error}")]
    Channel {
        /// Which server.
        server: ServerAddress,
        /// Why.
        error: ChannelError,
    },
    /// The server refuses.
    #[error("{server} says: {} ({})", said.message, said.code)]
    Said {
        /// Which server.
        server: ServerAddress,
        /// What it said.
        said: ErrPacket,
    },
    /// The server wants something that is not offered.
    #[error("{server} {what}")]
    Unfit {
        /// Which server.
        server: ServerAddress,
        /// What is missing.
        what: &'static str,
    },
    /// No server is a primary.
    #[error("no server is configured as primary")]
    NoServer,
    /// It took too long.
    #[error("no connection within {0:?}")]
    Late(Duration),
    /// The user is no longer configured.
    #[error("user {0} is not configured")]
    NoUser(Arc<str>),
    /// The connection was given up, and is closed.
    #[error("a statement under way was given up")]
    Abandoned,
}

impl OriginError {
    /// The connection to `server` broke.
    pub(super) fn broke(server: &ServerAddress) -> impl Fn(ChannelError) -> Self + Copy {
        |error| Self::Channel {
            server: server.clone(),
            error,
        }
    }

    /// `server` wants something that is not offered.
    pub(super) fn unfit(server: &ServerAddress) -> impl Fn(&'static str) -> Self + Copy {
        |what| Self::Unfit {
            server: server.clone(),
            what,
        }
    }

    /// `server` refuses with this packet; `malformed` says what it does when that cannot be read.
    pub(super) fn said(server: &ServerAddress, packet: &[u8], malformed: &'static str) -> Self {
        match ErrPacket::read(packet) {
            Some(said) => Self::Said {
                server: server.clone(),
                said,
            },
            None => Self::unfit(server)(malformed),
        }
    }
}
