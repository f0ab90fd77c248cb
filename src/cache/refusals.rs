//! Why answers were not stored: the last reason under each key, for those who ask why a page is never a hit.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use moka::sync::Cache;

use super::key::KeyHash;

/// Most keys remembered; the least used go first.
const KEYS_MAX: u64 = 10_000;
/// How long a reason is remembered.
const MEMORY: Duration = Duration::from_secs(3600);

/// Why an answer was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The rule, as in `Cache-Status` details.
    pub reason: &'static str,
    /// The answer's status.
    pub status: Option<StatusCode>,
    /// When it came.
    pub at: SystemTime,
}

/// The memory, by root of the key. A key whose answer is stored after all is forgotten.
#[derive(Debug)]
pub struct Refusals(Cache<KeyHash, Refusal>);

impl Default for Refusals {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(KEYS_MAX)
                .time_to_live(MEMORY)
                .build(),
        )
    }
}

impl Refusals {
    /// Notes a refusal.
    pub fn note(&self, root: KeyHash, refusal: Refusal) {
        self.0.insert(root, refusal);
    }

    /// The last refusal under a key.
    #[must_use]
    pub fn last(&self, root: KeyHash) -> Option<Refusal> {
        self.0.get(&root)
    }

    /// Forgets a key.
    pub fn forget(&self, root: KeyHash) {
        // Most keys were never refused: looking is cheaper than a removal.
        if self.0.contains_key(&root) {
            self.0.invalidate(&root);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn refusal(reason: &'static str) -> Refusal {
        Refusal {
            reason,
            status: Some(StatusCode::OK),
            at: UNIX_EPOCH,
        }
    }

    #[test]
    fn the_last_reason_counts_until_the_key_is_forgotten() {
        let refusals = Refusals::default();
        refusals.note(KeyHash(1), refusal("set-cookie"));
        refusals.note(KeyHash(1), refusal("private"));
        assert_eq!(refusals.last(KeyHash(1)), Some(refusal("private")));
        refusals.forget(KeyHash(1));
        refusals.forget(KeyHash(2));
        assert_eq!(refusals.last(KeyHash(1)), None);
    }

    #[test]
    fn any_number_of_keys_is_bounded() {
        let refusals = Refusals::default();
        for key in 0..3 * u128::from(KEYS_MAX) {
            refusals.note(KeyHash(key), refusal("private"));
        }
        refusals.0.run_pending_tasks();
        assert!(refusals.0.entry_count() <= KEYS_MAX);
    }
}
