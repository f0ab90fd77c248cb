//! The pool's arithmetic: who gets which connection, and when one may be opened. No I/O, no clock and no
//! randomness of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use super::figures::{Counters, Sizes, Snapshot};
use super::{AcquireError, Backend};

/// First pause after a failure to open a connection; doubles up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// Waiters looked at behind the first that cannot be served.
const SCAN_MAX: usize = 64;

/// A connection and what the pool knows of it.
pub(super) struct Held<C> {
    pub(super) conn: C,
    /// When it is too old.
    retire_at: Instant,
    /// The pool's epoch when it was opened.
    epoch: u64,
}

struct Idle<C> {
    held: Held<C>,
    since: Instant,
}

struct Waiter<B: Backend, R> {
    id: u64,
    want: B::Want,
    /// A connection is being opened on its behalf.
    opening: bool,
    reply: R,
}

/// What is to be done, once the lock is released.
pub(super) enum Step<B: Backend, R> {
    /// Give this connection to that waiter.
    Hand(R, Held<B::Conn>),
    /// Tell that waiter.
    Tell(R, AcquireError<B::Error>),
    /// Close it.
    Close(B::Conn),
    /// Open one, for a waiter or ahead.
    Connect {
        id: Option<u64>,
        want: B::Want,
        epoch: u64,
    },
}

pub(super) struct Core<B: Backend, R> {
    pub(super) sizes: Sizes,
    pub(super) paused: bool,
    closed: bool,
    idle: VecDeque<Idle<B::Conn>>,
    waiters: VecDeque<Waiter<B, R>>,
    /// Idle, in use, being opened and being closed.
    total: usize,
    connecting: usize,
    closing: usize,
    epoch: u64,
    next_id: u64,
    failures: Failures<B::Error>,
    counters: Counters,
}

/// Failures since a connection was last opened.
struct Failures<E> {
    number: u32,
    since: Option<Instant>,
    /// Nothing is opened before.
    retry_at: Option<Instant>,
    last: Option<Arc<E>>,
}

impl<E> Default for Failures<E> {
    fn default() -> Self {
        Self {
            number: 0,
            since: None,
            retry_at: None,
            last: None,
        }
    }
}

