//! What a store must do. Stores know nothing of memory tiers, queues and timeouts.

use async_trait::async_trait;

use super::{Cursor, Item, Key, KvError, Page};

/// One write, in the order in which it was asked for.
#[derive(Debug, Clone)]
pub(super) enum Write {
    /// Store an item; `only_if_absent` leaves an existing one alone.
    Put {
        key: Key,
        item: Item,
        only_if_absent: bool,
    },
    /// Remove a key.
    Delete { key: Key },
}

impl Write {
    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// Bytes it holds while it waits.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Put { key, item, .. } => key.as_str().len() + item.bytes(),
            Self::Delete { key } => key.as_str().len(),
        }
    }
}

/// What became of a write: false when it changed nothing (the key existed, or was not there to delete).
pub(super) type Written = Result<bool, KvError>;

#[async_trait]
pub(super) trait Store: Send + Sync + 'static {
    /// The item under `key`; MUST NOT return an expired one.
    async fn get(&self, key: &Key) -> Result<Option<Item>, KvError>;

    /// Carries out `writes` and answers one result for each, in order. Writes of the same key MUST take
    /// effect in the order given.
    async fn write(&self, writes: Vec<Write>) -> Vec<Written>;

    /// Holds at most `bytes` from now on, where memory is all it has.
    fn resize(&self, _bytes: u64) {}

    /// As [`super::Kv::list`]; `limit` is between 1 and [`super::LIST_MAX`].
    async fn list(&self, prefix: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, KvError>;
}
