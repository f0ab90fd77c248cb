//! What one request has to do with the fetch of its key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::flight::{Flight, Phase};

/// The part a request takes.
#[derive(Default)]
pub(super) enum Part {
    /// None, or one of its own that concerns nobody else.
    #[default]
    Own,
    /// It waits for this fetch.
    Waits(Arc<Flight>),
    /// It makes this fetch, and others may wait for it.
    Leads(Arc<Flight>),
    /// It makes one of the tries that follow a failed fetch.
    TriesAgain,
}

/// A request among those for one key.
#[derive(Default)]
pub struct Fetching {
    pub(super) part: Mutex<Part>,
    failed: AtomicBool,
    given_up: AtomicBool,
}

impl Fetching {
    /// Its own fetch failed: no connection, a broken answer, or a status of 500 and above.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// The fetch it waited for failed, and so did those who tried again: it gets an error.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// The answer begins to come in.
    pub fn fills(&self) {
        if let Part::Leads(flight) = &*self.part.lock() {
            flight.reached(Phase::Filling);
        }
    }

    /// Whether a try that failed at the origin may be followed by another of the same request.
    ///
    /// Those who wait must not sit through one try after the other: the next is made by some of them and this request
    /// together, and each of those makes one.
    pub fn may_go_on(&self) -> bool {
        let mut part = self.part.lock();
        match &*part {
            Part::TriesAgain => false,
            Part::Leads(flight) => {
                if flight.share() {
                    *part = Part::TriesAgain;
                }
                true
            }
            Part::Own | Part::Waits(_) => true,
        }
    }
}

impl std::fmt::Debug for Fetching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetching")
            .field("failed", &self.failed)
            .field("given_up", &self.given_up)
            .finish_non_exhaustive()
    }
}
