//! The key-value store behind native endpoints.
//!
//! [`KvHandle`] is what the house uses. Reads go to the writes that still wait, then to memory, then once per
//! key to the store ([`handle`]). Writes go through one bounded queue and one writer ([`writer`]), so that
//! writes of one popgate keep their order and many share one transaction. Stores: [`memory`], [`embedded`]
//! (one file in a folder, survives kill -9), [`redis`] (plain keys and raw values, shared by several popgates).
//!
//! A key is 1 to 512 bytes of UTF-8, a value at most `kv.value_max` bytes, metadata at most 1 KiB.

mod embedded;
mod handle;
mod item;
mod memory;
mod redis;
mod store;
mod tier;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::config;
use crate::telemetry::Metrics;

pub use embedded::EmbeddedError;
pub use handle::KvHandle;
pub use item::{Cursor, Expiry, Item, KEY_MAX, Key, METADATA_MAX, Page, Put};
pub use writer::Enqueued;

use embedded::EmbeddedStore;
use memory::MemoryStore;
use redis::RedisStore;

/// Most keys of one page of a list.
pub const LIST_MAX: usize = 1000;

/// Why an operation has no result. Bad input and a full queue are told from a store that fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The key is empty or longer than [`KEY_MAX`].
    #[error("a kv key has 1 to {KEY_MAX} bytes, not {0}")]
    KeyLength(usize),
    /// The value is longer than `kv.value_max`.
    #[error("a value of {len} bytes is longer than kv.value_max ({max})")]
    ValueTooLarge {
        /// Its length in bytes.
        len: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// The metadata is longer than [`METADATA_MAX`].
    #[error("metadata of {0} bytes is longer than {METADATA_MAX}")]
    MetadataTooLarge(usize),
    /// A cursor that no list gave out.
    #[error("this is not a cursor of this store")]
    BadCursor,
    /// The store cannot do this.
    #[error("{0}")]
    Unsupported(&'static str),
    /// `kv.queue_max` writes wait already.
    #[error("too many kv writes wait (kv.queue_max)")]
    QueueFull,
    /// No result within `kv.timeout`; a write may still happen.
    #[error("the kv store did not answer within kv.timeout")]
    Timeout,
    /// After [`KvHandle::drain`].
    #[error("the kv store is closed")]
    Closed,
    /// The store failed.
    #[error("the kv store failed: {0}")]
    Store(String),
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum KvOpenError {
    /// The embedded store.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// Redis cannot be used whatever it says.
    #[error(transparent)]
    Redis(#[from] crate::redis_link::RedisLinkError),
    /// Not inside a Tokio runtime.
    #[error("the kv store must be opened inside a tokio runtime")]
    NoRuntime,
}

/// A key-value store with expiry and metadata.
#[async_trait]
pub trait Kv: Send + Sync {
    /// The item under `key`, unless it is absent or expired.
    async fn get(&self, key: &Key) -> Result<Option<Arc<Item>>, KvError>;

    /// Stores `put` under `key`; false when it was only to be stored if absent, and is not.
    async fn put(&self, key: &Key, put: Put) -> Result<bool, KvError>;

    /// Removes `key`; false when it was not there.
    async fn delete(&self, key: &Key) -> Result<bool, KvError>;

    /// Keys that start with `prefix`, after `cursor`; at most `limit`, capped at [`LIST_MAX`]. A page may be
    /// short, even empty, and still have a successor.
    async fn list(&self, prefix: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, KvError>;
}

/// Opens the store that `config` names, with memory in front. Must be called inside the Tokio runtime that
/// is to run the writer. A Redis that is down is no error.
///
/// # Errors
/// When the embedded database is locked, corrupt or not writable, or the Redis target cannot be used.
pub fn open(config: &config::Kv, metrics: Arc<Metrics>, clock: Clock) -> Result<Arc<KvHandle>, KvOpenError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(KvOpenError::NoRuntime);
    }
    Ok(match &config.store {
        config::KvStore::Memory => {
            let store = Arc::new(MemoryStore::new(config.memory, clock.clone()));
            KvHandle::start(config, store, tier::Source::Nothing, metrics, clock)
        }
        config::KvStore::Embedded(folder) => {
            let store = EmbeddedStore::open(folder, clock.clone())?;
            KvHandle::start(config, store, tier::Source::Ours, metrics, clock)
        }
        config::KvStore::Redis(target) => {
            let invalidations = redis::Invalidations::default();
            let link = invalidations.link(target, config.timeout, Arc::clone(&metrics))?;
            let store = Arc::new(RedisStore::new(
                Arc::clone(&link),
                config.value_max,
                clock.clone(),
            ));
            let handle = KvHandle::start(config, store, tier::Source::Shared(link), metrics, clock);
            invalidations.deliver_to(&handle);
            handle
        }
    })
}

/// Goes on under another configuration, from `running` under `old`: with the same store where it names the same,
/// so that nothing is lost, else with the one it names. What waits in `running` is carried out when its last user
/// lets go of it. Must be called inside the Tokio runtime that is to run the writer.
///
/// # Errors
/// As [`open`]; `running` is then untouched.
pub fn reopen(
    running: &Arc<KvHandle>,
    old: &config::Kv,
    config: &config::Kv,
    metrics: Arc<Metrics>,
    clock: Clock,
) -> Result<Arc<KvHandle>, KvOpenError> {
    let source = match (&old.store, &config.store) {
        (config::KvStore::Embedded(before), config::KvStore::Embedded(now)) if before == now => {
            tier::Source::Ours
        }
        (config::KvStore::Memory, config::KvStore::Memory) => tier::Source::Nothing,
        _ => return open_patiently(config, &metrics, &clock),
    };
    let store = running.store();
    store.resize(config.memory);
    let handle = KvHandle::start(config, store, source, metrics, clock);
    tokio::spawn(handle::forget_copies_behind(
        Arc::clone(running),
        Arc::downgrade(&handle),
    ));
    Ok(handle)
}

/// As [`open`], with patience for a store that this process has just left and that still writes what waits.
fn open_patiently(
    config: &config::Kv,
    metrics: &Arc<Metrics>,
    clock: &Clock,
) -> Result<Arc<KvHandle>, KvOpenError> {
    for _ in 0..LEAVING_TRIES {
        match open(config, Arc::clone(metrics), clock.clone()) {
            Err(KvOpenError::Embedded(EmbeddedError::Locked { .. })) => std::thread::sleep(LEAVING_EVERY),
            opened => return opened,
        }
    }
    open(config, Arc::clone(metrics), clock.clone())
}

/// Tries at a store that is being left, and the pause between them.
const LEAVING_TRIES: usize = 50;
const LEAVING_EVERY: Duration = Duration::from_millis(20);

/// Longest wait for a page of a list, which may take several round trips.
const LIST_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
