//! The purge log: which entries are purged, without looking for them.
//!
//! Every purge takes the next place in a log. A fill notes the log's head when its fetch begins
//! ([`Entry::seq`]); a purge hits the entries in its scope whose fetch began before it. So an entry
//! is judged when it is found, wherever it lies, and purging costs the same for one entry and for
//! millions.
//!
//! Popgates that share a Redis share the log: purges are records in a stream, and a record's ID is
//! its place. A purge asked of this popgate is applied at once at the place behind the head, which
//! is counted on and not read from the local clock: the ID that Redis gives it later is then always
//! greater, whatever the clocks say. While Redis is away purges wait here. What this popgate cannot
//! know (records that were trimmed, flushed or cannot be read) counts as a soft purge of everything.

mod announce;
mod fate;
mod follow;
mod gap;
mod hit;
mod id;
mod journal;
mod marks;
mod pattern;
pub mod proof;
mod record;
mod renew;
mod request;
mod reread;
mod stream;
mod stream_id;
#[cfg(test)]
mod tests;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};

use super::entry::{Entry, PurgeSeq};
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;
use gap::Gap;
use journal::Journal;
use marks::{Marks, Stamp};
use stream_id::StreamId;

pub use announce::Ticket;
pub use follow::{Purged, follow};
pub use hit::{PurgeHit, Subject};
pub use id::PurgeId;
pub use pattern::{PATTERN_LENGTH_MAX, PATTERNS_MAX, Pattern, PatternError};
pub use proof::Proof;
pub use record::Record;
pub use renew::NewJournal;
pub use request::{
    PurgeHostTag, PurgeKind, PurgePattern, PurgePrefix, PurgeReport, PurgeRequest, PurgeUrl, Reached, Scope,
};
pub use reread::guard;

/// What the log says about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not purged.
    Valid,
    /// Softly purged: not fresh since then, to be served only as stale.
    Stale {
        /// When it was purged.
        at: SystemTime,
    },
    /// Hard purged: must not be served.
    Gone,
}

impl Verdict {
    /// Both together: the worse one.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Gone, _) | (_, Self::Gone) => Self::Gone,
            (Self::Stale { at: a }, Self::Stale { at: b }) => Self::Stale { at: a.min(b) },
            (Self::Valid, verdict) | (verdict, Self::Valid) => verdict,
        }
    }
}

/// Limits of a log.
#[derive(Debug, Clone, Copy)]
pub struct PurgeLimits {
    /// Most records before narrow ones are folded into wider ones.
    pub records: usize,
    /// Longest life of an entry, stale windows included: older records are folded away.
    pub life: Duration,
    /// Other popgates share it: it does not count as synced before the stream was read.
    pub shared: bool,
    /// How long it may be out of step before what was fetched earlier is in doubt.
    pub blind: Duration,
}

/// The log.
#[derive(Debug)]
pub struct PurgeLog {
    head: AtomicU64,
    /// Place of the last record: entries from then on need no look at the marks.
    newest: AtomicU64,
    /// Grows with every change of the marks and every gap.
    revision: AtomicU64,
    gap: Gap,
    state: RwLock<State>,
    /// What was read from the stream, and when.
    progress: Mutex<proof::Progress>,
    journal: RwLock<Option<Arc<Journal>>>,
    pending: Mutex<announce::Pending>,
    announcing: tokio::sync::Mutex<()>,
    /// Connection of the link under which the stream was read to its end; 0: none.
    synced: AtomicU64,
    lagging: AtomicBool,
    /// Signalled when purges have been applied.
    told: tokio::sync::Notify,
    /// Marks this log's records in the stream.
    id: u64,
    limits: RwLock<PurgeLimits>,
    /// [`PurgeLimits::shared`], which every lookup asks for.
    shared: AtomicBool,
    clock: Clock,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    marks: Marks,
    /// Last record read from the stream.
    last: Option<StreamId>,
    /// Last place that was counted here and not given by Redis.
    counted: PurgeSeq,
}

impl PurgeLog {
    /// An empty log. A log of its own starts at the present, a shared one at zero: until it has read
    /// the stream it knows nothing, and what is filled meanwhile is hit by all it reads then. Kept in memory
    /// only, until [`PurgeLog::set_journal`].
    #[must_use]
    pub fn new(limits: PurgeLimits, clock: Clock, metrics: Arc<Metrics>) -> Arc<Self> {
        let head = if limits.shared {
            PurgeSeq(0)
        } else {
            stream_id::seq_at(clock.now())
        };
        metrics.purge_synced.set(i64::from(!limits.shared));
        Arc::new(Self {
            head: AtomicU64::new(head.0),
            newest: AtomicU64::new(0),
            revision: AtomicU64::new(1),
            gap: Gap::new(clock.now()),
            state: RwLock::default(),
            progress: Mutex::default(),
            journal: RwLock::default(),
            pending: Mutex::default(),
            announcing: tokio::sync::Mutex::default(),
            synced: AtomicU64::new(0),
            lagging: AtomicBool::new(false),
            told: tokio::sync::Notify::new(),
            id: rand::random(),
            limits: RwLock::new(limits),
            shared: AtomicBool::new(limits.shared),
            clock,
            metrics,
        })
    }

