//! The one queue of writes and the one task that carries them out.
//!
//! A write is visible to this popgate from the moment it is accepted: until it is carried out it lies in
//! [`Pending`], which reads look at first. The lock of [`Gate`] is held while a write enters the queue, so
//! that the order of the queue is the order in which `Pending` was changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::store::{Store, Write, Written};
use super::{Item, Key, KvError};

/// Writes in one transaction or pipeline.
const BATCH_MAX: usize = 256;
/// Kibibytes of keys and values that may wait together, however many writes `kv.queue_max` allows; one
/// value of `kv.value_max` always fits.
const QUEUE_KIB: usize = 16 * 1024;

/// What became of a write in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It waits for the store and is visible to this popgate.
    Queued,
    /// The key has a value, or one is on its way: nothing to do.
    Known,
    /// The queue is full or closed.
    Dropped,
}

/// A write that waits.
struct Job {
    write: Write,
    number: u64,
    done: Option<oneshot::Sender<Written>>,
    _room: OwnedSemaphorePermit,
}

/// What reads see of a write that waits: `None` for a delete.
struct Pending {
    item: Option<Arc<Item>>,
    number: u64,
}

struct Gate {
    jobs: Option<mpsc::Sender<Job>>,
    pending: HashMap<Key, Pending>,
    last: u64,
}

/// The entrance to the queue.
pub(super) struct Queue {
    gate: Mutex<Gate>,
    /// `gate.pending.len()`, so that reads take the lock only while something waits.
    waiting: AtomicUsize,
    room: Arc<Semaphore>,
}

/// Told of every write that was carried out, before reads stop seeing it as pending.
pub(super) trait Observer: Send + Sync + 'static {
    fn carried_out(&self, write: Write, written: &Written);
}

/// The other end, for [`run`].
pub(super) struct Jobs(mpsc::Receiver<Job>);

impl Queue {
    /// A queue of at most `writes_max` writes, each of at most `value_max` bytes.
    pub(super) fn new(writes_max: usize, value_max: u64) -> (Self, Jobs) {
        let (sender, receiver) = mpsc::channel(writes_max.max(1));
        let largest = usize::try_from(value_max / 1024)
            .unwrap_or(usize::MAX)
            .saturating_add(2);
        let room = QUEUE_KIB.max(largest).min(Semaphore::MAX_PERMITS);
        let gate = Gate {
            jobs: Some(sender),
            pending: HashMap::new(),
            last: 0,
        };
        let queue = Self {
            gate: Mutex::new(gate),
            waiting: AtomicUsize::new(0),
            room: Arc::new(Semaphore::new(room)),
        };
        (queue, Jobs(receiver))
    }

    /// What a waiting write will make of `key`: `Some(None)` means deleted.
    pub(super) fn pending(&self, key: &Key) -> Option<Option<Arc<Item>>> {
        if self.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.gate
            .lock()
            .pending
            .get(key)
            .map(|pending| pending.item.clone())
    }

    /// Writes that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Accepts a write. `Ok(false)`: it was to be stored only if absent, and a value is on its way already.
    pub(super) fn submit(
        &self,
        write: Write,
        done: Option<oneshot::Sender<Written>>,
    ) -> Result<bool, KvError> {
        let kib = u32::try_from(write.bytes() / 1024 + 1).unwrap_or(u32::MAX);
        let mut gate = self.gate.lock();
        let item = match &write {
            Write::Put {
                key,
                only_if_absent: true,
                ..
            } if gate
                .pending
                .get(key)
                .is_some_and(|pending| pending.item.is_some()) =>
            {
                return Ok(false);
            }
            Write::Put { item, .. } => Some(Arc::new(item.clone())),
            Write::Delete { .. } => None,
        };
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(kib)
            .map_err(|_| KvError::QueueFull)?;
        let number = gate.last + 1;
        let key = write.key().clone();
        let job = Job {
            write,
            number,
            done,
            _room: room,
        };
        let jobs = gate.jobs.as_ref().ok_or(KvError::Closed)?;
        jobs.try_send(job).map_err(|_| KvError::QueueFull)?;
        gate.last = number;
        gate.pending.insert(key, Pending { item, number });
        self.waiting.store(gate.pending.len(), Ordering::Release);
        Ok(true)
    }

    /// Takes no more writes; the writer ends when what waits is done.
    pub(super) fn close(&self) {
        self.gate.lock().jobs = None;
    }

    fn forget(&self, key: &Key, number: u64) {
        let mut gate = self.gate.lock();
        if gate
            .pending
            .get(key)
            .is_some_and(|pending| pending.number == number)
        {
            gate.pending.remove(key);
            self.waiting.store(gate.pending.len(), Ordering::Release);
        }
    }
}

/// Carries writes out in order, many at a time, until the queue is closed and empty.
pub(super) async fn run(
    mut jobs: Jobs,
    queue: Arc<Queue>,
    store: Arc<dyn Store>,
    observer: Arc<dyn Observer>,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while jobs.0.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let writes: Vec<Write> = batch.iter().map(|job| job.write.clone()).collect();
        let written = store.write(writes).await;
        for (job, written) in batch.drain(..).zip(written) {
            let key = job.write.key().clone();
            observer.carried_out(job.write, &written);
            queue.forget(&key, job.number);
            if let Some(done) = job.done {
                let _ = done.send(written);
            }
        }
    }
}
