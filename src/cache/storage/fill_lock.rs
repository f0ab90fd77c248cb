//! One fetch per object, without the gap between looking and locking.
//!
//! The engine looks an object up and takes the fill lock afterwards. A fill that ends in between, which is
//! likely while a lookup waits for Redis, leaves neither object nor lock to such a request, and it would
//! fetch once more. Whoever gets the lock therefore looks into memory again.

use std::sync::Arc;
use std::time::Duration;

use pingora_cache::CacheKey;
use pingora_cache::lock::{CacheKeyLock, CacheLock, LockStatus, Locked, WritePermit};

use super::lookup_of;
use crate::cache::tiered::Tiered;
use crate::clock::Clock;

/// The engine's lock, and what is looked into again.
#[derive(Debug)]
pub struct FillLock {
    lock: CacheLock,
    tiers: Arc<Tiered>,
    clock: Clock,
}

impl FillLock {
    /// A fill older than `age` no longer holds others back.
    #[must_use]
    pub fn new(age: Duration, tiers: Arc<Tiered>, clock: Clock) -> Self {
        Self {
            lock: CacheLock::new(age),
            tiers,
            clock,
        }
    }

    /// Whether memory holds a fresh object that the lookup before this lock did not see.
    fn filled_meanwhile(&self, key: &CacheKey) -> bool {
        let Some(lookup) = lookup_of(key) else {
            return false;
        };
        let Some(entry) = self.tiers.get_memory(lookup.root, &lookup.request) else {
            return false;
        };
        let seen = lookup.found.lock();
        let known = seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &entry));
        !known && entry.times.is_fresh(self.clock.now())
    }
}

impl CacheKeyLock for FillLock {
    fn lock(&self, key: &CacheKey, stale_writer: bool) -> Locked {
        match self.lock.lock(key, stale_writer) {
            Locked::Write(permit) if self.filled_meanwhile(key) => {
                // A lock to wait for that is over already: the engine looks the object up again.
                let reader = self.lock.lock(key, stale_writer);
                self.lock.release(key, permit, LockStatus::Done);
                reader
            }
            locked => locked,
        }
    }

    fn release(&self, key: &CacheKey, permit: WritePermit, reason: LockStatus) {
        self.lock.release(key, permit, reason);
    }
}

#[cfg(test)]
mod tests;
