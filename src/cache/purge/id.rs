//! What a purge is called, so that one can ask what became of it.

use std::fmt;
use std::str::FromStr;

use super::announce::Ticket;
use super::stream_id::StreamId;
use crate::cache::entry::PurgeSeq;

/// Name of a purge: its place in the log, or its place in the line of one popgate while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeId {
    /// `1700000000000-3`: who has read the log up to there has applied it.
    Place(StreamId),
    /// `waiting-5f0c…-3`: only the popgate that took it knows it.
    Waiting {
        /// Number of the log that took it.
        log: u64,
        /// Its place in line.
        ticket: Ticket,
    },
}

impl PurgeId {
    /// The name of the purge at a place in the log. Where Redis has not named it yet, or places were counted
    /// here beyond those that Redis gave, that of the place it was counted at.
    #[must_use]
    pub fn of(place: PurgeSeq) -> Self {
        Self::Place(StreamId::at_least(place))
    }
}

impl fmt::Display for PurgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(id) => id.fmt(f),
            Self::Waiting { log, ticket } => write!(f, "waiting-{log:016x}-{}", ticket.0),
        }
    }
}

/// A text that is no purge's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no purge is called that; use the \"id\" that the purge was answered with")]
pub struct NotAPurgeId;

impl FromStr for PurgeId {
    type Err = NotAPurgeId;

    fn from_str(text: &str) -> Result<Self, NotAPurgeId> {
        let Some(rest) = text.strip_prefix("waiting-") else {
            return StreamId::parse(text.as_bytes())
                .map(Self::Place)
                .ok_or(NotAPurgeId);
        };
        let (log, ticket) = rest.split_once('-').ok_or(NotAPurgeId)?;
        Ok(Self::Waiting {
            log: u64::from_str_radix(log, 16).map_err(|_| NotAPurgeId)?,
            ticket: Ticket(ticket.parse().map_err(|_| NotAPurgeId)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for text in ["1700000000000-3", "waiting-00000000000000ff-7"] {
            assert_eq!(text.parse::<PurgeId>().unwrap().to_string(), text);
        }
        for wrong in ["", "x", "waiting-", "waiting-zz-1", "waiting-1", "1-2-3"] {
            assert!(wrong.parse::<PurgeId>().is_err(), "{wrong}");
        }
    }
}