impl<B: Backend, R> Core<B, R> {
    pub(super) fn new(sizes: Sizes) -> Self {
        Self {
            sizes,
            paused: false,
            closed: false,
            idle: VecDeque::new(),
            waiters: VecDeque::new(),
            total: 0,
            connecting: 0,
            closing: 0,
            epoch: 0,
            next_id: 0,
            failures: Failures::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            active: self.total - self.idle.len() - self.connecting - self.closing,
            idle: self.idle.len(),
            connecting: self.connecting,
            waiting: self.waiters.len(),
            max: self.sizes.max,
            paused: self.paused,
            counters: self.counters,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn has_waiters(&self) -> bool {
        !self.waiters.is_empty()
    }

    pub(super) fn waited(&mut self, time: Duration) {
        self.counters.waits += 1;
        self.counters.waited += time;
    }

    /// A waiter's deadline has passed; why none could be opened.
    pub(super) fn late(&mut self) -> Option<Arc<B::Error>> {
        self.counters.late += 1;
        self.failures.last.clone()
    }

    pub(super) fn reset(&mut self) {
        self.counters.reset += 1;
    }

    /// When opening may be tried again, while it must not be now.
    pub(super) fn retry_at(&self, now: Instant) -> Option<Instant> {
        self.failures.retry_at.filter(|at| *at > now)
    }

    /// An idle connection for `want`, when nobody waits ahead of it.
    pub(super) fn take(&mut self, want: &B::Want, now: Instant) -> Option<Held<B::Conn>> {
        if !self.waiters.is_empty() || self.paused || self.closed {
            return None;
        }
        let held = self.best(want, now)?;
        self.counters.handed += 1;
        Some(held)
    }

    /// Whether one more may wait.
    pub(super) fn room(&self) -> Result<(), AcquireError<B::Error>> {
        match () {
            () if self.closed => Err(AcquireError::Closed),
            () if self.waiters.len() >= self.sizes.queue_max => Err(AcquireError::Full),
            () => Ok(()),
        }
    }

    /// Queues behind those who wait.
    pub(super) fn wait(&mut self, want: B::Want, reply: R, _now: Instant) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.waiters.push_back(Waiter {
            id,
            want,
            opening: false,
            reply,
        });
        id
    }

    /// A waiter waits no more.
    pub(super) fn forget(&mut self, id: u64) {
        // Ids grow along the queue.
        if let Ok(index) = self.waiters.binary_search_by_key(&id, |waiter| waiter.id) {
            self.waiters.remove(index);
        }
    }

    /// Serves those who wait, in order.
    pub(super) fn pump(&mut self, now: Instant) -> Vec<Step<B, R>> {
        let mut steps = Vec::new();
        if self.paused || self.closed {
            return steps;
        }
        let (mut index, mut passed) = (0, 0);
        while index < self.waiters.len() && passed <= SCAN_MAX {
            let want = self.waiters[index].want.clone();
            if let Some(held) = self.best(&want, now) {
                if let Some(waiter) = self.waiters.remove(index) {
                    self.counters.handed += 1;
                    steps.push(Step::Hand(waiter.reply, held));
                }
                continue;
            }
            if !self.waiters[index].opening && self.make_room(now, &mut steps) {
                self.waiters[index].opening = true;
                let id = Some(self.waiters[index].id);
                steps.push(Step::Connect {
                    id,
                    want,
                    epoch: self.epoch,
                });
            } else if self.idle.is_empty()
                && (self.total >= self.sizes.max || self.connecting >= self.sizes.connecting_max)
            {
                break;
            }
            index += 1;
            passed += 1;
        }
        steps
    }

    /// Takes a place for a connection to be opened; at the cap an idle one that fits nobody ahead makes room.
    fn make_room(&mut self, now: Instant, steps: &mut Vec<Step<B, R>>) -> bool {
        if self.connecting >= self.sizes.connecting_max || self.retry_at(now).is_some() {
            return false;
        }
        if self.total >= self.sizes.max {
            // Its place is free when it has been closed, and not before.
            if self.closing + self.connecting < self.sizes.connecting_max
                && let Some(oldest) = self.idle.pop_front()
            {
                self.counters.evicted += 1;
                self.drop_one(oldest.held.conn, steps);
            }
            return false;
        }
        self.total += 1;
        self.connecting += 1;
        true
    }

    fn drop_one(&mut self, conn: B::Conn, steps: &mut Vec<Step<B, R>>) {
        self.closing += 1;
        self.counters.closed += 1;
        steps.push(Step::Close(conn));
    }

    /// Takes out the idle connection that fits best; of equals the one used last, so that spare ones age.
    fn best(&mut self, want: &B::Want, now: Instant) -> Option<Held<B::Conn>> {
        loop {
            let fits = self.idle.iter().enumerate();
            let fits = fits.filter_map(|(index, idle)| B::fit(&idle.held.conn, want).map(|fit| (fit, index)));
            let (_, index) = fits.max()?;
            let mut idle = self.idle.remove(index)?;
            if self.fresh(&idle.held, now) && B::alive(&mut idle.held.conn) {
                return Some(idle.held);
            }
            self.total -= 1;
            self.counters.closed += 1;
        }
    }

    /// What was to be closed is.
    pub(super) fn closed(&mut self) {
        self.closing -= 1;
        self.total -= 1;
    }

    pub(super) fn fresh(&self, held: &Held<B::Conn>, now: Instant) -> bool {
        held.epoch == self.epoch && now < held.retire_at
    }

    fn no_longer_opening(&mut self, id: Option<u64>) {
        self.connecting -= 1;
        let index = id.and_then(|id| self.waiters.binary_search_by_key(&id, |waiter| waiter.id).ok());
        if let Some(waiter) = index.and_then(|index| self.waiters.get_mut(index)) {
            waiter.opening = false;
        }
    }

    /// A connection has been opened. `jitter` in 0..1 spreads lifetimes over 0.9 to 1.1 of theirs.
    pub(super) fn opened(
        &mut self,
        id: Option<u64>,
        conn: B::Conn,
        epoch: u64,
        now: Instant,
        jitter: f64,
    ) -> Vec<Step<B, R>> {
        self.no_longer_opening(id);
        self.failures = Failures::default();
        self.counters.opened += 1;
        let retire_at = now + self.sizes.lifetime.mul_f64(0.9 + jitter / 5.0);
        self.put(
            Held {
                conn,
                retire_at,
                epoch,
            },
            now,
        )
    }

    /// A connection could not be opened. `jitter` in 0..1 spreads retries over half to all of the back-off.
    pub(super) fn failed(
        &mut self,
        id: Option<u64>,
        want: &B::Want,
        error: Arc<B::Error>,
        now: Instant,
        jitter: f64,
        denied: impl Fn(&B::Error) -> bool,
    ) -> Vec<Step<B, R>> {
        self.no_longer_opening(id);
        self.total -= 1;
        self.counters.failed += 1;
        if denied(&error) && id.is_some() {
            return self.tell(
                |waiter| waiter.want == *want,
                |_| AcquireError::Denied(Arc::clone(&error)),
            );
        }
        let failures = &mut self.failures;
        failures.last = Some(Arc::clone(&error));
        let since = *failures.since.get_or_insert(now);
        let pause = BACK_OFF
            .saturating_mul(1 << failures.number.min(10))
            .min(BACK_OFF_MAX);
        failures.number += 1;
        failures.retry_at = Some(now + pause.mul_f64(0.5 + jitter / 2.0));
        if self.total == self.connecting + self.closing && now.duration_since(since) >= self.sizes.wait {
            return self.tell(|_| true, |_| AcquireError::Away(Arc::clone(&error)));
        }
        Vec::new()
    }

    fn tell(
        &mut self,
        whom: impl Fn(&Waiter<B, R>) -> bool,
        what: impl Fn(&Waiter<B, R>) -> AcquireError<B::Error>,
    ) -> Vec<Step<B, R>> {
        let (told, kept): (VecDeque<_>, VecDeque<_>) = self.waiters.drain(..).partition(whom);
        self.waiters = kept;
        told.into_iter()
            .map(|waiter| {
                let error = what(&waiter);
                Step::Tell(waiter.reply, error)
            })
            .collect()
    }

    /// The task that was to open a connection is gone.
    pub(super) fn given_up(&mut self, id: Option<u64>) {
        self.no_longer_opening(id);
        self.total -= 1;
    }

    /// A connection comes back.
    pub(super) fn put(&mut self, held: Held<B::Conn>, now: Instant) -> Vec<Step<B, R>> {
        if self.closed || !self.fresh(&held, now) || self.total - self.closing > self.sizes.max {
            let mut steps = Vec::new();
            self.drop_one(held.conn, &mut steps);
            steps.extend(self.pump(now));
            return steps;
        }
        if self.waiters.is_empty() || self.paused {
            self.idle.push_back(Idle { held, since: now });
            return Vec::new();
        }
        // It has just been in use or opened: no need to look at it.
        let mut ahead = self.waiters.iter().take(SCAN_MAX);
        let index = ahead.position(|waiter| B::fit(&held.conn, &waiter.want).is_some());
        if let Some(waiter) = index.and_then(|index| self.waiters.remove(index)) {
            self.counters.handed += 1;
            return vec![Step::Hand(waiter.reply, held)];
        }
        self.idle.push_back(Idle { held, since: now });
        self.pump(now)
    }

    /// A connection in use is gone, or must be closed.
    pub(super) fn lost(&mut self, conn: Option<B::Conn>, now: Instant) -> Vec<Step<B, R>> {
        let mut steps = Vec::new();
        match conn {
            Some(conn) => self.drop_one(conn, &mut steps),
            None => {
                self.total -= 1;
                self.counters.closed += 1;
            }
        }
        steps.extend(self.pump(now));
        steps
    }

    /// Connections to open ahead, while there are fewer than `min`.
    pub(super) fn warm(&mut self, want: &B::Want, now: Instant) -> Vec<Step<B, R>> {
        let mut steps = Vec::new();
        let min = self.sizes.min.min(self.sizes.max);
        while !self.closed && !self.paused && self.total < min && self.make_room(now, &mut steps) {
            steps.push(Step::Connect {
                id: None,
                want: want.clone(),
                epoch: self.epoch,
            });
        }
        steps
    }

    /// Takes out idle connections that are dead, too old, or too many and unused for too long.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<Step<B, R>> {
        let mut steps = Vec::new();
        for mut idle in std::mem::take(&mut self.idle) {
            let spare = self.total - self.closing > self.sizes.min
                && now.duration_since(idle.since) >= self.sizes.idle;
            let surplus = self.total - self.closing > self.sizes.max;
            let fresh = self.fresh(&idle.held, now) && B::alive(&mut idle.held.conn);
            if spare || surplus || !fresh {
                self.drop_one(idle.held.conn, &mut steps);
            } else {
                self.idle.push_back(idle);
            }
        }
        steps
    }

    /// What is open now is closed instead of used again.
    pub(super) fn retire(&mut self) {
        self.epoch += 1;
        self.failures = Failures::default();
    }

    /// Ends the pool.
    pub(super) fn close(&mut self) -> Vec<Step<B, R>> {
        self.closed = true;
        let mut steps = self.tell(|_| true, |_| AcquireError::Closed);
        for idle in std::mem::take(&mut self.idle) {
            self.drop_one(idle.held.conn, &mut steps);
        }
        steps
    }
}
