//! Remembers for a while which keys turned out uncacheable (hit-for-miss), so that requests for them
//! do not queue behind each other's fetch. What is stored and fresh is served all the same: only one
//! variant of a page, or one client's wish, may have been uncacheable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use pingora_cache::key::CacheHashKey;
use pingora_cache::predictor::CacheablePredictor;
use pingora_cache::{CacheKey, NoCacheReason};

use crate::cache::storage::lookup_of;
use crate::cache::tiered::Tiered;
use crate::clock::{Clock, millis};

/// Parts of the table, so that requests for different keys seldom meet.
const SHARDS: usize = 16;
/// Places of a shard where a key may lie, times [`WAYS`]: 65,536 keys in all, in 4 MiB at most.
const SETS: usize = 1024;
/// Keys that share a place; the one noted first goes first.
const WAYS: usize = 4;

/// A key and when it was last found uncacheable.
#[derive(Debug, Clone, Copy)]
struct Noted {
    key: u128,
    at: SystemTime,
    reason: NoCacheReason,
}

type Shard = Mutex<Vec<[Option<Noted>; WAYS]>>;

/// The memory: a table of fixed size, so that a flood of uncacheable keys costs nothing but each other's
/// places.
#[derive(Debug)]
pub struct Uncacheable {
    shards: [Shard; SHARDS],
    /// Milliseconds.
    memory: AtomicU64,
    clock: Clock,
    tiers: Option<Arc<Tiered>>,
}

impl Uncacheable {
    /// Remembers a key for `memory` after its last uncacheable answer.
    #[must_use]
    pub fn new(memory: Duration, clock: Clock) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(vec![[None; WAYS]; SETS])),
            memory: AtomicU64::new(millis(memory)),
            clock,
            tiers: None,
        }
    }

    /// Remembers for another while from now on.
    pub fn set_memory(&self, memory: Duration) {
        self.memory.store(millis(memory), Ordering::Relaxed);
    }

    /// Works on the place of a key.
    fn at<T>(&self, key: u128, work: impl FnOnce(&mut [Option<Noted>; WAYS], SystemTime) -> T) -> T {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash do")]
        let (shard, set) = (key as usize % SHARDS, (key >> 64) as usize % SETS);
        work(&mut self.shards[shard].lock()[set], self.clock.now())
    }

    fn find(&self, key: u128) -> Option<NoCacheReason> {
        let memory = Duration::from_millis(self.memory.load(Ordering::Relaxed));
        self.at(key, |ways, now| {
            let noted = ways.iter().flatten().find(|noted| noted.key == key)?;
            // A clock that was set back says nothing about age.
            let alive = now.duration_since(noted.at).is_ok_and(|age| age < memory);
            alive.then_some(noted.reason)
        })
    }

    fn note(&self, key: u128, reason: NoCacheReason) {
        self.at(key, |ways, now| {
            let new = Noted { key, at: now, reason };
            let same = |way: &&mut Option<Noted>| way.is_some_and(|noted| noted.key == key);
            if let Some(way) = ways.iter_mut().find(same) {
                *way = Some(new);
            } else if let Some(way) = ways.iter_mut().min_by_key(|way| way.map(|noted| noted.at)) {
                *way = Some(new);
            }
        });
    }

    fn forget(&self, key: u128) -> bool {
        self.at(key, |ways, _| {
            let way = ways
                .iter_mut()
                .find(|way| way.is_some_and(|noted| noted.key == key));
            way.map(Option::take).is_some()
        })
    }

    /// Lets requests for what is stored in these tiers, and fresh, pass as if nothing were remembered.
    #[must_use]
    pub fn except_for(mut self, tiers: Arc<Tiered>) -> Self {
        self.tiers = Some(tiers);
        self
    }

    fn is_stored(&self, key: &CacheKey) -> bool {
        match (&self.tiers, lookup_of(key)) {
            (Some(tiers), Some(lookup)) => tiers.has_fresh(lookup.root, &lookup.request),
            _ => false,
        }
    }

    /// Whether other variants of the page are stored where only a lookup finds them, which a noted key does not get.
    fn has_other_variants(&self, key: &CacheKey) -> bool {
        let layered = self.tiers.as_ref().is_some_and(|tiers| tiers.has_redis());
        layered && lookup_of(key).is_some_and(|lookup| lookup.varies.load(Ordering::Relaxed))
    }
}

