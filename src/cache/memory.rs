//! The first tier: moka, weighed in bytes.
//!
//! Eviction is LRU, not TinyLFU: TinyLFU may turn away what was just filled, and then everyone who
//! waited for that fill goes to the origin after all. What LRU loses (a scan pushes out what is
//! popular) lies in Redis, one short read away.

mod compact;
mod others;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, header};
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use prometheus::{IntCounter, IntGauge};

use super::entry::{Entry, Superseded};
use super::key::KeyHash;
use super::policy::reuse::DISCONNECTED_MAX;
use super::policy::vary::{language_slot, preferred_language};
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;

pub use compact::{compact, own_headers};

/// Slot of a variant: root slot, Vary field names, request headers.
pub type VariantFn = fn(KeyHash, &[HeaderName], &HeaderMap) -> KeyHash;

/// Bytes of an entry in moka itself beyond [`Entry::weight`]: hash table, LRU and timer nodes,
/// reference counts, what the allocator adds. Measured with many small entries.
const OVERHEAD: usize = 540;
/// After so many new bytes evictions are carried out at once instead of after moka's 64 writes,
/// so that a row of large objects cannot overshoot the limit.
const SETTLE_BYTES: u64 = 4 << 20;
/// Most rounds of freeing after everything was purged; each frees what 100 ms allow.
const CLEAR_ROUNDS: usize = 256;

/// The field names that choose among the responses of a root slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaryNames {
    /// Lower case, as the policy ordered them.
    pub names: Box<[HeaderName]>,
    /// When the last response they lead to is dead.
    pub dead_at: SystemTime,
    /// Whether another popgate has written one since.
    pub superseded: Superseded,
}

/// Where else a response is found: by its language alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// The slot it lies in.
    pub slot: KeyHash,
    /// When it is dead.
    pub dead_at: SystemTime,
}

/// What lies in a slot.
#[derive(Debug, Clone)]
pub enum Slot {
    /// A response.
    Object(Arc<Entry>),
    /// The responses lie in variant slots chosen by these fields.
    Vary(Arc<VaryNames>),
    /// The response lies elsewhere.
    Alias(Alias),
}

/// Where a lookup ended.
#[derive(Debug)]
pub struct Place {
    /// The slot the response lies in, or would, as far as memory knows.
    pub slot: KeyHash,
    /// The response, if it is there.
    pub entry: Option<Arc<Entry>>,
    /// Whether another popgate has replaced what led here.
    pub superseded: bool,
}

/// When an entry is of no use to anybody: its windows are over, it is too old to stand in for an origin
/// that cannot be reached, and there is nothing to validate it by that would be worth the memory.
#[must_use]
pub fn dead_at(entry: &Entry) -> SystemTime {
    let times = &entry.times;
    let was_fresh = times
        .fresh_until
        .checked_add(times.initial_age)
        .is_some_and(|end| end > times.stored_at);
    let validator =
        entry.headers.contains_key(header::ETAG) || entry.headers.contains_key(header::LAST_MODIFIED);
    times.dead_at(if was_fresh || validator {
        DISCONNECTED_MAX
    } else {
        Duration::ZERO
    })
}

/// Slot of the alias that would answer a request in the one language that it prefers.
#[must_use]
pub fn alias_for(root: KeyHash, names: &[HeaderName], request: &HeaderMap) -> Option<KeyHash> {
    if !names.contains(&header::ACCEPT_LANGUAGE) {
        return None;
    }
    language_slot(root, names, request, &preferred_language(request)?)
}

/// The memory tier.
#[derive(Debug)]
pub struct Memory {
    cache: moka::sync::Cache<KeyHash, Slot, Mix>,
    variant: VariantFn,
    is_off: bool,
    unsettled: AtomicU64,
    bytes: IntGauge,
    entries: IntGauge,
}

