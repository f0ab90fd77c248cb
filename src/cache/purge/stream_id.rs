//! Redis stream IDs as sequence numbers.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cache::entry::PurgeSeq;

/// Bits of a sequence number below the milliseconds.
const COUNTER_BITS: u32 = 22;
const COUNTER_MAX: u64 = (1 << COUNTER_BITS) - 1;

/// ID of a record in the stream: the server's milliseconds and a counter. Zero is before all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    millis: u64,
    counter: u64,
}

impl StreamId {
    /// Reads `1526919030474-55`.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (millis, counter) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Self {
            millis: millis.parse().ok()?,
            counter: counter.parse().ok()?,
        })
    }

    /// Its place in the log. IDs keep their order; those beyond the year 2109 share the last place.
    pub(super) fn seq(self) -> PurgeSeq {
        if self.millis >> (64 - COUNTER_BITS) != 0 {
            return PurgeSeq(u64::MAX);
        }
        PurgeSeq(self.millis << COUNTER_BITS | self.counter.min(COUNTER_MAX))
    }

    /// The first ID whose place is at or behind `seq`.
    pub(super) fn at_least(seq: PurgeSeq) -> Self {
        Self {
            millis: seq.0 >> COUNTER_BITS,
            counter: seq.0 & COUNTER_MAX,
        }
    }

    /// The server's milliseconds since the epoch.
    pub(super) fn millis(self) -> u64 {
        self.millis
    }

    /// When the server took it in, by the server's clock.
    pub(super) fn time(self) -> SystemTime {
        UNIX_EPOCH
            .checked_add(Duration::from_millis(self.millis))
            .unwrap_or(UNIX_EPOCH)
    }
}

/// The place of a moment, for logs that no other popgate shares.
pub(super) fn seq_at(now: SystemTime) -> PurgeSeq {
    let millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    StreamId {
        millis: u64::try_from(millis).unwrap_or(0),
        counter: 0,
    }
    .seq()
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_order_as_sequence_numbers() {
        let ids = [
            "0-1",
            "1-0",
            "1-1",
            "1700000000000-0",
            "1700000000000-4194303",
            "1700000000001-0",
        ];
        let seqs: Vec<PurgeSeq> = ids
            .iter()
            .map(|id| StreamId::parse(id.as_bytes()).unwrap().seq())
            .collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    }

    #[test]
    fn an_id_is_found_again_from_its_place() {
        let id = StreamId::parse(b"1700000000000-17").unwrap();
        assert_eq!(StreamId::at_least(id.seq()), id);
        assert_eq!(id.to_string(), "1700000000000-17");
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in ["", "-", "1", "1-", "-1", "a-b", "1-2-3", "18446744073709551616-0"] {
            assert_eq!(StreamId::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(StreamId::parse(b"\xff-1"), None);
    }

    #[test]
    fn ids_beyond_what_fits_are_behind_all_others() {
        assert_eq!(
            StreamId::parse(b"18446744073709551615-3").unwrap().seq(),
            PurgeSeq(u64::MAX)
        );
    }
}