fn hash(key: &CacheKey) -> u128 {
    u128::from_be_bytes(key.primary_bin())
}

/// Whether the reason speaks of the page, not of one request or of the moment.
fn lasts(reason: NoCacheReason) -> bool {
    matches!(
        reason,
        NoCacheReason::OriginNotCache | NoCacheReason::ResponseTooLarge | NoCacheReason::Custom(_)
    )
}

impl CacheablePredictor for Uncacheable {
    fn cacheable_prediction(&self, key: &CacheKey) -> bool {
        self.find(hash(key)).is_none() || self.is_stored(key)
    }

    fn predicted_uncacheable_reason(&self, key: &CacheKey) -> Option<NoCacheReason> {
        self.find(hash(key))
    }

    fn mark_cacheable(&self, key: &CacheKey) -> bool {
        !self.forget(hash(key))
    }

    fn mark_uncacheable(&self, key: &CacheKey, reason: NoCacheReason) -> Option<bool> {
        if !lasts(reason) || self.has_other_variants(key) {
            return None;
        }
        let known = self.find(hash(key)).is_some();
        self.note(hash(key), reason);
        Some(!known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> (Uncacheable, Clock) {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        (Uncacheable::new(Duration::from_secs(10), clock.clone()), clock)
    }

    #[test]
    fn a_key_is_forgotten_after_a_while() {
        let (memory, clock) = memory();
        let key = CacheKey::new("k", "");
        memory.mark_uncacheable(&key, NoCacheReason::Custom("private"));
        clock.advance(Duration::from_millis(9_999));
        assert!(!memory.cacheable_prediction(&key));
        clock.advance(Duration::from_millis(1));
        assert!(memory.cacheable_prediction(&key));
    }

    #[test]
    fn a_flood_of_keys_takes_the_places_of_the_oldest() {
        let clock = memory().1;
        let memory = Uncacheable::new(Duration::from_secs(86_400), clock.clone());
        // They share 1024 places: the lower bits of both halves go together.
        let places = SETS.max(SHARDS) as u128;
        let spread = |key: u128| key << 64 | key;
        for key in 0..200_000 {
            clock.advance(Duration::from_millis(1));
            memory.note(spread(key), NoCacheReason::OriginNotCache);
        }
        let kept: Vec<u128> = (0..200_000)
            .filter(|key| memory.find(spread(*key)).is_some())
            .collect();
        assert!(kept.len() <= SHARDS * SETS * WAYS);
        assert!(kept.contains(&199_999));
        assert!(!kept.contains(&0));
        let newest: Vec<u128> = (200_000 - places * WAYS as u128..200_000).collect();
        assert_eq!(kept, newest);
    }

    #[test]
    fn a_key_is_remembered_until_it_becomes_cacheable() {
        let memory = memory().0;
        let key = CacheKey::new("k", "");
        assert!(memory.cacheable_prediction(&key));
        assert_eq!(
            memory.mark_uncacheable(&key, NoCacheReason::Custom("private")),
            Some(true)
        );
        assert!(!memory.cacheable_prediction(&key));
        assert!(!memory.mark_cacheable(&key));
        assert!(memory.cacheable_prediction(&key));
    }

    #[test]
    fn errors_and_one_clients_wishes_are_not_remembered() {
        let memory = memory().0;
        let key = CacheKey::new("k", "");
        for reason in [NoCacheReason::UpstreamError, NoCacheReason::DeclinedToUpstream] {
            assert_eq!(memory.mark_uncacheable(&key, reason), None);
            assert!(memory.cacheable_prediction(&key));
        }
    }
}
