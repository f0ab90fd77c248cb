//! Writes that wait for Redis: bounded in number and in bytes. Until one is carried out, reads of its slot find it here.

use std::collections::{HashMap, VecDeque};

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
    items: VecDeque<Item>,
    /// The last write of each slot, with its number.
    last: HashMap<KeyHash, (u64, Write)>,
    number: u64,
    /// Waiting and taken.
    count: usize,
    bytes: u64,
}

/// A write that waits.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) slot: KeyHash,
    pub(super) write: Write,
    number: u64,
}

/// Writes taken from the queue; they count as its own until this is dropped.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    queue: &'a Queue,
    items: Vec<Item>,
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
        state.number += 1;
        let number = state.number;
        state.last.insert(slot, (number, write.clone()));
        state.items.push_back(Item { slot, write, number });
        state.count += 1;
        state.bytes = bytes;
        self.show(&state);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// What the slot will hold once all writes are carried out; `None` when none of them is for it.
    pub(super) fn pending(&self, slot: KeyHash) -> Option<Write> {
        let state = self.state.lock();
        state.last.get(&slot).map(|(_, write)| write.clone())
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
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        for item in &self.items {
            state.count -= 1;
            state.bytes = state.bytes.saturating_sub(item.write.weight() as u64);
            if state
                .last
                .get(&item.slot)
                .is_some_and(|(number, _)| *number == item.number)
            {
                state.last.remove(&item.slot);
            }
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
    use crate::cache::memory::Alias;

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

    #[tokio::test]
    async fn the_last_write_of_a_slot_is_seen_until_it_is_carried_out() {
        let queue = queue(10, 1000);
        let alias = |slot| {
            Write::Alias(Alias {
                slot: KeyHash(slot),
                dead_at: std::time::UNIX_EPOCH,
            })
        };
        let seen = || match queue.pending(KeyHash(1)) {
            Some(Write::Alias(alias)) => Some(alias.slot),
            _ => None,
        };
        assert!(queue.push(KeyHash(1), alias(7), 64));
        let first = queue.take(1).await;
        assert!(queue.push(KeyHash(1), alias(8), 64));
        assert_eq!(seen(), Some(KeyHash(8)));
        drop(first);
        assert_eq!(seen(), Some(KeyHash(8)));
        drop(queue.take(1).await);
        assert_eq!(seen(), None);
        assert!(queue.state.lock().last.is_empty());
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
