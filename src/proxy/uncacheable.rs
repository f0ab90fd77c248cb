//! Remembers for a while which keys turned out uncacheable (hit-for-miss), so that requests for them
//! do not queue behind each other's fetch. What is stored and fresh is served all the same: only one
//! variant of a page, or one client's wish, may have been uncacheable.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use pingora_cache::key::CacheHashKey;
use pingora_cache::predictor::CacheablePredictor;
use pingora_cache::{CacheKey, NoCacheReason};

use crate::cache::storage::lookup_of;
use crate::cache::tiered::Tiered;

/// Most keys remembered; the least used go first.
const KEYS_MAX: u64 = 100_000;

/// The memory.
#[derive(Debug)]
pub struct Uncacheable {
    keys: Cache<u128, NoCacheReason>,
    tiers: Option<Arc<Tiered>>,
}

impl Uncacheable {
    /// Remembers a key for `memory` after its last uncacheable answer.
    #[must_use]
    pub fn new(memory: Duration) -> Self {
        Self {
            keys: Cache::builder()
                .max_capacity(KEYS_MAX)
                .time_to_live(memory)
                .build(),
            tiers: None,
        }
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
        !self.keys.contains_key(&hash(key)) || self.is_stored(key)
    }

    fn predicted_uncacheable_reason(&self, key: &CacheKey) -> Option<NoCacheReason> {
        self.keys.get(&hash(key))
    }

    fn mark_cacheable(&self, key: &CacheKey) -> bool {
        self.keys.remove(&hash(key)).is_none()
    }

    fn mark_uncacheable(&self, key: &CacheKey, reason: NoCacheReason) -> Option<bool> {
        if !lasts(reason) {
            return None;
        }
        let known = self.keys.contains_key(&hash(key));
        self.keys.insert(hash(key), reason);
        Some(!known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_until_it_becomes_cacheable() {
        let memory = Uncacheable::new(Duration::from_secs(10));
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
        let memory = Uncacheable::new(Duration::from_secs(10));
        let key = CacheKey::new("k", "");
        for reason in [NoCacheReason::UpstreamError, NoCacheReason::DeclinedToUpstream] {
            assert_eq!(memory.mark_uncacheable(&key, reason), None);
            assert!(memory.cacheable_prediction(&key));
        }
    }
}
