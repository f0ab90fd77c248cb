//! The wall clock as a value that is passed in, so that tests own time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Source of wall-clock time. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still until told; milliseconds since the epoch.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// A manual clock standing at `start`.
    #[must_use]
    pub fn manual(start: SystemTime) -> Self {
        let since = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::Manual(Arc::new(AtomicU64::new(millis(since))))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::Manual(millis) => UNIX_EPOCH + Duration::from_millis(millis.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock forward by whole milliseconds; the system clock cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(now) = self {
            now.fetch_add(millis(by), Ordering::Relaxed);
        }
    }
}

/// Whole milliseconds of a duration; as many as there are numbers for.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
