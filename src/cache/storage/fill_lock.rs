//! One fetch per object, and what becomes of those who waited for it.
//!
//! - A stored answer lets the waiters look again; an answer that may not be stored lets them all go.
//! - A fetch that *failed* lets a few of them try at once ([`flight::Second`]); the others get the error when
//!   those fail too. One by one, the last of a thousand would wait for a thousand failures; all together they
//!   would fall upon an origin in trouble; and the error of a single client's request is not everyone's.
//! - A client that left, or whose request turned out to be for itself alone, is followed by the next.
//! - Waiters stay as long as the origin takes to begin its answer, which its own timeouts bound; a body that
//!   is slow to come, because its client reads slowly, holds them for `age` only.
//!
//! The engine looks an object up and takes the lock afterwards. A fill that ends in between, which is
//! likely while a lookup waits for Redis, leaves neither object nor lock to such a request, and it would
//! fetch once more. Whoever gets the lock therefore looks into memory again.

mod fetching;
mod flight;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora_cache::CacheKey;
use pingora_cache::key::CacheHashKey;
use pingora_cache::lock::{CacheKeyLock, LockStatus, Locked, ReadLock, WritePermit};
use pingora_cache::trace::Span;

use super::{Lookup, lookup_of};
use crate::cache::tiered::Tiered;
use crate::clock::Clock;
use crate::telemetry::Metrics;
pub use fetching::Fetching;
use fetching::Part;
use flight::{Flight, Phase, SecondTry, Ticket};

/// Parts of the table, so that requests for different keys seldom meet.
const SHARDS: usize = 16;

type Shard = Mutex<HashMap<u128, Arc<Flight>>>;

/// How long others are held back, and what they do then.
#[derive(Debug, Clone, Copy)]
pub struct LockTerms {
    /// Time from the head of an answer after which its fill holds nobody back (`cache.lock_age`).
    pub age: Duration,
    /// How many of those who waited for a failed fetch try again at once (`cache.lock_retries`).
    pub retries: usize,
}

/// Who fetches which key now.
pub struct FillLock {
    flights: [Shard; SHARDS],
    terms: ArcSwap<LockTerms>,
    tiers: Arc<Tiered>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl FillLock {
    /// Nobody fetches yet.
    #[must_use]
    pub fn new(terms: LockTerms, tiers: Arc<Tiered>, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            flights: Default::default(),
            terms: ArcSwap::from_pointee(terms),
            tiers,
            clock,
            metrics,
        }
    }

    /// Takes other terms for those who come from now on.
    pub fn set_terms(&self, terms: LockTerms) {
        self.terms.store(Arc::new(terms));
    }

    fn shard(&self, key: u128) -> &Shard {
        let index = key as usize % SHARDS;
        &self.flights[index]
    }

    /// Whether memory holds a fresh object that the lookup before this lock did not see.
    fn filled_meanwhile(&self, lookup: &Lookup) -> bool {
        let Some(entry) = self.tiers.get_memory(lookup.root, &lookup.request) else {
            return false;
        };
        let seen = lookup.found.lock();
        let known = seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &entry));
        !known && entry.times.is_fresh(self.clock.now())
    }

    /// The first for this key fetches, the others wait.
    fn join(&self, key: u128, lookup: Option<&Lookup>, stale_writer: bool) -> Locked {
        let flight = {
            let mut flights = self.shard(key).lock();
            if let Some(flight) = flights.get(&key).filter(|flight| flight.is_on()) {
                Err(Arc::clone(flight))
            } else {
                let (flight, permit) = Flight::take_off(stale_writer);
                flights.insert(key, Arc::clone(&flight));
                Ok((flight, permit))
            }
        };
        let take_part = |part: Part| {
            if let Some(lookup) = lookup {
                *lookup.fetching.part.lock() = part;
            }
        };
        match flight {
            Err(flight) => {
                take_part(Part::Waits(Arc::clone(&flight)));
                flight.watch(self.terms.load().age);
                Locked::Read(flight.reader())
            }
            Ok((flight, permit)) if lookup.is_some_and(|lookup| self.filled_meanwhile(lookup)) => {
                // A lock to wait for that is over already: the engine looks the object up again.
                let reader = flight.reader();
                self.land(key, &flight, permit, LockStatus::Done);
                Locked::Read(reader)
            }
            Ok((flight, permit)) => {
                take_part(Part::Leads(flight));
                Locked::Write(permit)
            }
        }
    }

    fn land(&self, key: u128, flight: &Arc<Flight>, mut permit: WritePermit, reason: LockStatus) {
        {
            let mut flights = self.shard(key).lock();
            if flights.get(&key).is_some_and(|now| Arc::ptr_eq(now, flight)) {
                flights.remove(&key);
            }
        }
        if flight.is_shared() {
            flight.second_landed(reason);
        }
        flight.open(reason);
        permit.unlock(reason);
    }
}

impl CacheKeyLock for FillLock {
    fn lock(&self, key: &CacheKey, stale_writer: bool) -> Locked {
        let hash = u128::from_be_bytes(key.combined_bin());
        let lookup = lookup_of(key).map(AsRef::as_ref);
        let failed = lookup.and_then(|lookup| {
            let mut part = lookup.fetching.part.lock();
            match std::mem::take(&mut *part) {
                Part::Waits(flight) if flight.has_failed() => Some(flight),
                other => {
                    *part = other;
                    None
                }
            }
        });
        let (Some(lookup), Some(flight)) = (lookup, failed) else {
            return self.join(hash, lookup, stale_writer);
        };
        match flight.second_try(self.terms.load().retries, stale_writer) {
            SecondTry::Fetch(permit) => {
                *lookup.fetching.part.lock() = Part::TriesAgain;
                Locked::Write(permit)
            }
            SecondTry::Wait(reader) => {
                *lookup.fetching.part.lock() = Part::Waits(flight);
                Locked::Read(reader)
            }
            SecondTry::LookAgain => self.join(hash, Some(lookup), stale_writer),
            SecondTry::Fail(permit) => {
                lookup.fetching.give_up();
                Locked::Write(permit)
            }
        }
    }

    fn release(&self, key: &CacheKey, mut permit: WritePermit, reason: LockStatus) {
        let hash = u128::from_be_bytes(key.combined_bin());
        match permit.extensions().get::<Ticket>().cloned() {
            Some(Ticket::First(flight)) => {
                let failed = reason == LockStatus::TransientError
                    && lookup_of(key).is_some_and(|lookup| lookup.fetching.has_failed());
                flight.reached(if failed { Phase::Failed } else { Phase::Landed });
                self.land(hash, &flight, permit, reason);
            }
            Some(Ticket::Second(flight)) => {
                permit.unlock(reason);
                flight.second_landed(reason);
            }
            None => permit.unlock(reason),
        }
    }

    fn trace_lock_wait(&self, _span: &mut Span, _lock: &ReadLock, status: LockStatus) {
        let result = match status {
            LockStatus::Done => "filled",
            LockStatus::GiveUp => "uncacheable",
            LockStatus::TransientError | LockStatus::Dangling | LockStatus::Waiting => "failed",
            LockStatus::WaitTimeout => "timeout",
            LockStatus::AgeTimeout => "slow",
        };
        self.metrics.cache_waits.with_label_values(&[result]).inc();
    }
}

#[cfg(test)]
mod tests;
