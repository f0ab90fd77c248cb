//! Both tiers as one cache: memory, then Redis, judged by the purge log.
//!
//! Nothing here decides what may be stored or for how long; that came from the policy with the
//! entry. An entry is the same bytes in both tiers.
//!
//! A key is looked up at its root, the slot that does not depend on `Vary`. There lies the response
//! itself, or a marker that says which fields choose among the slots of its variants.

mod examine;
mod found;
mod others;
mod renew;
#[cfg(test)]
mod tests;
mod work;

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName};
use prometheus::{IntCounter, IntCounterVec};

use super::codec;
use super::entry::{Entry, PurgeSeq, Searched, Superseded, Times};
use super::key::KeyHash;
use super::memory::{self, Alias, Memory, Slot, VariantFn, VaryNames};
use super::purge::{Proof, PurgeId, PurgeLog, PurgeReport, PurgeRequest, Reached, Verdict};
use super::redis::{Answer, Flights, RedisTier, Write};
use super::refusals::Refusals;
use crate::clock::Clock;
use crate::config::model;
use crate::redis_link::RedisLink;
use crate::telemetry::metrics::Metrics;

pub use examine::{Examined, RedisHolds};
pub use found::{Found, Looked, NotInMemory, Tier};
pub use renew::Renewal;

/// How much longer than its responses a Vary marker lives, so that it is rarely written again.
const MARKER_SLACK: Duration = Duration::from_secs(3600);

/// What the tiers hold now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in memory, all counted.
    pub memory_bytes: u64,
    /// Slots in memory.
    pub memory_entries: u64,
    /// Writes waiting for Redis.
    pub writes_queued: usize,
    /// Purge records held.
    pub purge_records: usize,
    /// Whether all purges in Redis have been seen.
    pub purges_synced: bool,
}

/// The cache.
#[derive(Debug)]
pub struct Tiered {
    parts: Arc<ArcSwap<Parts>>,
    /// Tells [`Tiered::run`] that the parts are others.
    renewed: tokio::sync::watch::Sender<()>,
    variant: VariantFn,
    log: Arc<PurgeLog>,
    flights: Flights,
    refusals: Refusals,
    clock: Clock,
    hit: IntCounter,
    miss: IntCounter,
    superseded: IntCounterVec,
}

/// What another configuration replaces.
#[derive(Debug)]
struct Parts {
    memory: Arc<Memory>,
    /// The memory of another size before this one, while it is copied.
    former: Weak<Memory>,
    redis: Option<Redis>,
    pop: String,
}

#[derive(Debug, Clone)]
struct Redis {
    tier: Arc<RedisTier>,
    link: Arc<RedisLink>,
    purges: String,
    pop: String,
}

impl Tiered {
    /// An empty cache of the PoP `pop`. Redis is used when both the configuration and a link are given; its
    /// writes and purges go on while [`Tiered::run`] is polled.
    #[must_use]
    pub fn new(
        pop: &str,
        config: &model::Cache,
        link: Option<Arc<RedisLink>>,
        log: Arc<PurgeLog>,
        metrics: &Metrics,
        clock: Clock,
        variant: VariantFn,
    ) -> Arc<Self> {
        let lookups = |result| metrics.cache_lookups.with_label_values(&["memory", result]);
        let redis = Redis::new(pop, config, link, &log, &clock, metrics);
        let memory = Arc::new(Memory::new(config.memory, variant, clock.clone(), metrics));
        let tiered = Arc::new(Self {
            parts: Arc::new(ArcSwap::from_pointee(Parts {
                memory,
                former: Weak::new(),
                redis,
                pop: pop.to_owned(),
            })),
            renewed: tokio::sync::watch::Sender::new(()),
            variant,
            log,
            flights: Flights::default(),
            refusals: Refusals::default(),
            clock,
            hit: lookups("hit"),
            miss: lookups("miss"),
            superseded: metrics.cache_superseded.clone(),
        });
        tiered.listen();
        tiered
    }

    /// The response in memory, if no purge hit it: one that is softly purged takes the longer way
    /// through [`Tiered::get`], and so does one that another popgate has replaced. Not counted as a lookup; [`Tiered::count_hit`] when it is served.
    #[must_use]
    pub fn get_memory(&self, root: KeyHash, request: &HeaderMap) -> Option<Arc<Entry>> {
        let place = self.parts.load().memory.find(root, request);
        let entry = place.entry.filter(|_| !place.superseded)?;
        (self.log.verdict(&entry) == Verdict::Valid).then_some(entry)
    }

