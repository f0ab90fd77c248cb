//! A log that goes on: after a restart, or under another configuration.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::journal::{Journal, Line};
use super::marks::Stamp;
use super::{PurgeLimits, PurgeLog};

/// A file opened for a log, not yet in use.
#[derive(Debug)]
pub struct NewJournal(Option<(Journal, Vec<Line>)>);

impl NewJournal {
    /// Opens the file; `None` keeps purges in memory only.
    ///
    /// # Errors
    /// When the file cannot be made or read.
    pub fn open(path: Option<&Path>, shared: bool) -> io::Result<Self> {
        path.map(|path| Journal::open(path, shared)).transpose().map(Self)
    }
}

impl PurgeLog {
    /// Takes up what was left: a log of its own goes on behind it, a shared one announces it.
    pub(super) fn restore(&self, lines: Vec<Line>) {
        let now = self.clock.now();
        let limits = self.limits();
        let mut state = self.state.write();
        for line in lines {
            let stamp = Stamp {
                seq: if limits.shared {
                    self.count_on(&mut state)
                } else {
                    line.place.seq()
                },
                at: line.at.min(now),
                hard: line.record.hard,
            };
            self.apply(&mut state, &line.record.scopes, stamp, now);
            if limits.shared {
                self.pending
                    .lock()
                    .add(&line.record.scopes, stamp, limits.records);
            }
        }
    }

    /// Takes other limits; who shares the log is [`PurgeLog::change_source`]'s.
    pub fn set_limits(&self, limits: PurgeLimits) {
        let mut now = self.limits.write();
        *now = PurgeLimits {
            shared: now.shared,
            ..limits
        };
    }

    /// From now on purges are kept in this file. Those in it are taken up.
    pub fn set_journal(&self, journal: NewJournal) {
        let (journal, lines) = journal.0.unzip();
        *self.journal.write() = journal.map(Arc::new);
        self.restore(lines.unwrap_or_default());
    }

    /// The link to Redis is another one, to the same stream: it counts as in step once it has read it.
    pub fn change_link(&self) {
        if self.is_shared() {
            self.set_synced(None);
        }
    }

    /// The log is shared through another stream from now on, or no longer shared. What is held was fetched
    /// without a look at that stream, so all of it counts as softly purged; purges that wait go there.
    pub fn change_source(&self, shared: bool) {
        self.limits.write().shared = shared;
        self.shared.store(shared, Ordering::Release);
        if shared {
            self.forget_all();
            self.set_synced(None);
        } else {
            self.pending.lock().give_up();
            self.synced.store(0, Ordering::Release);
            self.metrics.purge_synced.set(1);
            self.note_step(true);
            self.close_gap(self.gap_epoch());
        }
    }
}
