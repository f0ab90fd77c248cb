//! What the other popgates do to the slots, as Redis tells it (`CLIENT TRACKING` in broadcast mode): a message
//! per change, whoever has read the slot, and none about changes of one's own.
//!
//! Redis tells the same of a value that was written, that expired and that was evicted. So a removal that the
//! others should follow is said with a key of its own, `<prefix>r:<slot in hex>`, which is gone at once.

use std::sync::Arc;

use redis::{PushInfo, PushKind, Value};

use crate::cache::key::KeyHash;
use crate::config::model::RedisCache;
use crate::redis_link::{RedisLink, RedisLinkError};
use crate::telemetry::metrics::Metrics;

/// What another popgate did to a slot. The later of two counts for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// It was written (or has expired or was evicted: Redis does not say which).
    Stored,
    /// What lay there is no longer good.
    Removed,
}

impl News {
    /// Label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Removed => "removed",
        }
    }
}

/// The names of slots in Redis.
#[derive(Debug, Clone)]
pub struct Names {
    value: String,
    removed: String,
}

impl Names {
    /// Under the prefix of the configuration.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            value: format!("{prefix}o:"),
            removed: format!("{prefix}r:"),
        }
    }

    pub(super) fn value(&self, slot: KeyHash) -> String {
        format!("{}{slot}", self.value)
    }

    pub(super) fn removed(&self, slot: KeyHash) -> String {
        format!("{}{slot}", self.removed)
    }

    /// What a push message tells. A flush tells nothing: Redis has nothing newer then, and the purge log puts
    /// everything in doubt.
    pub fn news<'a>(&'a self, push: &'a PushInfo) -> impl Iterator<Item = (KeyHash, News)> + 'a {
        let keys = match (&push.kind, push.data.first()) {
            (PushKind::Invalidate, Some(Value::Array(keys))) => keys.as_slice(),
            _ => &[],
        };
        keys.iter().filter_map(|key| match key {
            Value::BulkString(key) => self.parse(std::str::from_utf8(key).ok()?),
            _ => None,
        })
    }

    fn parse(&self, key: &str) -> Option<(KeyHash, News)> {
        let (slot, news) = match key.strip_prefix(&self.value) {
            Some(slot) => (slot, News::Stored),
            None => (key.strip_prefix(&self.removed)?, News::Removed),
        };
        let hex = slot.len() == 32 && slot.bytes().all(|byte| byte.is_ascii_hexdigit());
        let slot = hex.then(|| u128::from_str_radix(slot, 16).ok()).flatten()?;
        Some((KeyHash(slot), news))
    }
}

/// The cache's link, which hears of what the other popgates do as far as Redis can tell.
///
/// # Errors
/// As [`RedisLink::new`].
pub fn link(config: &RedisCache, metrics: &Arc<Metrics>) -> Result<Arc<RedisLink>, RedisLinkError> {
    let names = Names::new(&config.prefix);
    RedisLink::with_broadcast(
        &config.target,
        "cache",
        config.timeout,
        Arc::clone(metrics),
        vec![names.value, names.removed],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(data: Vec<Value>) -> Vec<(KeyHash, News)> {
        let push = PushInfo {
            kind: PushKind::Invalidate,
            data,
        };
        Names::new("t:").news(&push).collect()
    }

    #[test]
    fn names_are_read_back() {
        let names = Names::new("t:");
        let key = |name: String| Value::BulkString(name.into_bytes());
        let keys = vec![
            key(names.value(KeyHash(7))),
            key(names.removed(KeyHash(u128::MAX))),
        ];
        assert_eq!(
            told(vec![Value::Array(keys)]),
            [(KeyHash(7), News::Stored), (KeyHash(u128::MAX), News::Removed)]
        );
    }

    #[test]
    fn what_is_no_slot_and_a_flush_tell_nothing() {
        let strange = [
            "t:purges",
            "t:o:",
            "t:o:+0000000000000000000000000000001",
            "u:o:00000000000000000000000000000001",
            "t:o:000000000000000000000000000000001",
        ];
        let keys = strange.map(|key| Value::BulkString(key.as_bytes().to_vec()));
        assert_eq!(told(vec![Value::Array(keys.to_vec())]), []);
        assert_eq!(told(vec![Value::Nil]), []);
        assert_eq!(told(vec![]), []);
    }
}
