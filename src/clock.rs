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
        let millis = start.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self::Manual(Arc::new(AtomicU64::new(
            u64::try_from(millis).unwrap_or(u64::MAX),
        )))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::Manual(millis) => UNIX_EPOCH + Duration::from_millis(millis.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock forward; the system clock cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(millis) = self {
            millis.fetch_add(
                u64::try_from(by.as_millis()).unwrap_or(u64::MAX),
                Ordering::Relaxed,
            );
        }
    }
}
