//! Keys, items and how long they live.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::KvError;

/// Longest key in bytes.
pub const KEY_MAX: usize = 512;
/// Longest metadata in bytes.
pub const METADATA_MAX: usize = 1024;

/// A valid key. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// Takes 1 to [`KEY_MAX`] bytes.
    ///
    /// # Errors
    /// [`KvError::KeyLength`] for any other length.
    pub fn new(key: &str) -> Result<Self, KvError> {
        if key.is_empty() || key.len() > KEY_MAX {
            return Err(KvError::KeyLength(key.len()));
        }
        Ok(Self(key.into()))
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stored value with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The value as it was put.
    pub value: Bytes,
    /// Metadata, when there is any.
    pub metadata: Option<Bytes>,
    /// When it ceases to exist; `None` = never.
    pub expires_at: Option<SystemTime>,
}

impl Item {
    /// Whether it has ceased to exist.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Bytes of value and metadata.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.value.len() + self.metadata.as_ref().map_or(0, Bytes::len)
    }
}

/// How long a value is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// For ever.
    Never,
    /// From now.
    After(Duration),
    /// Until then; a time that has passed means that nothing is stored and what was there goes.
    At(SystemTime),
}

impl Expiry {
    /// The moment, seen from `now`.
    #[must_use]
    pub fn at(self, now: SystemTime) -> Option<SystemTime> {
        match self {
            Self::Never => None,
            Self::After(ttl) => now.checked_add(ttl),
            Self::At(at) => Some(at),
        }
    }
}

/// What to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The value.
    pub value: Bytes,
    /// Metadata, at most [`METADATA_MAX`] bytes; `None` removes what an older value had.
    pub metadata: Option<Bytes>,
    /// Its life.
    pub expiry: Expiry,
    /// Leave an existing value alone.
    pub only_if_absent: bool,
}

impl Put {
    /// A value without metadata that replaces what is there.
    #[must_use]
    pub fn new(value: impl Into<Bytes>, expiry: Expiry) -> Self {
        Self {
            value: value.into(),
            metadata: None,
            expiry,
            only_if_absent: false,
        }
    }
}

/// Where the next page of a list begins. Opaque; only the store that gave it out reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Keys; sorted where the store is (Redis is not, and may name a key twice on different pages).
    pub keys: Vec<Key>,
    /// `None` on the last page.
    pub next: Option<Cursor>,
}
