//! The mark of one scope.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Stamp, host_of};
use crate::cache::entry::PurgeSeq;
use crate::cache::purge::hit::Named;
use crate::cache::purge::{PurgeHit, PurgeId, Verdict};

/// A purge in the log and on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    seq: PurgeSeq,
    at: SystemTime,
}

const NEVER: Moment = Moment {
    seq: PurgeSeq(0),
    at: UNIX_EPOCH,
};

/// All purges of one scope: the last hard one, the first and the last soft one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cache::purge) struct Mark {
    hard: Moment,
    first: Moment,
    last: Moment,
}

impl Default for Mark {
    fn default() -> Self {
        Self {
            hard: NEVER,
            first: NEVER,
            last: NEVER,
        }
    }
}

impl Mark {
    pub(in crate::cache::purge) fn of(stamp: Stamp) -> Self {
        let moment = Moment {
            seq: stamp.seq,
            at: stamp.at,
        };
        if stamp.hard {
            Self {
                hard: moment,
                ..Self::default()
            }
        } else {
            Self {
                first: moment,
                last: moment,
                ..Self::default()
            }
        }
    }

    pub(in crate::cache::purge) fn is_empty(&self) -> bool {
        self.newest() == PurgeSeq(0)
    }

    /// The last purge in the log; entries from then on are not hit.
    pub(in crate::cache::purge) fn newest(&self) -> PurgeSeq {
        self.hard.seq.max(self.last.seq)
    }

    /// The last purge on the clock.
    pub(super) fn touched(&self) -> SystemTime {
        self.hard.at.max(self.last.at)
    }

    pub(in crate::cache::purge) fn is_hard(&self) -> bool {
        self.hard.seq > PurgeSeq(0)
    }

    pub(in crate::cache::purge) fn is_soft(&self) -> bool {
        self.last.seq > PurgeSeq(0)
    }

    /// Both together: hits whatever either hits.
    pub(in crate::cache::purge) fn merge(&mut self, other: Self) {
        self.hard = later(self.hard, other.hard);
        self.first = match (self.is_soft(), other.is_soft()) {
            (true, true) => earlier(self.first, other.first),
            (true, false) => self.first,
            _ => other.first,
        };
        self.last = later(self.last, other.last);
    }

    /// What it says about an entry whose fetch began at `seq`. Stale since the first soft purge that
    /// could have hit it: a later purge opens no new window for serving it stale.
    pub(super) fn verdict(&self, seq: PurgeSeq) -> Verdict {
        if seq < self.hard.seq {
            Verdict::Gone
        } else if seq < self.first.seq {
            Verdict::Stale { at: self.first.at }
        } else if seq < self.last.seq {
            Verdict::Stale { at: self.last.at }
        } else {
            Verdict::Valid
        }
    }

    /// What to tell about it if it hit an entry whose fetch began at `seq`.
    pub(super) fn hit(&self, seq: PurgeSeq, named: Named<'_>) -> Option<PurgeHit> {
        let (last, since) = match self.verdict(seq) {
            Verdict::Valid => return None,
            Verdict::Stale { at } => (self.last, at),
            Verdict::Gone => (self.hard, self.hard.at),
        };
        Some(PurgeHit {
            kind: Some(named.kind),
            host: (!named.host.is_empty()).then(|| host_of(named.host)),
            name: named.name.into(),
            id: Some(PurgeId::of(last.seq)),
            at: last.at,
            since,
            hard: last == self.hard,
        })
    }
}

fn later(a: Moment, b: Moment) -> Moment {
    if b.seq > a.seq { b } else { a }
}

fn earlier(a: Moment, b: Moment) -> Moment {
    if b.seq < a.seq { b } else { a }
}