    fn limits(&self) -> PurgeLimits {
        *self.limits.read()
    }

    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Acquire)
    }

    fn journal(&self) -> Option<Arc<Journal>> {
        self.journal.read().clone()
    }

    /// The place of the last purge. Take it before a fetch begins.
    #[must_use]
    pub fn head(&self) -> PurgeSeq {
        PurgeSeq(self.head.load(Ordering::Acquire))
    }

    /// Whether an entry is purged. A few atomic loads for entries newer than the last purge and for those
    /// that were looked at since.
    #[must_use]
    pub fn verdict(&self, entry: &Entry) -> Verdict {
        if self.is_shared() {
            self.feel_pulse();
        }
        if entry.seq.0 >= self.newest.load(Ordering::Acquire) && !self.gap.is_open() {
            return Verdict::Valid;
        }
        let revision = self.revision.load(Ordering::Acquire);
        if entry.searched.is(revision) {
            return Verdict::Valid;
        }
        let found = self.state.read().marks.verdict(entry);
        let verdict = found.and(self.gap.verdict(entry));
        if verdict == Verdict::Valid {
            // The marks searched are at least those of the revision read before.
            entry.searched.set(revision);
        }
        verdict
    }

    /// The purges that hit `subject`, the widest scope first, then the gap if `entry` lies before it.
    #[must_use]
    pub fn hits(&self, subject: &Subject<'_>, entry: Option<&Entry>) -> Vec<PurgeHit> {
        let mut hits = self.state.read().marks.hits(subject);
        if let Some(Verdict::Stale { at }) = entry.map(|entry| self.gap.verdict(entry)) {
            hits.push(PurgeHit::gap(at));
        }
        hits
    }

    /// Applies a purge here and, in a shared log, puts it in line for [`PurgeLog::announce`]. `None`
    /// when there is nothing to announce.
    pub fn purge(&self, request: &PurgeRequest) -> Option<Ticket> {
        self.purge_at(request)?.1
    }

    /// As [`PurgeLog::purge`], with the place it took here; `None` for a request that names nothing.
    pub fn purge_at(&self, request: &PurgeRequest) -> Option<(PurgeSeq, Option<Ticket>)> {
        let scopes = request.scopes();
        if scopes.is_empty() {
            return None;
        }
        for scope in &scopes {
            self.metrics
                .purges
                .with_label_values(&[scope.kind().as_str()])
                .inc();
        }
        let now = self.clock.now();
        let mut state = self.state.write();
        let stamp = Stamp {
            seq: self.count_on(&mut state),
            at: now,
            hard: request.hard,
        };
        self.apply(&mut state, &scopes, stamp, now);
        let ticket = self
            .is_shared()
            .then(|| self.pending.lock().add(&scopes, stamp, self.limits().records));
        drop(state);
        if let Some(journal) = self.journal() {
            // Behind the lock: at worst a purge that is in Redis by now is announced again.
            journal.append(&journal::Line {
                place: StreamId::at_least(stamp.seq),
                at: now,
                record: Record {
                    by: self.id,
                    hard: stamp.hard,
                    scopes,
                },
            });
        }
        if ticket.is_none() {
            self.tell_applied();
        }
        Some((stamp.seq, ticket))
    }

    /// Waits until purges that are not in Redis are on the disk.
    pub fn sync_journal(&self) {
        if let Some(journal) = self.journal() {
            journal.sync();
        }
    }

    /// Folds away records that no entry can be hit by any more. Worth calling now and then.
    pub fn tidy(&self) {
        let now = self.clock.now();
        let mut state = self.state.write();
        if let Some(oldest) = now.checked_sub(self.limits().life) {
            state.marks.expire(oldest);
        }
        self.show(&state);
    }

    /// Records held.
    #[must_use]
    pub fn records(&self) -> usize {
        self.state.read().marks.len()
    }

    /// Whether every purge in Redis has been seen (always, when the log is not shared).
    #[must_use]
    pub fn synced(&self) -> bool {
        !self.is_shared() || self.synced.load(Ordering::Acquire) != 0
    }

    /// Whether every purge in Redis has been seen on this connection of the link.
    #[must_use]
    pub fn synced_on(&self, generation: u64) -> bool {
        self.synced.load(Ordering::Acquire) == generation
    }

    fn set_synced(&self, generation: Option<u64>) {
        let before = self.synced.swap(generation.unwrap_or(0), Ordering::AcqRel);
        self.metrics.purge_synced.set(i64::from(generation.is_some()));
        self.note_step(generation.is_some());
        match generation {
            Some(generation) => tracing::info!(
                generation,
                records = self.records(),
                "purge log is in step with redis"
            ),
            None if before != 0 => tracing::warn!("purge log is out of step with redis"),
            None => {}
        }
    }

    /// Applies a record of the stream; false when it is an own one or was applied before.
    fn apply_record(&self, id: StreamId, record: &Record) -> bool {
        let mut state = self.state.write();
        if state.last.is_some_and(|last| id <= last) {
            return false;
        }
        state.last = Some(id);
        let own = record.by == self.id;
        let seq = if own {
            id.seq()
        } else {
            self.place(&mut state, id.seq())
        };
        self.apply_at(&mut state, seq, id, record);
        drop(state);
        if !own {
            self.tell_applied();
        }
        !own
    }

    /// Applies an own record before it is read back, at the place that Redis gave it. That is at or
    /// behind the one it was counted at, and what is filled from now on is not hit by it again.
    fn confirm(&self, id: StreamId, record: &Record) {
        self.apply_at(&mut self.state.write(), id.seq(), id, record);
        self.tell_applied();
    }

    /// The last record read from the stream.
    fn last_read(&self) -> Option<StreamId> {
        self.state.read().last
    }

    /// Counts everything fetched so far as softly purged: records were lost. The stream is then read from
    /// where it begins now.
    fn forget_all(&self) {
        let now = self.clock.now();
        let mut state = self.state.write();
        let stamp = Stamp {
            seq: self.count_on(&mut state),
            at: now,
            hard: false,
        };
        self.apply(&mut state, &[Scope::Everything], stamp, now);
        state.last = None;
    }

    fn apply_at(&self, state: &mut State, seq: PurgeSeq, id: StreamId, record: &Record) {
        let now = self.clock.now();
        let at = id.time().min(now);
        self.apply(
            state,
            &record.scopes,
            Stamp {
                seq,
                at,
                hard: record.hard,
            },
            now,
        );
    }

    /// Counts everything before `first`, the oldest record of the stream, as softly purged: records
    /// before it may have been missed. The stream is then read from its beginning.
    fn forget_before(&self, first: StreamId) {
        let now = self.clock.now();
        let mut state = self.state.write();
        if state.last.is_some_and(|last| first <= last) {
            // IDs went back: those to come say nothing about the places given so far.
            state.counted = self.head();
        }
        state.last = None;
        // A lost record lies at most one place before the first: what it hits lies before that.
        let seq = self.place(&mut state, PurgeSeq(first.seq().0.saturating_sub(1)));
        self.apply(
            &mut state,
            &[Scope::Everything],
            Stamp {
                seq,
                at: now,
                hard: false,
            },
            now,
        );
    }

    /// The place of a record: the one Redis gave it, unless places were counted here beyond it. Then
    /// it says nothing about what was filled at those, and the record goes behind them all.
    fn place(&self, state: &mut State, seq: PurgeSeq) -> PurgeSeq {
        if seq > state.counted {
            seq
        } else {
            self.count_on(state)
        }
    }

    /// The place behind the head.
    fn count_on(&self, state: &mut State) -> PurgeSeq {
        state.counted = self.next();
        state.counted
    }

    /// Takes the place behind the head without a purge: entries fetched from now on can be told from older
    /// ones.
    fn next_place(&self) -> PurgeSeq {
        let mut state = self.state.write();
        let seq = self.count_on(&mut state);
        self.advance(seq);
        seq
    }

    fn next(&self) -> PurgeSeq {
        PurgeSeq(self.head().0.saturating_add(1))
    }

    fn apply(&self, state: &mut State, scopes: &[Scope], stamp: Stamp, now: SystemTime) {
        for scope in scopes {
            state.marks.add(scope, stamp);
        }
        bound(&mut state.marks, self.limits(), now);
        self.advance(stamp.seq);
        self.show(state);
    }

    /// After a change of the marks, while they are still locked: a fill that takes this head must find them
    /// judged by `newest`.
    fn advance(&self, seq: PurgeSeq) {
        self.revision.fetch_add(1, Ordering::AcqRel);
        self.newest.fetch_max(seq.0, Ordering::AcqRel);
        self.head.fetch_max(seq.0, Ordering::AcqRel);
    }

    fn show(&self, state: &State) {
        self.metrics
            .purge_records
            .set(i64::try_from(state.marks.len()).unwrap_or(i64::MAX));
    }
}

/// Folds until the marks are within the limit, with room for more.
fn bound(marks: &mut Marks, limits: PurgeLimits, now: SystemTime) {
    if marks.len() <= limits.records {
        return;
    }
    if let Some(oldest) = now.checked_sub(limits.life) {
        marks.expire(oldest);
    }
    if marks.len() > limits.records {
        marks.fold(limits.records - limits.records / 4);
        tracing::warn!(
            left = marks.len(),
            "too many purge records: narrow ones became wider ones"
        );
    }
}
