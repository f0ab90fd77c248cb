//! What a popgate that stood still may have missed.
//!
//! A popgate that follows the stream hears of a purge within milliseconds. One that was stopped (by a
//! signal, by its machine) hears of it only after it goes on, and a request may be faster. So a task beats
//! while the process runs; whoever looks up an entry after a beat was missed opens a *gap*: what was
//! fetched before it is in doubt and counts as stale until the stream has been read to its end again. A
//! stop shorter than [`STALL`] is no longer than a purge may take to arrive anyway.
//!
//! A popgate that cannot reach Redis goes on trusting what it holds for [`super::PurgeLimits::blind`]; then
//! that is in doubt, too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{PurgeLog, Verdict};
use crate::cache::entry::Entry;
use crate::clock::millis;

/// Pace of the beats.
const BEAT: Duration = Duration::from_millis(25);
/// Longest time between two beats of a process that runs.
const STALL: Duration = Duration::from_millis(100);
/// A stop as long as this is never forgiven without reading the stream, even when Redis is away.
const LONG: Duration = Duration::from_secs(1);
/// Longest wait of a request for the stream to be read again.
const SETTLE: Duration = Duration::from_secs(1);

/// Beats, and the gap if there is one.
#[derive(Debug)]
pub(super) struct Gap {
    born: Instant,
    /// Milliseconds from `born` to the last beat, plus one; 0 before the first.
    beat: AtomicU64,
    /// Entries from before this place are in doubt; 0: there is no gap.
    place: AtomicU64,
    doubt: Mutex<Doubt>,
    /// Wakes who reads the stream again.
    opened: Notify,
    /// Wakes who waits for that.
    closed: Notify,
}

/// What is known of the gap.
#[derive(Debug)]
struct Doubt {
    open: bool,
    /// Grows with every gap: a read that began before the last one proves nothing.
    epoch: u64,
    /// Since when entries are in doubt.
    at: SystemTime,
    noticed: Instant,
    /// Whether only a read of the stream may end it.
    long: bool,
    /// The wall clock at the last beat.
    wall: SystemTime,
    /// Since when the log is out of step.
    blind_since: Option<Instant>,
}

impl Gap {
    pub(super) fn new(now: SystemTime) -> Self {
        let born = Instant::now();
        Self {
            born,
            beat: AtomicU64::new(0),
            place: AtomicU64::new(0),
            doubt: Mutex::new(Doubt {
                open: false,
                epoch: 0,
                at: now,
                noticed: born,
                long: false,
                wall: now,
                blind_since: Some(born),
            }),
            opened: Notify::new(),
            closed: Notify::new(),
        }
    }

    /// Whether there is one.
    pub(super) fn is_open(&self) -> bool {
        self.place.load(Ordering::Acquire) != 0
    }

    /// What the gap says about an entry. Places counted by other popgates are not those counted here, so
    /// what may have been fetched by one of them is in doubt whatever its place.
    pub(super) fn verdict(&self, entry: &Entry) -> Verdict {
        let place = self.place.load(Ordering::Acquire);
        if place == 0 || (entry.seq.0 >= place && !entry.searched.is_foreign()) {
            return Verdict::Valid;
        }
        let doubt = self.doubt.lock();
        if doubt.open {
            Verdict::Stale { at: doubt.at }
        } else {
            Verdict::Valid
        }
    }

    fn missed_a_beat(&self, now: Instant) -> bool {
        let beat = self.beat.load(Ordering::Acquire);
        beat != 0 && self.since_birth(now).saturating_sub(beat) > millis(STALL)
    }

    fn since_birth(&self, now: Instant) -> u64 {
        millis(now.duration_since(self.born)).saturating_add(1)
    }
}

/// Stops the beats when the task that makes them ends.
struct Beating<'a>(&'a Gap);

impl Drop for Beating<'_> {
    fn drop(&mut self) {
        self.0.beat.store(0, Ordering::Release);
    }
}

impl PurgeLog {
    /// Before an entry is judged: has this process stood still? One clock and one atomic load.
    pub(super) fn feel_pulse(&self) {
        let now = Instant::now();
        if self.gap.missed_a_beat(now) {
            self.stood_still(now, self.clock.now());
        }
    }

    /// Beats until it is dropped.
    pub(super) async fn beat(&self) {
        let _beating = Beating(&self.gap);
        loop {
            self.beat_once(Instant::now(), self.clock.now());
            tokio::time::sleep(BEAT).await;
        }
    }

    /// One beat. A wall clock that jumped ahead tells of a machine that was asleep.
    pub(super) fn beat_once(&self, now: Instant, wall: SystemTime) {
        let slept = {
            let doubt = self.gap.doubt.lock();
            wall.duration_since(doubt.wall).unwrap_or_default() > STALL
        };
        let beating = self.gap.beat.load(Ordering::Acquire) != 0;
        if beating && (slept || self.gap.missed_a_beat(now)) {
            self.stood_still(now, wall);
        }
        self.gap.doubt.lock().wall = wall;
        self.gap.beat.store(self.gap.since_birth(now), Ordering::Release);
        self.check_blindness(now, wall);
    }

