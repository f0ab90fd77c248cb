//! The handle over a store that tests can hold up, count and break.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::store::{Store, Write, Written};
use super::tier::Source;
use super::*;

/// A memory store that counts, waits for permission when told to, and fails when told to.
struct Scripted {
    store: MemoryStore,
    reads: AtomicUsize,
    batches: AtomicUsize,
    writes: AtomicUsize,
    read_gate: Semaphore,
    write_gate: Semaphore,
    failing: AtomicBool,
}

#[async_trait]
impl Store for Scripted {
    async fn get(&self, key: &Key) -> Result<Option<Item>, KvError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let item = self.store.get(key).await;
        let _open = self.read_gate.acquire().await.unwrap();
        if self.failing.load(Ordering::SeqCst) {
            return Err(KvError::Store("broken".to_owned()));
        }
        item
    }

    async fn write(&self, writes: Vec<Write>) -> Vec<Written> {
        let _open = self.write_gate.acquire().await.unwrap();
        self.batches.fetch_add(1, Ordering::SeqCst);
        self.writes.fetch_add(writes.len(), Ordering::SeqCst);
        if self.failing.load(Ordering::SeqCst) {
            return writes
                .iter()
                .map(|_| Err(KvError::Store("broken".to_owned())))
                .collect();
        }
        self.store.write(writes).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, KvError> {
        self.store.list(prefix, cursor, limit).await
    }
}