    /// Whether a response in memory, or a later one in Redis, answers this request without validation: fresh,
    /// and hit by no purge.
    #[must_use]
    pub fn has_fresh(&self, root: KeyHash, request: &HeaderMap) -> bool {
        let entry = self.parts.load().memory.find(root, request).entry;
        entry.is_some_and(|entry| {
            entry.times.is_fresh(self.clock.now()) && self.log.verdict(&entry) == Verdict::Valid
        })
    }

    /// The response in memory, if no purge hit it, for a request whose variant slot `variant` makes from the
    /// fields that choose it. Not counted; [`Tiered::count_hit`] when it is served.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find_memory(
        &self,
        root: KeyHash,
        variant: impl FnOnce(&[HeaderName]) -> Option<KeyHash>,
    ) -> Result<Arc<Entry>, NotInMemory> {
        let parts = self.parts.load();
        let entry = match parts.memory.slot(root) {
            Some(Slot::Object(entry)) => entry,
            Some(Slot::Vary(vary)) if vary.superseded.is() => return Err(NotInMemory::Superseded),
            Some(Slot::Vary(vary)) => {
                let slot = variant(&vary.names).ok_or(NotInMemory::Variant)?;
                parts.memory.object(slot).ok_or(NotInMemory::Absent)?
            }
            Some(Slot::Alias(_)) | None => return Err(NotInMemory::Absent),
        };
        match self.log.verdict(&entry) {
            Verdict::Valid if entry.superseded.is() => Err(NotInMemory::Superseded),
            Verdict::Valid => Ok(entry),
            Verdict::Stale { .. } | Verdict::Gone => Err(NotInMemory::Purged),
        }
    }

    /// Whether there is more than memory.
    #[must_use]
    pub fn has_redis(&self) -> bool {
        self.parts.load().redis.is_some()
    }

    /// Counts a hit that came out of [`Tiered::get_memory`] or [`Tiered::find_memory`].
    pub fn count_hit(&self) {
        self.hit.inc();
    }

    /// The response in memory or Redis, as [`Tiered::look`].
    pub async fn get(&self, root: KeyHash, request: &HeaderMap) -> Option<Found> {
        self.look(root, request).await.found
    }

    /// Looks into memory and, if that has nothing fresh, into Redis. Waits for Redis at most its timeout; whatever goes wrong
    /// there is a miss.
    pub async fn look(&self, root: KeyHash, request: &HeaderMap) -> Looked {
        self.log.settle().await;
        let parts = self.parts.load_full();
        let deadline = self.deadline(&parts);
        let mut place = parts.memory.find(root, request);
        if place.superseded {
            place = self.settled(&parts, root, request, deadline).await;
        }
        let varies_here = || place.slot != root || parts.memory.vary(root).is_some();
        let here = place
            .entry
            .and_then(|entry| self.judge(&parts, entry, Tier::Memory));
        let usable = here.as_ref().is_some_and(|found| self.is_usable(found));
        match (&here, &parts.redis) {
            (Some(_), redis) if usable || redis.is_none() => self.hit.inc(),
            _ => self.miss.inc(),
        }
        if usable || parts.redis.is_none() {
            let varies = here.is_none() && varies_here();
            return Looked { found: here, varies };
        }
        // Another popgate may have fetched it since.
        let reading = self.read_for(&parts, root, place.slot, request);
        let there = tokio::time::timeout_at(deadline, reading).await;
        let (there, varies) = there.unwrap_or_default();
        let there = there.and_then(|entry| self.judge(&parts, entry, Tier::Redis));
        let found = match (here, there) {
            (Some(here), Some(there)) if !there.entry.is_newer_than(&here.entry) => Some(here),
            (here, there) => there.or(here),
        };
        let varies = varies || varies_here();
        Looked { found, varies }
    }

    fn is_usable(&self, found: &Found) -> bool {
        found.verdict == Verdict::Valid && found.entry.times.is_fresh(self.clock.now())
    }

    /// Reads the response for a request from Redis, by way of the marker where there is one, and whether there is one.
    async fn read_for(
        &self,
        parts: &Parts,
        root: KeyHash,
        slot: KeyHash,
        request: &HeaderMap,
    ) -> (Option<Arc<Entry>>, bool) {
        let vary = match self.read(parts, slot).await {
            Some(Slot::Object(entry)) => return (Some(entry), slot != root),
            Some(Slot::Vary(vary)) if slot == root => {
                let variant = parts.memory.variant(root, &vary, request);
                if let Some(entry) = self.read_object(parts, variant).await {
                    return (Some(entry), true);
                }
                Some(vary)
            }
            _ if slot == root => return (None, false),
            _ => parts.memory.vary(root),
        };
        let alias = vary.and_then(|vary| memory::alias_for(root, &vary.names, request));
        let entry = match alias {
            Some(alias) => self.read_alias(parts, alias).await,
            None => None,
        };
        (entry, true)
    }

    async fn read_alias(&self, parts: &Parts, alias: KeyHash) -> Option<Arc<Entry>> {
        match self.read(parts, alias).await? {
            Slot::Alias(alias) => self.read_object(parts, alias.slot).await,
            Slot::Object(_) | Slot::Vary(_) => None,
        }
    }

    async fn read_object(&self, parts: &Parts, slot: KeyHash) -> Option<Arc<Entry>> {
        match self.read(parts, slot).await? {
            Slot::Object(entry) => Some(entry),
            Slot::Vary(_) | Slot::Alias(_) => None,
        }
    }

    fn judge(&self, parts: &Parts, entry: Arc<Entry>, tier: Tier) -> Option<Found> {
        match self.log.verdict(&entry) {
            Verdict::Gone => {
                parts.memory.remove_entry(&entry);
                None
            }
            verdict => Some(Found { entry, tier, verdict }),
        }
    }

    /// Reads a slot from Redis into memory.
    async fn read(&self, parts: &Parts, slot: KeyHash) -> Option<Slot> {
        let tier = Arc::clone(&parts.redis.as_ref()?.tier);
        let memory = Arc::clone(&parts.memory);
        let flights = self.flights.clone();
        let answer = match tier.pending(slot) {
            Some(pending) => {
                if let Answer::Found(found) = &pending {
                    memory.promote(slot, found.clone());
                }
                pending
            }
            None => {
                let reader = Arc::clone(&tier);
                let reading = self.flights.join(slot, || async move {
                    let answer = reader.get(slot).await;
                    others::take_in(&memory, &flights, slot, &answer);
                    answer
                });
                let read = reading.await;
                // It may have begun before what has been put on its way since.
                tier.pending(slot).unwrap_or(read)
            }
        };
        match answer {
            Answer::Found(found) => Some(found),
            Answer::Miss | Answer::Error | Answer::Skipped => None,
        }
    }

    /// Stores a response: in memory at once, in Redis soon. Its slot was made from its root and the
    /// request's values of the fields `vary`; without names it is the root. A response that is dead
    /// already or was purged hard since its fetch began only removes what it would have replaced.
    pub fn put(&self, entry: Entry, vary: &[HeaderName]) {
        let entry = Arc::new(memory::compact(entry));
        let dead_at = memory::dead_at(&entry);
        if dead_at <= self.clock.now() || self.log.verdict(&entry) == Verdict::Gone {
            self.remove(entry.slot);
            return;
        }
        if entry.slot != entry.root {
            self.mark(entry.root, vary.into(), dead_at);
        }
        self.refusals.forget(entry.root);
        self.store(entry);
    }

    /// Replaces an entry's headers, times and place in the purge log, which a 304 confirmed, and keeps
    /// its body. `seq` is the log's head when the validation began.
    pub fn refresh(&self, old: &Entry, headers: HeaderMap, times: Times, seq: PurgeSeq) -> Arc<Entry> {
        let entry = memory::own_headers(Entry {
            headers,
            times: codec::normalise(times),
            seq,
            searched: Searched::default(),
            ..old.clone()
        });
        let entry = Arc::new(entry);
        if entry.slot != entry.root
            && let Some(vary) = self.parts.load().memory.vary(entry.root)
        {
            self.mark(entry.root, vary.names.clone(), memory::dead_at(&entry));
        }
        self.store(Arc::clone(&entry));
        entry
    }

    /// Lets a stored response be found by its language: `alias` is the slot that clients look into who
    /// prefer that language ([`memory::alias_for`]).
    pub fn alias(&self, alias: KeyHash, entry_slot: KeyHash) {
        let parts = self.parts.load();
        let Some(entry) = parts
            .memory
            .object(entry_slot)
            .or_else(|| parts.pending(entry_slot))
        else {
            return;
        };
        let dead_at = memory::dead_at(&entry);
        let alias_to = Alias {
            slot: entry_slot,
            dead_at: dead_at.checked_add(MARKER_SLACK).unwrap_or(dead_at),
        };
        parts.memory.insert(alias, Slot::Alias(alias_to));
        self.write(alias, Write::Alias(alias_to));
    }

    fn store(&self, entry: Arc<Entry>) {
        let slot = entry.slot;
        self.parts
            .load()
            .memory
            .insert(slot, Slot::Object(Arc::clone(&entry)));
        self.write(slot, Write::Object(entry));
    }

    /// Sees to it that the root slot leads to responses that live until `dead_at`.
    fn mark(&self, root: KeyHash, names: Box<[HeaderName]>, dead_at: SystemTime) {
        let parts = self.parts.load();
        let marker = match parts.memory.vary(root) {
            Some(old) if old.names == names && old.dead_at >= dead_at => old,
            _ => {
                let dead_at = dead_at.checked_add(MARKER_SLACK).unwrap_or(dead_at);
                let marker = Arc::new(VaryNames {
                    names,
                    dead_at,
                    superseded: Superseded::default(),
                });
                parts.memory.insert(root, Slot::Vary(Arc::clone(&marker)));
                marker
            }
        };
        // Always: Redis may have lost the one it had.
        self.write(root, Write::Vary(marker));
    }

    /// Drops what lies in a slot, in both tiers.
    pub fn remove(&self, slot: KeyHash) {
        let parts = self.parts.load();
        if let Some(former) = parts.former.upgrade() {
            former.remove(slot);
        }
        parts.memory.remove(slot);
        self.write(slot, Write::Withdraw);
    }

    fn write(&self, slot: KeyHash, write: Write) {
        if let Some(redis) = &self.parts.load().redis {
            redis.tier.write(slot, write);
        }
    }

    /// Purges: here at once, and in Redis, where the other popgates hear of it. When Redis does not
    /// answer in time it is announced once it does.
    pub async fn purge(&self, request: &PurgeRequest) -> PurgeReport {
        let parts = self.parts.load_full();
        let taken = self.log.purge_at(request);
        let ticket = taken.and_then(|(_, ticket)| ticket);
        if request.everything && request.hard {
            clear(&parts.memory);
        }
        let redis = match (&parts.redis, ticket) {
            (None, _) => Reached::NotConfigured,
            (Some(_), None) => Reached::Reached,
            (Some(redis), Some(ticket)) => self.log.announce(&redis.link, &redis.purges, ticket).await,
        };
        if redis == Reached::Unreachable {
            let log = Arc::clone(&self.log);
            // The task cannot fail but with the process.
            let _ = tokio::task::spawn_blocking(move || log.sync_journal()).await;
        }
        PurgeReport {
            kind: request.kind(),
            local: true,
            redis,
            id: taken.map(|(place, ticket)| self.log.id_of(place, ticket)),
        }
    }

    /// Who has applied a purge. `None`: nothing is known of it, or Redis does not answer.
    pub async fn proof(&self, id: PurgeId) -> Option<Proof> {
        let parts = self.parts.load_full();
        let link = parts
            .redis
            .as_ref()
            .map(|redis| (&*redis.link, redis.purges.as_str()));
        self.log.proof(link, &parts.pop, id).await
    }

    /// The head of the purge log: take it before a fetch begins.
    #[must_use]
    pub fn head(&self) -> PurgeSeq {
        self.log.head()
    }

    /// What the tiers hold now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let parts = self.parts.load();
        let (memory_bytes, memory_entries) = parts.memory.size();
        Stats {
            memory_bytes,
            memory_entries,
            writes_queued: parts.redis.as_ref().map_or(0, |redis| redis.tier.queued()),
            purge_records: self.log.records(),
            purges_synced: self.log.synced(),
        }
    }
}

impl Parts {
    /// The response on its way to Redis.
    fn pending(&self, slot: KeyHash) -> Option<Arc<Entry>> {
        match self.redis.as_ref()?.tier.pending(slot)? {
            Answer::Found(Slot::Object(entry)) => Some(entry),
            _ => None,
        }
    }
}

/// Gives all memory back, on a thread that may take its time.
fn clear(memory: &Arc<Memory>) {
    let memory = Arc::clone(memory);
    tokio::task::spawn_blocking(move || memory.clear());
}
