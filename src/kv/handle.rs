//! The handle that the house uses: limits, timeouts, metrics, memory in front, one read per key.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::store::{Store, Write, Written};
use super::tier::{Limits, Source, Tier, Trust, Watch};
use super::writer::{self, Enqueued, Observer, Queue};
use super::{Cursor, Item, Key, Kv, KvError, LIST_MAX, LIST_TIMEOUT, METADATA_MAX, Page, Put};
use crate::clock::Clock;
use crate::config;
use crate::telemetry::Metrics;

/// Pace of looking after a handle that another has taken the place of.
const FORMER_EVERY: Duration = Duration::from_millis(100);

type Loaded = Result<Option<Arc<Item>>, KvError>;

/// A read of the store that others wait for, too.
struct Flight {
    result: Shared<BoxFuture<'static, Loaded>>,
    /// Set when the key changed meanwhile: the result is not kept.
    overtaken: Arc<AtomicBool>,
}

struct Inner {
    store: Arc<dyn Store>,
    tier: Tier,
    queue: Arc<Queue>,
    flights: Mutex<HashMap<Key, Flight>>,
    metrics: Arc<Metrics>,
    clock: Clock,
    timeout: Duration,
    value_max: u64,
}

/// A store with its memory tier and its queue of writes.
pub struct KvHandle {
    inner: Arc<Inner>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for KvHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KvHandle")
            .field("waiting_writes", &self.inner.queue.len())
            .finish_non_exhaustive()
    }
}

impl Drop for KvHandle {
    /// The writer finishes what waits and then lets go of the store.
    fn drop(&mut self) {
        self.inner.queue.close();
    }
}

