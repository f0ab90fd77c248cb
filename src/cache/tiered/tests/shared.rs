//! Two caches on one real Redis.

mod others;

use super::*;
use crate::config::model::RedisCache;
use crate::redis_link::testing::TestRedis;

const WAIT: Duration = Duration::from_secs(20);

struct Node {
    tiered: Arc<Tiered>,
    metrics: Arc<Metrics>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    async fn start(redis: &TestRedis) -> Self {
        let mut config = cache_config();
        let tier = RedisCache {
            target: redis.target(),
            timeout: Duration::from_millis(300),
            queue_max: 1024,
            queue_bytes: 64 << 20,
            object_max: 1 << 20,
            ttl_max: Duration::from_secs(86_400),
            prefix: "t:".to_owned(),
            blind_max: Duration::from_secs(30),
        };
        let metrics = Metrics::new().unwrap();
        let link = crate::cache::redis::link(&tier, &metrics).unwrap();
        config.redis = Some(tier);
        let limits = PurgeLimits {
            records: 100,
            life: Duration::from_secs(86_400),
            shared: true,
            blind: Duration::from_secs(30),
        };
        let log = PurgeLog::new(limits, Clock::System, Arc::clone(&metrics));
        let tiered = Tiered::new("t", &config, Some(link), log, &metrics, Clock::System, by_values);
        let running = Arc::clone(&tiered);
        let node = Self {
            tiered,
            metrics,
            task: tokio::spawn(async move { running.run().await }),
        };
        node.until("in step", |node| node.tiered.stats().purges_synced)
            .await;
        node
    }

    async fn until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let wait = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(WAIT, wait).await.is_ok(), "{what}");
    }

    async fn put(&self, base: u128, body: &'static str) {
        self.tiered.put(
            entry(&self.tiered, base, KeyHash(base), body, SystemTime::now()),
            &[],
        );
        assert!(self.tiered.drain(WAIT).await);
    }

    async fn get(&self, base: u128) -> Option<Found> {
        self.tiered.get(KeyHash(base), &HeaderMap::new()).await
    }

    fn reads(&self) -> u64 {
        ["hit", "miss", "error", "corrupt"]
            .map(|result| {
                self.metrics
                    .cache_lookups
                    .with_label_values(&["redis", result])
                    .get()
            })
            .iter()
            .sum()
    }
}

#[tokio::test]
async fn an_entry_of_one_is_found_by_the_other_and_is_the_same() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put(1, "hello").await;
    let here = a.get(1).await.unwrap();
    let there = b.get(1).await.unwrap();
    assert_eq!((here.tier, there.tier), (Tier::Memory, Tier::Redis));
    assert_eq!(there.verdict, Verdict::Valid);
    assert_eq!(
        (&here.entry.body, &here.entry.headers),
        (&there.entry.body, &there.entry.headers)
    );
    assert_eq!(here.entry.times, there.entry.times, "to the millisecond");
    assert_eq!(b.get(1).await.unwrap().tier, Tier::Memory, "promoted");
}

#[tokio::test]
async fn variants_are_found_by_the_other() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    let names = [header::ACCEPT_ENCODING];
    for value in ["gzip", "br"] {
        let slot = by_values(KeyHash(1), &names, &encoding(value));
        a.tiered
            .put(entry(&a.tiered, 1, slot, value, SystemTime::now()), &names);
    }
    assert!(a.tiered.drain(WAIT).await);
    for value in ["br", "gzip"] {
        let found = b.tiered.get(KeyHash(1), &encoding(value)).await.unwrap();
        assert_eq!(
            (found.entry.body.as_ref(), found.tier),
            (value.as_bytes(), Tier::Redis)
        );
    }
    assert!(b.tiered.get(KeyHash(1), &encoding("zstd")).await.is_none());
}

