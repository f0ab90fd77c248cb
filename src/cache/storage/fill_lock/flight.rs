//! One fetch that others wait for, and their second try when it failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Extensions;
use parking_lot::Mutex;
use pingora_cache::lock::{LockCore, LockStatus, LockStub, ReadLock, WritePermit};
use tokio::sync::watch;

/// The engine's own age limit, set out of the way: age counts from the head of the answer here.
const NEVER: Duration = Duration::from_secs(86_400);

/// How far a fetch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The origin has not begun to answer.
    Waiting,
    /// An answer to be stored is coming in.
    Filling,
    /// It is over, whatever came of it.
    Landed,
    /// It is over, and the origin did not deliver.
    Failed,
}

/// A fetch in progress.
pub(super) struct Flight {
    barrier: Barrier,
    phase: watch::Sender<Phase>,
    watched: AtomicBool,
    second: Mutex<Second>,
}

/// Whose permit it is; travels in the permit.
#[derive(Clone)]
pub(super) enum Ticket {
    /// The one who fetches.
    First(Arc<Flight>),
    /// One of those who try again after a failed fetch.
    Second(Arc<Flight>),
}

/// The second try of those who waited for a fetch that failed.
#[derive(Default)]
struct Second {
    /// Tries begun.
    begun: usize,
    /// Tries not over yet.
    open: usize,
    /// What those wait for who may not try.
    gate: Option<Barrier>,
    /// One of the tries brought an answer.
    succeeded: bool,
    /// The one who made the failed fetch makes one of the tries.
    shared: bool,
}

/// What someone who waited for a failed fetch is to do.
pub(super) enum SecondTry {
    /// Try it.
    Fetch(WritePermit),
    /// Wait for those who try.
    Wait(ReadLock),
    /// One of them was successful.
    LookAgain,
    /// All of them failed. The permit is nobody's business; it keeps the engine on its way to the error.
    Fail(WritePermit),
}

/// A lock that is opened once, at the latest when it is dropped.
struct Barrier {
    lock: Arc<LockCore>,
    /// Not to be read off the lock: while those whom it woke hold all its permits, it looks shut.
    opened: AtomicBool,
}

impl Barrier {
    fn new(stale_writer: bool) -> Self {
        Self {
            lock: LockCore::new_arc(NEVER, stale_writer, Extensions::new()),
            opened: AtomicBool::new(false),
        }
    }

    fn reader(&self) -> ReadLock {
        LockStub(Arc::clone(&self.lock)).read_lock()
    }

    fn is_shut(&self) -> bool {
        !self.opened.load(Ordering::Acquire)
    }

    /// Lets those who wait go; the first reason counts.
    fn open(&self, reason: LockStatus) {
        if !self.opened.swap(true, Ordering::AcqRel) {
            self.lock.unlock(reason);
        }
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        self.open(LockStatus::TransientError);
    }
}

impl Flight {
    /// A fetch begins; the permit ends it.
    pub(super) fn take_off(stale_writer: bool) -> (Arc<Self>, WritePermit) {
        // A permit that knows its flight cannot be made from the flight's own lock.
        let flight = Arc::new(Self {
            barrier: Barrier::new(stale_writer),
            phase: watch::Sender::new(Phase::Waiting),
            watched: AtomicBool::new(false),
            second: Mutex::default(),
        });
        let permit = permit(Some(Ticket::First(Arc::clone(&flight))), stale_writer);
        (flight, permit)
    }

    pub(super) fn reader(&self) -> ReadLock {
        self.barrier.reader()
    }

    /// Whether newcomers are to wait for it.
    pub(super) fn is_on(&self) -> bool {
        self.barrier.is_shut()
    }

    pub(super) fn has_failed(&self) -> bool {
        *self.phase.borrow() == Phase::Failed
    }

    /// Notes how far it has come.
    pub(super) fn reached(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let forward = matches!(*now, Phase::Waiting | Phase::Filling);
            if forward {
                *now = phase;
            }
            forward
        });
    }

    /// Lets those who wait go.
    pub(super) fn open(&self, reason: LockStatus) {
        self.barrier.open(reason);
    }

    /// Its try failed, and the next is to be one of several. `false`: nobody waits, so that it is nobody's business.
    pub(super) fn share(&self) -> bool {
        if !self.watched.load(Ordering::Relaxed) {
            return false;
        }
        {
            let mut second = self.second.lock();
            second.shared = true;
            second.begun += 1;
            second.open += 1;
        }
        self.reached(Phase::Failed);
        self.open(LockStatus::TransientError);
        true
    }

    pub(super) fn is_shared(&self) -> bool {
        self.second.lock().shared
    }

    /// From now on a body that takes longer than `age` lets those who wait go.
    pub(super) fn watch(self: &Arc<Self>, age: Duration) {
        if self.watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (mut phase, flight) = (self.phase.subscribe(), Arc::downgrade(self));
        runtime.spawn(async move {
            let begun = phase
                .wait_for(|phase| *phase != Phase::Waiting)
                .await
                .map(|phase| *phase);
            if !matches!(begun, Ok(Phase::Filling)) {
                return;
            }
            let over = phase.wait_for(|phase| *phase != Phase::Filling);
            if tokio::time::timeout(age, over).await.is_err()
                && let Some(flight) = flight.upgrade()
            {
                flight.open(LockStatus::AgeTimeout);
            }
        });
    }

    /// What a request that waited for this failed fetch is to do, when at most `most` may try again.
    pub(super) fn second_try(self: &Arc<Self>, most: usize, stale_writer: bool) -> SecondTry {
        let mut second = self.second.lock();
        if second.succeeded {
            return SecondTry::LookAgain;
        }
        if second.begun < most {
            second.begun += 1;
            second.open += 1;
            let ticket = Ticket::Second(Arc::clone(self));
            return SecondTry::Fetch(permit(Some(ticket), stale_writer));
        }
        if second.open == 0 {
            return SecondTry::Fail(permit(None, stale_writer));
        }
        SecondTry::Wait(second.gate.get_or_insert_with(|| Barrier::new(false)).reader())
    }

    /// One who tried again is through.
    pub(super) fn second_landed(&self, reason: LockStatus) {
        let gate = {
            let mut second = self.second.lock();
            second.open = second.open.saturating_sub(1);
            let failed = reason == LockStatus::TransientError;
            second.succeeded |= !failed;
            if failed && second.open > 0 {
                return;
            }
            second.gate.take()
        };
        if let Some(gate) = gate {
            gate.open(reason);
        }
    }
}

fn permit(ticket: Option<Ticket>, stale_writer: bool) -> WritePermit {
    let mut extensions = Extensions::new();
    if let Some(ticket) = ticket {
        extensions.insert(ticket);
    }
    WritePermit::new(NEVER, stale_writer, extensions).0
}
