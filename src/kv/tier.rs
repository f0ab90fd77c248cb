//! The memory tier in front of a store, and how far a copy in it is trusted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;

use super::{Item, Key};
use crate::clock::Clock;
use crate::redis_link::RedisLink;

/// Trust in a copy of a shared store while changes of it are not reported (connection lost, cluster).
const UNREPORTED_TTL: Duration = Duration::from_secs(1);

/// Who else may change the store behind the tier.
pub(super) enum Source {
    /// The store is memory itself: no tier.
    Nothing,
    /// Nobody: copies stay true.
    Ours,
    /// Other machines: copies are true while Redis reports changes on the connection that read them.
    Shared(Arc<RedisLink>),
}

impl Source {
    /// The connection whose reads are watched now.
    pub(super) fn watch(&self) -> Watch {
        match self {
            Self::Nothing | Self::Ours => Watch::Always,
            Self::Shared(link) => link.tracked().map_or(Watch::Not, Watch::Connection),
        }
    }
}

/// Whether changes behind a copy would be heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// There are none but ours.
    Always,
    /// Those of what was read on this connection are.
    Connection(u64),
    /// No.
    Not,
}

/// A copy: an item, or the knowledge that there is none.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) item: Option<Arc<Item>>,
    pub(super) stored_at: SystemTime,
    pub(super) watch: Watch,
}

/// What a copy is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// An answer.
    Good,
    /// An answer only if the store fails.
    Doubtful,
    /// Nothing.
    None,
}

/// How long copies are good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A copy of an item in a shared store.
    pub(super) memory_ttl: Duration,
    /// "No such key".
    pub(super) negative_ttl: Duration,
}

impl Slot {
    /// How far this copy is to be trusted at `now`, when `current` is watched.
    pub(super) fn trust(&self, now: SystemTime, current: Watch, limits: Limits) -> Trust {
        // A clock that was set back says nothing about age.
        let Ok(age) = now.duration_since(self.stored_at) else {
            return Trust::None;
        };
        let limit = match &self.item {
            Some(item) if item.is_expired(now) => return Trust::None,
            Some(_) if current == Watch::Always => return Trust::Good,
            Some(_) => limits.memory_ttl,
            None => limits.negative_ttl,
        };
        if age >= limit {
            return Trust::None;
        }
        match current {
            Watch::Always => Trust::Good,
            Watch::Connection(_) if self.watch == current => Trust::Good,
            Watch::Not if age < UNREPORTED_TTL => Trust::Good,
            Watch::Connection(_) | Watch::Not => Trust::Doubtful,
        }
    }
}

/// Copies by key, bounded in bytes.
pub(super) struct Tier {
    slots: Cache<Key, Slot>,
    limits: Limits,
    pub(super) source: Source,
    clock: Clock,
}

impl Tier {
    pub(super) fn new(bytes: u64, limits: Limits, source: Source, clock: Clock) -> Self {
        let bytes = if matches!(source, Source::Nothing) {
            0
        } else {
            bytes
        };
        let slots = Cache::builder()
            .max_capacity(bytes)
            .weigher(|key: &Key, slot: &Slot| weight(key, slot.item.as_deref()))
            .build();
        Self {
            slots,
            limits,
            source,
            clock,
        }
    }

    /// A copy that is good for something.
    pub(super) fn get(&self, key: &Key) -> Option<(Option<Arc<Item>>, Trust)> {
        let slot = self.slots.get(key)?;
        match slot.trust(self.clock.now(), self.source.watch(), self.limits) {
            Trust::None => None,
            trust => Some((slot.item, trust)),
        }
    }

    /// Keeps a copy of what was read, or written, while `watch` was watched.
    pub(super) fn insert(&self, key: Key, item: Option<Arc<Item>>, watch: Watch) {
        if !matches!(self.source, Source::Nothing) {
            self.slots.insert(
                key,
                Slot {
                    item,
                    stored_at: self.clock.now(),
                    watch,
                },
            );
        }
    }

    pub(super) fn remove(&self, key: &Key) {
        self.slots.invalidate(key);
    }

    pub(super) fn clear(&self) {
        self.slots.invalidate_all();
    }
}

/// Bytes of an entry: key, item, and what moka and the `Arc`s keep beside them.
pub(super) fn weight(key: &Key, item: Option<&Item>) -> u32 {
    const BOOKKEEPING: usize = 512;
    let bytes = BOOKKEEPING + key.as_str().len() + item.map_or(0, Item::bytes);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const LIMITS: Limits = Limits {
        memory_ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(1),
    };

    fn at(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_000_000 + millis)
    }

    fn slot(expires_at: Option<SystemTime>, watch: Watch) -> Slot {
        let item = Item {
            value: "v".into(),
            metadata: None,
            expires_at,
        };
        Slot {
            item: Some(Arc::new(item)),
            stored_at: at(0),
            watch,
        }
    }

    #[test]
    fn a_copy_of_our_own_store_is_good_until_it_expires() {
        let slot = slot(Some(at(3_600_000)), Watch::Always);
        assert_eq!(slot.trust(at(3_599_999), Watch::Always, LIMITS), Trust::Good);
        assert_eq!(slot.trust(at(3_600_000), Watch::Always, LIMITS), Trust::None);
    }

    #[test]
    fn a_watched_copy_is_good_for_memory_ttl() {
        let slot = slot(None, Watch::Connection(1));
        assert_eq!(slot.trust(at(59_999), Watch::Connection(1), LIMITS), Trust::Good);
        assert_eq!(slot.trust(at(60_000), Watch::Connection(1), LIMITS), Trust::None);
    }

    #[test]
    fn a_copy_read_on_an_earlier_connection_is_only_for_when_the_store_fails() {
        let slot = slot(None, Watch::Connection(1));
        assert_eq!(slot.trust(at(1), Watch::Connection(2), LIMITS), Trust::Doubtful);
    }

    #[test]
    fn without_reports_a_copy_is_good_for_a_second_and_a_stopgap_for_memory_ttl() {
        let slot = slot(None, Watch::Connection(1));
        assert_eq!(slot.trust(at(999), Watch::Not, LIMITS), Trust::Good);
        assert_eq!(slot.trust(at(1_000), Watch::Not, LIMITS), Trust::Doubtful);
        assert_eq!(slot.trust(at(60_000), Watch::Not, LIMITS), Trust::None);
    }

    #[test]
    fn no_such_key_is_remembered_for_negative_ttl() {
        let slot = Slot {
            item: None,
            stored_at: at(0),
            watch: Watch::Always,
        };
        assert_eq!(slot.trust(at(999), Watch::Always, LIMITS), Trust::Good);
        assert_eq!(slot.trust(at(1_000), Watch::Always, LIMITS), Trust::None);
    }

    #[test]
    fn a_clock_that_was_set_back_ends_trust() {
        let slot = slot(None, Watch::Connection(1));
        let before = at(0) - Duration::from_secs(3_600);
        assert_eq!(slot.trust(before, Watch::Connection(1), LIMITS), Trust::None);
    }
}