    fn stood_still(&self, now: Instant, wall: SystemTime) {
        let mut doubt = self.gap.doubt.lock();
        let stop = Duration::from_millis(
            self.gap
                .since_birth(now)
                .saturating_sub(self.gap.beat.load(Ordering::Acquire)),
        )
        .max(wall.duration_since(doubt.wall).unwrap_or_default());
        if stop <= STALL {
            return; // Somebody else was first.
        }
        let since = doubt.wall;
        self.open_gap(&mut doubt, now, since, stop >= LONG);
        doubt.wall = wall;
        // Last: whoever sees the new beat sees the gap.
        self.gap.beat.store(self.gap.since_birth(now), Ordering::Release);
        tracing::debug!(?stop, "stood still: purges are read again");
    }

    /// Out of step for too long: what is held may have been purged by others.
    fn check_blindness(&self, now: Instant, wall: SystemTime) {
        let mut doubt = self.gap.doubt.lock();
        let blind = doubt
            .blind_since
            .is_some_and(|since| now.duration_since(since) >= self.limits().blind);
        if !blind || (doubt.open && doubt.long) {
            return;
        }
        let since = wall.checked_sub(self.limits().blind).unwrap_or(wall);
        self.open_gap(&mut doubt, now, since, true);
        // Nobody waits for a Redis that has been away for so long.
        doubt.noticed = now.checked_sub(SETTLE).unwrap_or(now);
        tracing::warn!("purges cannot be read: what was fetched before is checked with the origin first");
    }

    fn open_gap(&self, doubt: &mut Doubt, now: Instant, at: SystemTime, long: bool) {
        if !doubt.open {
            doubt.at = at;
            doubt.noticed = now;
            doubt.long = false;
        }
        doubt.open = true;
        doubt.long |= long;
        doubt.epoch += 1;
        let place = self.next_place();
        self.gap.place.store(place.0, Ordering::Release);
        self.metrics.purge_gaps.inc();
        self.gap.opened.notify_one();
    }

    /// Redis is there again: what was purged meanwhile is not known before the stream is read.
    pub(super) fn reconnected(&self) {
        if self.last_read().is_none() {
            return; // Nothing was in step before.
        }
        let mut doubt = self.gap.doubt.lock();
        if !doubt.open {
            self.open_gap(&mut doubt, Instant::now(), self.clock.now(), false);
        }
    }

    /// Number of the last gap: take it before the stream is read.
    pub(super) fn gap_epoch(&self) -> u64 {
        self.gap.doubt.lock().epoch
    }

    /// The stream was read to its end by a read that began when the last gap was `epoch`.
    pub(super) fn close_gap(&self, epoch: u64) -> bool {
        self.end_gap(|doubt| doubt.epoch == epoch)
    }

    /// The stream cannot be read now. A short stop is forgiven then, as being cut off is.
    pub(super) fn forgive_gap(&self) -> bool {
        self.end_gap(|doubt| !doubt.long)
    }

    fn end_gap(&self, may: impl FnOnce(&Doubt) -> bool) -> bool {
        let mut doubt = self.gap.doubt.lock();
        if doubt.open && !may(&doubt) {
            return false;
        }
        doubt.open = false;
        self.gap.place.store(0, Ordering::Release);
        drop(doubt);
        self.gap.closed.notify_waiters();
        true
    }

    /// In step since now, or out of step since now.
    pub(super) fn note_step(&self, in_step: bool) {
        let mut doubt = self.gap.doubt.lock();
        doubt.blind_since = match (in_step, doubt.blind_since) {
            (true, _) => None,
            (false, None) => Some(Instant::now()),
            (false, since) => since,
        };
    }

    /// Whether entries are in doubt.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.is_shared() && {
            self.feel_pulse();
            self.gap.is_open()
        }
    }

    /// Waits until entries are no longer in doubt, at most a second after the gap was noticed.
    pub async fn settle(&self) {
        while self.in_doubt() {
            let closed = self.gap.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if !self.gap.is_open() {
                return;
            }
            let waited = self.gap.doubt.lock().noticed.elapsed();
            let Some(left) = SETTLE.checked_sub(waited).filter(|left| !left.is_zero()) else {
                return;
            };
            if tokio::time::timeout(left, closed).await.is_err() {
                return;
            }
        }
    }

    /// Waits for a gap.
    pub(super) async fn gap_opened(&self) {
        self.gap.opened.notified().await;
    }

    /// Whether there is a gap.
    pub(super) fn has_gap(&self) -> bool {
        self.gap.doubt.lock().open
    }
}