impl Memory {
    /// An empty tier of at most `capacity` bytes, keys, headers and bookkeeping counted; zero: it never holds anything.
    #[must_use]
    pub fn new(capacity: u64, variant: VariantFn, clock: Clock, metrics: &Metrics) -> Self {
        let gone = Evictions::new(metrics);
        let cache = moka::sync::Cache::builder()
            .max_capacity(capacity)
            .weigher(|_, slot: &Slot| u32::try_from(weight(slot)).unwrap_or(u32::MAX))
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Life(clock))
            .eviction_listener(move |_, _, cause| gone.count(cause))
            .build_with_hasher(Mix::default());
        metrics
            .cache_bytes_max
            .with_label_values(&["memory"])
            .set(i64::try_from(capacity).unwrap_or(i64::MAX));
        Self {
            cache,
            variant,
            is_off: capacity == 0,
            unsettled: AtomicU64::new(0),
            bytes: metrics.cache_bytes.with_label_values(&["memory"]),
            entries: metrics.cache_entries.with_label_values(&["memory"]),
        }
    }

    /// Stores what is here in another tier, as far as it fits and unless that has something newer. Takes time
    /// in proportion to the slots: not for a thread that serves requests.
    pub fn copy_to(&self, other: &Self) {
        for (key, slot) in &self.cache {
            other.promote(*key, slot);
        }
        other.run_pending();
    }

    /// Looks up the response for a request. Neither blocks nor, unless a response is sought by its
    /// language, allocates.
    #[must_use]
    pub fn find(&self, root: KeyHash, request: &HeaderMap) -> Place {
        match self.cache.get(&root) {
            Some(Slot::Object(entry)) => Place {
                slot: root,
                superseded: entry.superseded.is(),
                entry: Some(entry),
            },
            Some(Slot::Vary(vary)) => {
                let slot = (self.variant)(root, &vary.names, request);
                let by_language = || self.aliased(alias_for(root, &vary.names, request)?);
                let entry = self.object(slot).or_else(by_language);
                Place {
                    slot,
                    superseded: vary.superseded.is()
                        || entry.as_ref().is_some_and(|entry| entry.superseded.is()),
                    entry,
                }
            }
            Some(Slot::Alias(_)) | None => Place {
                slot: root,
                entry: None,
                superseded: false,
            },
        }
    }

    /// What lies in exactly this slot.
    #[must_use]
    pub fn slot(&self, slot: KeyHash) -> Option<Slot> {
        self.cache.get(&slot)
    }

    /// The response that an alias in this slot leads to.
    fn aliased(&self, slot: KeyHash) -> Option<Arc<Entry>> {
        match self.cache.get(&slot) {
            Some(Slot::Alias(alias)) => self.object(alias.slot),
            _ => None,
        }
    }

    /// The response in exactly this slot.
    #[must_use]
    pub fn object(&self, slot: KeyHash) -> Option<Arc<Entry>> {
        match self.cache.get(&slot) {
            Some(Slot::Object(entry)) => Some(entry),
            _ => None,
        }
    }

    /// The Vary marker in a root slot.
    #[must_use]
    pub fn vary(&self, root: KeyHash) -> Option<Arc<VaryNames>> {
        match self.cache.get(&root) {
            Some(Slot::Vary(vary)) => Some(vary),
            _ => None,
        }
    }

    /// The slot a request's response lies in under these names.
    #[must_use]
    pub fn variant(&self, root: KeyHash, vary: &VaryNames, request: &HeaderMap) -> KeyHash {
        (self.variant)(root, &vary.names, request)
    }

    /// Stores a slot, replacing what was there.
    pub fn insert(&self, key: KeyHash, slot: Slot) {
        if self.is_off {
            return;
        }
        let weight = weight(&slot) as u64;
        self.cache.insert(key, slot);
        self.settle(weight);
    }

    /// Stores what was read from the next tier, unless somebody stored something newer meanwhile.
    pub fn promote(&self, key: KeyHash, slot: Slot) {
        if self.is_off {
            return;
        }
        let weight = weight(&slot) as u64;
        let newer = slot.clone();
        self.cache
            .entry(key)
            .or_insert_with_if(|| slot, |old| is_newer(&newer, old));
        self.settle(weight);
    }

    /// Drops a slot.
    pub fn remove(&self, key: KeyHash) {
        self.cache.invalidate(&key);
        self.show();
    }

    /// Drops a response, unless another has taken its place.
    pub fn remove_entry(&self, entry: &Arc<Entry>) {
        if self
            .object(entry.slot)
            .is_some_and(|found| Arc::ptr_eq(&found, entry))
        {
            self.remove(entry.slot);
        }
    }

    /// Bytes it may hold.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.cache.policy().max_capacity().unwrap_or_default()
    }

    /// Drops everything and gives the memory back. Takes time in proportion to the entries.
    pub fn clear(&self) {
        self.cache.invalidate_all();
        for _ in 0..CLEAR_ROUNDS {
            let before = self.cache.entry_count();
            self.cache.run_pending_tasks();
            if self.cache.entry_count() >= before {
                break;
            }
        }
        self.show();
    }

    /// Bytes and slots held now.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        self.show();
        (self.cache.weighted_size(), self.cache.entry_count())
    }

    /// Carries out what is pending: evictions, expiries, counts.
    pub fn run_pending(&self) {
        self.cache.run_pending_tasks();
        self.show();
    }

    fn settle(&self, weight: u64) {
        if self
            .unsettled
            .fetch_add(weight, Ordering::Relaxed)
            .saturating_add(weight)
            >= SETTLE_BYTES
        {
            self.unsettled.store(0, Ordering::Relaxed);
            self.cache.run_pending_tasks();
        }
        self.show();
    }

    fn show(&self) {
        self.bytes
            .set(i64::try_from(self.cache.weighted_size()).unwrap_or(i64::MAX));
        self.entries
            .set(i64::try_from(self.cache.entry_count()).unwrap_or(i64::MAX));
    }
}