struct Setup {
    kv: Arc<KvHandle>,
    store: Arc<Scripted>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Setup {
    fn operations(&self, op: &str, result: &str) -> u64 {
        self.metrics.kv_operations.with_label_values(&[op, result]).get()
    }

    fn reads(&self) -> usize {
        self.store.reads.load(Ordering::SeqCst)
    }
}

fn config() -> config::Kv {
    config::Kv {
        store: config::KvStore::Memory,
        memory: 1 << 20,
        value_max: 1 << 20,
        memory_ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(1),
        timeout: Duration::from_millis(50),
        queue_max: 4,
    }
}

fn setup() -> Setup {
    let clock = Clock::manual(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000));
    let store = Arc::new(Scripted {
        store: MemoryStore::new(1 << 20, clock.clone()),
        reads: AtomicUsize::new(0),
        batches: AtomicUsize::new(0),
        writes: AtomicUsize::new(0),
        read_gate: Semaphore::new(1000),
        write_gate: Semaphore::new(1),
        failing: AtomicBool::new(false),
    });
    let metrics = Metrics::new().unwrap();
    let as_store: Arc<dyn Store> = Arc::<Scripted>::clone(&store);
    let kv = KvHandle::start(
        &config(),
        as_store,
        Source::Ours,
        Arc::clone(&metrics),
        clock.clone(),
    );
    Setup {
        kv,
        store,
        clock,
        metrics,
    }
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn value(text: &'static str) -> Put {
    Put::new(text, Expiry::Never)
}

async fn read(kv: &KvHandle, name: &str) -> Option<bytes::Bytes> {
    kv.get(&key(name)).await.unwrap().map(|item| item.value.clone())
}

#[test]
fn a_key_has_1_to_512_bytes() {
    assert_eq!(Key::new(""), Err(KvError::KeyLength(0)));
    assert!(Key::new(&"k".repeat(512)).is_ok());
    assert_eq!(Key::new(&"é".repeat(257)), Err(KvError::KeyLength(514)));
}

#[tokio::test(start_paused = true)]
async fn values_and_metadata_over_their_limit_are_refused() {
    let setup = setup();
    let put = Put::new(vec![0; (1 << 20) + 1], Expiry::Never);
    let refused = setup.kv.put(&key("k"), put).await;
    assert_eq!(
        refused,
        Err(KvError::ValueTooLarge {
            len: (1 << 20) + 1,
            max: 1 << 20
        })
    );
    let put = Put {
        metadata: Some(vec![0; 1025].into()),
        ..value("v")
    };
    assert_eq!(
        setup.kv.put(&key("k"), put).await,
        Err(KvError::MetadataTooLarge(1025))
    );
}

#[tokio::test(start_paused = true)]
async fn a_put_is_read_from_memory_until_it_expires() {
    let setup = setup();
    let put = Put::new("v", Expiry::After(Duration::from_secs(10)));
    assert_eq!(setup.kv.put(&key("k"), put).await, Ok(true));
    assert_eq!(read(&setup.kv, "k").await, Some("v".into()));
    assert_eq!(setup.reads(), 0);
    setup.clock.advance(Duration::from_secs(10));
    assert_eq!(read(&setup.kv, "k").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_put_whose_time_has_passed_removes_the_key() {
    let setup = setup();
    setup.kv.put(&key("k"), value("v")).await.unwrap();
    setup
        .kv
        .put(&key("k"), Put::new("late", Expiry::At(setup.clock.now())))
        .await
        .unwrap();
    assert_eq!(read(&setup.kv, "k").await, None);
}

#[tokio::test(start_paused = true)]
async fn readers_of_one_key_share_one_read_of_the_store() {
    let setup = setup();
    let nobody = setup.store.read_gate.forget_permits(1000);
    let readers: Vec<_> = (0..100)
        .map(|_| {
            let kv = Arc::clone(&setup.kv);
            tokio::spawn(async move { kv.get(&key("k")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    setup.store.read_gate.add_permits(nobody);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), Ok(None));
    }
    assert_eq!(setup.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_such_key_is_remembered_for_negative_ttl() {
    let setup = setup();
    assert_eq!(read(&setup.kv, "k").await, None);
    assert_eq!(read(&setup.kv, "k").await, None);
    assert_eq!(setup.reads(), 1);
    setup.clock.advance(Duration::from_secs(1));
    assert_eq!(read(&setup.kv, "k").await, None);
    assert_eq!(setup.reads(), 2);
    assert_eq!(setup.operations("get", "miss"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_the_timeout_and_is_counted() {
    let setup = setup();
    setup.store.read_gate.forget_permits(1000);
    let began = tokio::time::Instant::now();
    assert_eq!(setup.kv.get(&key("k")).await, Err(KvError::Timeout));
    assert_eq!(began.elapsed(), Duration::from_millis(50));
    assert_eq!(setup.operations("get", "error"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_a_write_overtook_is_not_kept() {
    let setup = setup();
    let all = setup.store.read_gate.forget_permits(1000);
    let reader = {
        let kv = Arc::clone(&setup.kv);
        tokio::spawn(async move { kv.get(&key("k")).await })
    };
    while setup.reads() == 0 {
        tokio::task::yield_now().await;
    }
    setup.kv.put(&key("k"), value("new")).await.unwrap();
    setup.store.read_gate.add_permits(all);
    reader.await.unwrap().unwrap();
    assert_eq!(read(&setup.kv, "k").await, Some("new".into()));
}

#[tokio::test(start_paused = true)]
async fn a_queued_put_is_visible_before_the_store_has_it() {
    let setup = setup();
    setup.store.write_gate.forget_permits(1);
    assert_eq!(setup.kv.enqueue_put(&key("k"), value("v")), Enqueued::Queued);
    assert_eq!(read(&setup.kv, "k").await, Some("v".into()));
    assert_eq!((setup.reads(), setup.kv.waiting_writes()), (0, 1));
    setup.store.write_gate.add_permits(1);
    assert_eq!(setup.kv.drain(Duration::from_secs(1)).await, 0);
    assert!(setup.store.store.get(&key("k")).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_put_only_if_absent_is_queued_once() {
    let setup = setup();
    setup.store.write_gate.forget_permits(1);
    let put = || Put {
        only_if_absent: true,
        ..value("v")
    };
    assert_eq!(setup.kv.enqueue_put(&key("k"), put()), Enqueued::Queued);
    assert_eq!(setup.kv.enqueue_put(&key("k"), put()), Enqueued::Known);
    setup.store.write_gate.add_permits(1);
    setup.kv.drain(Duration::from_secs(1)).await;
    assert_eq!(setup.store.writes.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delete_after_a_queued_put_wins() {
    let setup = setup();
    setup.kv.enqueue_put(&key("k"), value("v"));
    assert_eq!(setup.kv.delete(&key("k")).await, Ok(true));
    assert_eq!(read(&setup.kv, "k").await, None);
    assert_eq!(setup.kv.delete(&key("k")).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_background_puts_and_counts_them() {
    let setup = setup();
    setup.store.write_gate.forget_permits(1);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut enqueued = Vec::new();
    for name in names {
        enqueued.push(setup.kv.enqueue_put(&key(name), value("v")));
    }
    let dropped = enqueued
        .iter()
        .filter(|enqueued| **enqueued == Enqueued::Dropped)
        .count();
    assert_eq!(dropped, names.len() - config().queue_max);
    assert_eq!(setup.operations("put", "dropped"), dropped as u64);
    assert_eq!(setup.kv.put(&key("z"), value("v")).await, Err(KvError::QueueFull));
    assert_eq!(
        read(&setup.kv, "l").await,
        None,
        "what was dropped is not shown either"
    );
}

#[tokio::test(start_paused = true)]
async fn waiting_writes_share_batches() {
    let setup = setup();
    setup.store.write_gate.forget_permits(1);
    for name in ["a", "b", "c", "d"] {
        setup.kv.enqueue_put(&key(name), value("v"));
    }
    setup.store.write_gate.add_permits(1);
    setup.kv.drain(Duration::from_secs(1)).await;
    assert_eq!(setup.store.writes.load(Ordering::SeqCst), 4);
    assert_eq!(setup.store.batches.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_up_at_its_deadline_and_counts_what_is_lost() {
    let setup = setup();
    setup.store.write_gate.forget_permits(1);
    setup.kv.enqueue_put(&key("a"), value("v"));
    setup.kv.enqueue_put(&key("b"), value("v"));
    assert_eq!(setup.kv.drain(Duration::from_secs(5)).await, 2);
    assert_eq!(setup.operations("put", "dropped"), 2);
    assert_eq!(setup.kv.enqueue_put(&key("c"), value("v")), Enqueued::Dropped);
    assert_eq!(setup.kv.put(&key("c"), value("v")).await, Err(KvError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_store_refused_is_shown_no_longer() {
    let setup = setup();
    setup.store.failing.store(true, Ordering::SeqCst);
    let refused = setup.kv.put(&key("k"), value("v")).await;
    assert_eq!(refused, Err(KvError::Store("broken".to_owned())));
    setup.store.failing.store(false, Ordering::SeqCst);
    assert_eq!(read(&setup.kv, "k").await, None);
    assert_eq!(setup.operations("put", "error"), 1);
}

#[tokio::test]
async fn the_memory_store_lists_sorted_pages() {
    let store = MemoryStore::new(1 << 20, Clock::System);
    let put = |name: &str| Write::Put {
        key: key(name),
        item: Item {
            value: "v".into(),
            metadata: None,
            expires_at: None,
        },
        only_if_absent: false,
    };
    store.write(["b", "a3", "a1", "a2"].map(put).to_vec()).await;
    let first = store.list("a", None, 2).await.unwrap();
    assert_eq!(first.keys, [key("a1"), key("a2")]);
    let second = store.list("a", first.next.as_ref(), 2).await.unwrap();
    assert_eq!((second.keys, second.next), (vec![key("a3")], None));
}
