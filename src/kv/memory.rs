//! Memory only: for the demo and for tests. What does not fit is evicted.

use std::sync::Arc;

use async_trait::async_trait;
use moka::sync::Cache;
use parking_lot::RwLock;

use super::store::{Store, Write, Written};
use super::tier::weight;
use super::{Cursor, Item, Key, KvError, Page};
use crate::clock::Clock;

pub(super) struct MemoryStore {
    items: RwLock<Cache<Key, Arc<Item>>>,
    clock: Clock,
}

fn items(bytes: u64) -> Cache<Key, Arc<Item>> {
    Cache::builder()
        .max_capacity(bytes)
        .weigher(|key: &Key, item: &Arc<Item>| weight(key, Some(item)))
        .build()
}

impl MemoryStore {
    /// Holds at most `bytes`, keys and bookkeeping counted.
    pub(super) fn new(bytes: u64, clock: Clock) -> Self {
        Self {
            items: RwLock::new(items(bytes)),
            clock,
        }
    }

    fn alive(&self, key: &Key) -> Option<Arc<Item>> {
        self.items
            .read()
            .get(key)
            .filter(|item| !item.is_expired(self.clock.now()))
    }

    fn carry_out(&self, write: Write) -> bool {
        match write {
            Write::Put {
                key,
                only_if_absent: true,
                ..
            } if self.alive(&key).is_some() => false,
            Write::Put { key, item, .. } => {
                self.items.read().insert(key, Arc::new(item));
                true
            }
            Write::Delete { key } => {
                let existed = self.alive(&key).is_some();
                self.items.read().invalidate(&key);
                existed
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, KvError> {
        Ok(self.alive(key).map(|item| (*item).clone()))
    }

    async fn write(&self, writes: Vec<Write>) -> Vec<Written> {
        writes
            .into_iter()
            .map(|write| Ok(self.carry_out(write)))
            .collect()
    }

    fn resize(&self, bytes: u64) {
        let mut now = self.items.write();
        if now.policy().max_capacity() == Some(bytes) {
            return;
        }
        let resized = items(bytes);
        for (key, item) in &*now {
            resized.insert((*key).clone(), item);
        }
        *now = resized;
    }

    async fn list(&self, prefix: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, KvError> {
        let now = self.clock.now();
        let mut keys: Vec<Key> = self
            .items
            .read()
            .iter()
            .filter(|(key, item)| key.as_str().starts_with(prefix) && !item.is_expired(now))
            .map(|(key, _)| (*key).clone())
            .filter(|key| cursor.is_none_or(|cursor| key.as_str() > cursor.0.as_str()))
            .collect();
        keys.sort_unstable();
        let more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys
            .last()
            .filter(|_| more)
            .map(|key| Cursor(key.as_str().to_owned()));
        Ok(Page { keys, next })
    }
}