#[tokio::test]
async fn a_purge_of_one_is_seen_by_the_other() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put(1, "one").await;
    a.put(2, "two").await;
    b.get(1).await.unwrap();
    b.get(2).await.unwrap();
    let report = a.tiered.purge(&url(1)).await;
    assert_eq!(report.redis, Reached::Reached);
    a.tiered.purge(&url(2).hard()).await;
    b.until("both purges", |b| {
        b.tiered.get_memory(KeyHash(2), &HeaderMap::new()).is_none()
    })
    .await;
    assert!(matches!(b.get(1).await.unwrap().verdict, Verdict::Stale { .. }));
    assert!(b.get(2).await.is_none());
    a.put(1, "new").await;
    assert_eq!(a.get(1).await.unwrap().verdict, Verdict::Valid);
}

#[tokio::test]
async fn a_hard_purge_of_everything_frees_the_memory_of_the_other() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    for base in 0..50 {
        b.put(base, "hello").await;
    }
    let weak = Arc::downgrade(&b.get(7).await.unwrap().entry);
    a.tiered.purge(&PurgeRequest::everything().hard()).await;
    b.until("freed", |_| weak.strong_count() == 0).await;
}

#[tokio::test]
async fn a_restarted_cache_never_serves_an_older_entry_as_fresh() {
    let redis = TestRedis::start(&[]);
    let a = Node::start(&redis).await;
    {
        let b = Node::start(&redis).await;
        b.put(1, "old").await;
        b.put(2, "other").await;
    }
    a.tiered.purge(&url(1)).await;
    let b = Node::start(&redis).await;
    assert!(matches!(b.get(1).await.unwrap().verdict, Verdict::Stale { .. }));
    assert_eq!(b.get(2).await.unwrap().verdict, Verdict::Valid);
}

#[tokio::test]
async fn a_purge_while_redis_is_away_keeps_the_older_copy_from_coming_back() {
    let mut redis = TestRedis::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put(1, "old").await;
    redis.kill();
    a.until("away", |node| !node.tiered.stats().purges_synced).await;
    assert_eq!(a.tiered.purge(&url(1).hard()).await.redis, Reached::Unreachable);
    assert!(a.get(1).await.is_none());
    redis.run();
    for node in [&a, &b] {
        node.until("back", |node| node.tiered.stats().purges_synced).await;
    }
    assert!(a.get(1).await.is_none());
    b.until("announced", |b| b.tiered.stats().purge_records > 1).await;
    assert!(b.get(1).await.is_none());
}

#[tokio::test]
async fn a_304_reaches_the_other() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put(1, "hello").await;
    a.tiered.purge(&url(1)).await;
    let old = a.get(1).await.unwrap().entry;
    a.tiered
        .refresh(&old, old.headers.clone(), old.times, a.tiered.head());
    assert!(a.tiered.drain(WAIT).await);
    assert_eq!(b.get(1).await.unwrap().verdict, Verdict::Valid);
}

#[tokio::test]
async fn a_crowd_reads_redis_once() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put(1, "hello").await;
    let found = futures::future::join_all((0..1000).map(|_| b.get(1))).await;
    assert!(found.iter().all(Option::is_some));
    assert_eq!(b.reads(), 1);
}

#[tokio::test]
async fn what_redis_lost_is_a_miss_and_nothing_fails() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put(1, "hello").await;
    redis.cli(&["FLUSHALL"]);
    assert!(b.get(1).await.is_none());
    a.until("noticed", |a| {
        a.tiered.get_memory(KeyHash(1), &HeaderMap::new()).is_none()
    })
    .await;
    a.until("in step", |node| node.tiered.stats().purges_synced).await;
    assert!(
        matches!(a.get(1).await.unwrap().verdict, Verdict::Stale { .. }),
        "stale, not lost"
    );
}

#[tokio::test]
async fn a_response_is_found_by_its_language_by_the_other() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    put_german(&a.tiered, SystemTime::now());
    assert!(a.tiered.drain(WAIT).await);
    let found = b.tiered.get(KeyHash(1), &language("de")).await.unwrap();
    assert_eq!(
        (found.entry.body.as_ref(), found.tier),
        (&b"deutsch"[..], Tier::Redis)
    );
    assert!(b.tiered.get(KeyHash(1), &language("fr")).await.is_none());
    let again = b.tiered.get(KeyHash(1), &language("de")).await.unwrap();
    assert_eq!(again.tier, Tier::Memory, "promoted with its alias");
}