impl KvHandle {
    pub(super) fn start(
        config: &config::Kv,
        store: Arc<dyn Store>,
        source: Source,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Arc<Self> {
        let (queue, jobs) = Queue::new(config.queue_max, config.value_max);
        let queue = Arc::new(queue);
        let limits = Limits {
            memory_ttl: config.memory_ttl,
            negative_ttl: config.negative_ttl,
        };
        let inner = Arc::new(Inner {
            store: Arc::clone(&store),
            tier: Tier::new(config.memory, limits, source, clock.clone()),
            queue: Arc::clone(&queue),
            flights: Mutex::new(HashMap::new()),
            metrics,
            clock,
            timeout: config.timeout,
            value_max: config.value_max,
        });
        let observer: Arc<dyn Observer> = Arc::<Inner>::clone(&inner);
        let writer = tokio::spawn(writer::run(jobs, queue, store, observer));
        Arc::new(Self {
            inner,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Accepts a write to be carried out in the background; it is visible to this popgate at once. With
    /// `only_if_absent`, a key that is known to have a value is left alone. Never waits.
    pub fn enqueue_put(&self, key: &Key, put: Put) -> Enqueued {
        let inner = &self.inner;
        if put.only_if_absent && matches!(inner.known(key), Some((Some(_), _))) {
            return Enqueued::Known;
        }
        let submitted = inner
            .check(&put)
            .and_then(|()| inner.submit(inner.write_of(key, put), None));
        match submitted {
            Ok(true) => Enqueued::Queued,
            Ok(false) => Enqueued::Known,
            Err(_) => {
                inner.count("put", "dropped");
                Enqueued::Dropped
            }
        }
    }

    /// Takes no more writes and waits at most `limit` for those that wait; how many had to be given up.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.inner.queue.close();
        let writer = self.writer.lock().take();
        if let Some(mut writer) = writer
            && tokio::time::timeout(limit, &mut writer).await.is_err()
        {
            writer.abort();
        }
        let given_up = self.inner.queue.len();
        for _ in 0..given_up {
            self.inner.count("put", "dropped");
        }
        given_up
    }

    /// The store behind it.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.inner.store)
    }

    /// Writes that wait for the store.
    #[must_use]
    pub fn waiting_writes(&self) -> usize {
        self.inner.queue.len()
    }

    /// The Redis behind it, if any.
    #[cfg(test)]
    pub(crate) fn link(&self) -> Option<Arc<crate::redis_link::RedisLink>> {
        match &self.inner.tier.source {
            Source::Shared(link) => Some(Arc::clone(link)),
            Source::Nothing | Source::Ours => None,
        }
    }

    /// For reports of changes by other machines.
    pub(super) fn listener(&self) -> Listener {
        Listener(Arc::downgrade(&self.inner))
    }
}

/// Waits until `former`, another handle of the same store, has no user and nothing waiting, and forgets what was
/// read meanwhile: it may be older than what `former` wrote.
pub(super) async fn forget_copies_behind(former: Arc<KvHandle>, handle: Weak<KvHandle>) {
    while Arc::strong_count(&former) > 1 || former.waiting_writes() > 0 {
        tokio::time::sleep(FORMER_EVERY).await;
    }
    if let Some(handle) = handle.upgrade() {
        handle.listener().all_changed();
    }
}

/// Drops copies that another machine made untrue.
pub(super) struct Listener(Weak<Inner>);

impl Listener {
    /// `key` changed.
    pub(super) fn changed(&self, key: &str) {
        if let (Some(inner), Ok(key)) = (self.0.upgrade(), Key::new(key)) {
            inner.overtake(&key);
            inner.tier.remove(&key);
        }
    }

    /// Anything may have changed.
    pub(super) fn all_changed(&self) {
        if let Some(inner) = self.0.upgrade() {
            let flights = std::mem::take(&mut *inner.flights.lock());
            flights
                .values()
                .for_each(|flight| flight.overtaken.store(true, Ordering::Release));
            inner.tier.clear();
        }
    }
}

#[async_trait]
impl Kv for KvHandle {
    async fn get(&self, key: &Key) -> Result<Option<Arc<Item>>, KvError> {
        let known = self.inner.known(key);
        let found = match known {
            Some((item, Trust::Good)) => Ok(item),
            other => match tokio::time::timeout(self.inner.timeout, self.inner.flight(key)).await {
                Ok(Ok(item)) => Ok(item),
                failed => match other {
                    // An old answer is better than none while the store is away.
                    Some((item, _)) => Ok(item),
                    None => failed.unwrap_or(Err(KvError::Timeout)),
                },
            },
        };
        let result = match &found {
            Ok(Some(_)) => "hit",
            Ok(None) => "miss",
            Err(_) => "error",
        };
        self.inner.count("get", result);
        found
    }

    async fn put(&self, key: &Key, put: Put) -> Result<bool, KvError> {
        self.inner.check(&put)?;
        self.inner.submit_and_wait(self.inner.write_of(key, put)).await
    }

    async fn delete(&self, key: &Key) -> Result<bool, KvError> {
        self.inner
            .submit_and_wait(Write::Delete { key: key.clone() })
            .await
    }

    async fn list(&self, prefix: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, KvError> {
        let limit = limit.clamp(1, LIST_MAX);
        let listing = self.inner.store.list(prefix, cursor, limit);
        let page = tokio::time::timeout(LIST_TIMEOUT, listing)
            .await
            .unwrap_or(Err(KvError::Timeout));
        self.inner
            .count("list", if page.is_ok() { "ok" } else { "error" });
        page
    }
}

impl Inner {
    /// What is known of `key` without asking the store.
    fn known(&self, key: &Key) -> Option<(Option<Arc<Item>>, Trust)> {
        if let Some(item) = self.queue.pending(key) {
            let now = self.clock.now();
            return Some((item.filter(|item| !item.is_expired(now)), Trust::Good));
        }
        self.tier.get(key)
    }

    /// The read of `key` that is under way, or a new one. It goes on when its first asker has gone.
    fn flight(self: &Arc<Self>, key: &Key) -> Shared<BoxFuture<'static, Loaded>> {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get(key) {
            return flight.result.clone();
        }
        // A read may have ended since the caller looked: its result was kept under this lock.
        if let Some((item, Trust::Good)) = self.known(key) {
            return futures::future::ready(Ok(item)).boxed().shared();
        }
        let overtaken = Arc::new(AtomicBool::new(false));
        let load = Arc::clone(self).load(key.clone(), Arc::clone(&overtaken));
        let result = tokio::spawn(load)
            .map(|joined| joined.unwrap_or(Err(KvError::Closed)))
            .boxed()
            .shared();
        flights.insert(
            key.clone(),
            Flight {
                result: result.clone(),
                overtaken,
            },
        );
        result
    }

    async fn load(self: Arc<Self>, key: Key, overtaken: Arc<AtomicBool>) -> Loaded {
        // Taken before the read: what changes from now on is reported on this connection, or not at all.
        let watch = self.tier.source.watch();
        let loaded = self.store.get(&key).await.map(|item| item.map(Arc::new));
        let mut flights = self.flights.lock();
        if !overtaken.load(Ordering::Acquire) {
            flights.remove(&key);
            if let Ok(item) = &loaded {
                self.tier.insert(key, item.clone(), watch);
            }
        }
        loaded
    }

    /// Makes a read that is under way not be kept, and the next one start anew.
    fn overtake(&self, key: &Key) {
        if let Some(flight) = self.flights.lock().remove(key) {
            flight.overtaken.store(true, Ordering::Release);
        }
    }

    fn check(&self, put: &Put) -> Result<(), KvError> {
        let len = put.value.len() as u64;
        if len > self.value_max {
            return Err(KvError::ValueTooLarge {
                len,
                max: self.value_max,
            });
        }
        match put.metadata.as_ref().map(bytes::Bytes::len) {
            Some(len) if len > METADATA_MAX => Err(KvError::MetadataTooLarge(len)),
            _ => Ok(()),
        }
    }

    fn write_of(&self, key: &Key, put: Put) -> Write {
        let now = self.clock.now();
        let item = Item {
            value: put.value,
            metadata: put.metadata,
            expires_at: put.expiry.at(now),
        };
        let key = key.clone();
        if item.is_expired(now) {
            return Write::Delete { key };
        }
        Write::Put {
            key,
            item,
            only_if_absent: put.only_if_absent,
        }
    }

    fn submit(&self, write: Write, done: Option<oneshot::Sender<Written>>) -> Result<bool, KvError> {
        let key = write.key().clone();
        let submitted = self.queue.submit(write, done)?;
        self.overtake(&key);
        Ok(submitted)
    }

    async fn submit_and_wait(&self, write: Write) -> Written {
        let (done, written) = oneshot::channel();
        if !self.submit(write, Some(done))? {
            return Ok(false);
        }
        match tokio::time::timeout(self.timeout, written).await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(KvError::Closed),
            Err(_) => Err(KvError::Timeout),
        }
    }

    fn count(&self, op: &str, result: &str) {
        self.metrics.kv_operations.with_label_values(&[op, result]).inc();
    }
}

impl Observer for Inner {
    fn carried_out(&self, write: Write, written: &Written) {
        // Once more: a read may have begun between the write's acceptance and now.
        self.overtake(write.key());
        let op = if matches!(write, Write::Put { .. }) {
            "put"
        } else {
            "delete"
        };
        self.count(op, if written.is_ok() { "ok" } else { "error" });
        match (write, written) {
            (Write::Put { key, item, .. }, Ok(true)) => {
                // What we wrote is watched only once it was read again on the connection.
                let watch = match self.tier.source.watch() {
                    Watch::Always => Watch::Always,
                    Watch::Connection(_) | Watch::Not => Watch::Not,
                };
                self.tier.insert(key, Some(Arc::new(item)), watch);
            }
            (write, _) => self.tier.remove(write.key()),
        }
    }
}
