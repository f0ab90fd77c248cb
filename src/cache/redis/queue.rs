//! Writes that wait for Redis: bounded in number and in bytes.

use std::collections::VecDeque;

use parking_lot::Mutex;
use prometheus::IntGauge;
use tokio::sync::Notify;

use super::Write;
use crate::cache::key::KeyHash;

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Notify,
    emptied: Notify,
    count_max: usize,
    bytes_max: u64,
    gauge: IntGauge,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<(KeyHash, Write)>,
    /// Waiting and taken.
    count: usize,
    bytes: u64,
}

/// Writes taken from the queue; they count as its own until this is dropped.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    queue: &'a Queue,
    items: Vec<(KeyHash, Write)>,
}

impl Queue {
    pub(super) fn new(count_max: usize, bytes_max: u64, gauge: IntGauge) -> Self {
        Self {
            state: Mutex::default(),
            filled: Notify::new(),
            emptied: Notify::new(),
            count_max,
            bytes_max,
            gauge,
        }
    }

    /// Puts a write in line; false when it does not fit.
    pub(super) fn push(&self, slot: KeyHash, write: Write, weight: usize) -> bool {
        let mut state = self.state.lock();
        let bytes = state.bytes.saturating_add(weight as u64);
        if state.count >= self.count_max || bytes > self.bytes_max {
            return false;
        }
        state.items.push_back((slot, write));
        state.count += 1;
        state.bytes = bytes;
        self.show(&state);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Waits for writes and takes up to `most` of them.
    pub(super) async fn take(&self, most: usize) -> Batch<'_> {
        loop {
            let filled = self.filled.notified();
            let items = {
                let mut state = self.state.lock();
                let count = state.items.len().min(most);
                state.items.drain(..count).collect::<Vec<_>>()
            };
            if !items.is_empty() {
                return Batch { queue: self, items };
            }
            filled.await;
        }
    }

    /// Waits until nothing is waiting or taken.
    pub(super) async fn idle(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().count
    }

    fn show(&self, state: &State) {
        self.gauge.set(i64::try_from(state.count).unwrap_or(i64::MAX));
    }
}

impl Batch<'_> {
    pub(super) fn items(&self) -> &[(KeyHash, Write)] {
        &self.items
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        for (_, write) in &self.items {
            state.count -= 1;
            state.bytes = state.bytes.saturating_sub(write.weight() as u64);
        }
        self.queue.show(&state);
        if state.count == 0 {
            self.queue.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(count: usize, bytes: u64) -> Queue {
        Queue::new(count, bytes, IntGauge::new("queued", "Waiting.").unwrap())
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let queue = queue(2, 1000);
        assert!(queue.push(KeyHash(1), Write::Delete, 64));
        assert!(queue.push(KeyHash(2), Write::Delete, 64));
        assert!(!queue.push(KeyHash(3), Write::Delete, 64));
        assert_eq!(queue.gauge.get(), 2);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = queue(100, 100);
        assert!(queue.push(KeyHash(1), Write::Delete, 64));
        assert!(!queue.push(KeyHash(2), Write::Delete, 64));
    }

    #[tokio::test]
    async fn what_was_taken_counts_until_it_is_done() {
        let queue = queue(2, 1000);
        for slot in [1, 2] {
            assert!(queue.push(KeyHash(slot), Write::Delete, 64));
        }
        let batch = queue.take(10).await;
        assert_eq!(batch.items().len(), 2);
        assert!(!queue.push(KeyHash(3), Write::Delete, 64));
        drop(batch);
        assert_eq!(queue.len(), 0);
        queue.idle().await;
        assert!(queue.push(KeyHash(3), Write::Delete, 64));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_waits_for_the_last_one() {
        let queue = queue(2, 1000);
        assert!(queue.push(KeyHash(1), Write::Delete, 64));
        let wait = std::time::Duration::from_secs(1);
        assert!(tokio::time::timeout(wait, queue.idle()).await.is_err());
        let (batch, ()) = tokio::join!(queue.take(1), async {});
        let (idle, ()) = tokio::join!(tokio::time::timeout(wait, queue.idle()), async { drop(batch) });
        assert!(idle.is_ok());
    }
}