/// Bytes a slot takes, all counted.
fn weight(slot: &Slot) -> usize {
    OVERHEAD
        + match slot {
            Slot::Object(entry) => entry.weight(),
            Slot::Vary(vary) => {
                std::mem::size_of::<VaryNames>()
                    + vary.names.iter().map(|n| n.as_str().len() + 48).sum::<usize>()
            }
            Slot::Alias(_) => std::mem::size_of::<Alias>(),
        }
}

fn is_newer(new: &Slot, old: &Slot) -> bool {
    match (new, old) {
        (Slot::Object(new), Slot::Object(old)) => new.is_newer_than(old),
        (Slot::Vary(new), Slot::Vary(old)) => {
            new.dead_at > old.dead_at || (old.superseded.is() && new.names != old.names)
        }
        (Slot::Alias(new), Slot::Alias(old)) => new.dead_at > old.dead_at,
        (_, old) => old.superseded().is_some_and(Superseded::is),
    }
}

/// Each slot's own life.
struct Life(Clock);

impl Life {
    fn left(&self, slot: &Slot) -> Duration {
        let dead_at = match slot {
            Slot::Object(entry) => dead_at(entry),
            Slot::Vary(vary) => vary.dead_at,
            Slot::Alias(alias) => alias.dead_at,
        };
        dead_at.duration_since(self.0.now()).unwrap_or_default()
    }
}

impl moka::Expiry<KeyHash, Slot> for Life {
    fn expire_after_create(&self, _: &KeyHash, slot: &Slot, _: Instant) -> Option<Duration> {
        Some(self.left(slot))
    }

    fn expire_after_update(
        &self,
        _: &KeyHash,
        slot: &Slot,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.left(slot))
    }
}

/// Counters of what left the tier.
struct Evictions {
    expired: IntCounter,
    purged: IntCounter,
    replaced: IntCounter,
    size: IntCounter,
}

impl Evictions {
    fn new(metrics: &Metrics) -> Self {
        let of = |reason| metrics.cache_evictions.with_label_values(&["memory", reason]);
        Self {
            expired: of("expired"),
            purged: of("purged"),
            replaced: of("replaced"),
            size: of("size"),
        }
    }

    fn count(&self, cause: RemovalCause) {
        match cause {
            RemovalCause::Expired => &self.expired,
            RemovalCause::Explicit => &self.purged,
            RemovalCause::Replaced => &self.replaced,
            RemovalCause::Size => &self.size,
        }
        .inc();
    }
}

/// Hasher for keys that are hashes already. Their key is public, so they are mixed with secrets of
/// this process: nobody outside can choose keys that meet in one bucket.
#[derive(Debug, Clone, Copy)]
struct Mix {
    low: u64,
    high: u64,
}

impl Default for Mix {
    fn default() -> Self {
        let secret = RandomState::new();
        Self {
            low: secret.hash_one(1_u8),
            high: secret.hash_one(2_u8),
        }
    }
}

impl BuildHasher for Mix {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        Mixer { mix: *self, state: 0 }
    }
}

/// State of [`Mix`].
#[derive(Debug)]
struct Mixer {
    mix: Mix,
    state: u64,
}

impl Hasher for Mixer {
    fn write_u128(&mut self, key: u128) {
        let folded = u128::from(self.state ^ self.mix.low ^ (key as u64))
            * u128::from(self.mix.high ^ ((key >> 64) as u64));
        self.state = (folded as u64) ^ ((folded >> 64) as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u128(u128::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
