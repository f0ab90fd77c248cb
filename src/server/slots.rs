//! How many connections may be open at once, over all listeners.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::telemetry::Metrics;

/// One for each connection.
pub(super) struct Slots {
    free: Arc<Semaphore>,
    most: Mutex<usize>,
}

impl Slots {
    pub(super) fn new(most: usize, metrics: &Metrics) -> Self {
        show(most, metrics);
        Self {
            free: Arc::new(Semaphore::new(most)),
            most: Mutex::new(most),
        }
    }

    /// What accept loops take from.
    pub(super) fn of_all(&self) -> Arc<Semaphore> {
        Arc::clone(&self.free)
    }

    /// Allows `most` from now on. With more open than that, none is closed: those that end are not replaced
    /// until the number is reached.
    pub(super) fn resize(&self, most: usize, metrics: &Metrics) {
        let mut now = self.most.lock();
        if most >= *now {
            self.free.add_permits(most - *now);
        } else {
            let excess = *now - most;
            let taken = self.free.forget_permits(excess);
            let (free, left) = (Arc::clone(&self.free), excess - taken);
            tokio::spawn(async move {
                for _ in 0..left {
                    // The semaphore is never closed.
                    if let Ok(slot) = free.acquire().await {
                        slot.forget();
                    }
                }
            });
        }
        *now = most;
        show(most, metrics);
    }
}

fn show(most: usize, metrics: &Metrics) {
    metrics
        .connections_max
        .set(i64::try_from(most).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fewer_slots_hold_as_connections_end() {
        let metrics = Metrics::new().unwrap();
        let slots = Slots::new(3, &metrics);
        let free = slots.of_all();
        let mut open: Vec<_> = (0..3).map(|_| free.try_acquire().unwrap()).collect();
        slots.resize(1, &metrics);
        tokio::task::yield_now().await;
        open.truncate(1);
        tokio::task::yield_now().await;
        assert!(free.try_acquire().is_err(), "one is open, and one is allowed");
        drop(open);
        assert!(free.acquire().await.is_ok());
        assert_eq!(metrics.connections_max.get(), 1);
    }

    #[tokio::test]
    async fn more_slots_are_there_at_once() {
        let metrics = Metrics::new().unwrap();
        let slots = Slots::new(1, &metrics);
        let free = slots.of_all();
        let _open = free.try_acquire().unwrap();
        slots.resize(2, &metrics);
        assert!(free.try_acquire().is_ok());
    }
}
