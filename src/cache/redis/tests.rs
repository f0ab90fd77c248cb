//! The tier on a real server, also one that misbehaves.

use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::cache::entry::PurgeSeq;
use crate::cache::entry::testing::plain;
use crate::cache::purge::{PurgeLimits, PurgeLog, follow};
use crate::redis_link::testing::TestRedis;

const WAIT: Duration = Duration::from_secs(20);

struct Node {
    tier: Arc<RedisTier>,
    log: Arc<PurgeLog>,
    metrics: Arc<Metrics>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

fn config(redis: &TestRedis) -> RedisCache {
    RedisCache {
        target: redis.target(),
        timeout: Duration::from_secs(2),
        queue_max: 64,
        queue_bytes: 16 << 20,
        object_max: 1 << 20,
        ttl_max: Duration::from_secs(3600),
        prefix: "t:".to_owned(),
        blind_max: Duration::from_secs(30),
    }
}

impl Node {
    fn new(config: &RedisCache) -> Self {
        let metrics = Metrics::new().unwrap();
        let limits = PurgeLimits {
            records: 100,
            life: Duration::from_secs(86_400),
            shared: true,
            blind: Duration::from_secs(30),
        };
        let log = PurgeLog::new(limits, Clock::System, Arc::clone(&metrics));
        let link = link(config, &metrics).unwrap();
        let tier = Arc::new(RedisTier::new(
            config,
            Arc::clone(&link),
            Arc::clone(&log),
            Clock::System,
            &metrics,
        ));
        let writer = Arc::clone(&tier);
        let tasks = vec![
            tokio::spawn(async move { writer.run(std::future::pending()).await }),
            tokio::spawn(follow(
                Arc::clone(&log),
                link,
                "t:purges".to_owned(),
                "t".to_owned(),
                Arc::new(|_| {}),
            )),
        ];
        Self {
            tier,
            log,
            metrics,
            tasks,
        }
    }

    async fn start(redis: &TestRedis) -> Self {
        let node = Self::new(&config(redis));
        node.usable(true).await;
        node
    }

    async fn usable(&self, wanted: bool) {
        self.until("usable", |node| node.tier.usable().is_some() == wanted)
            .await;
    }

    async fn until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let wait = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(WAIT, wait).await.is_ok(), "{what}");
    }

    async fn write(&self, slot: u128, write: Write) {
        self.tier.write(KeyHash(slot), write);
        assert!(self.tier.drain(WAIT).await);
    }

    async fn put(&self, entry: Entry) {
        self.write(entry.slot.0, Write::Object(Arc::new(entry))).await;
    }

    async fn get(&self, slot: u128) -> Option<Arc<Entry>> {
        match self.tier.get(KeyHash(slot)).await {
            Answer::Found(Slot::Object(entry)) => Some(entry),
            _ => None,
        }
    }

    async fn found(&self, slot: u128) {
        let wait = async {
            while self.get(slot).await.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(WAIT, wait).await.is_ok(), "found again");
    }

    fn looked(&self, result: &str) -> u64 {
        self.metrics
            .cache_lookups
            .with_label_values(&["redis", result])
            .get()
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.metrics
            .cache_writes_dropped
            .with_label_values(&[reason])
            .get()
    }

    fn failed(&self, op: &str) -> u64 {
        self.metrics.redis_errors.with_label_values(&[op]).get()
    }
}

fn entry(slot: u128, body: usize, log: &PurgeLog) -> Entry {
    // Whole milliseconds, as the frame holds.
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap());
    let mut entry = Entry {
        headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("text/html"))]),
        body: Bytes::from(vec![u8::try_from(slot).unwrap(); body]),
        seq: log.head(),
        ..plain(KeyHash(slot), now, Duration::from_secs(60))
    };
    entry.times.stale_while_revalidate = Duration::from_secs(30);
    entry
}

fn name(slot: u128) -> String {
    format!("t:o:{slot:032x}")
}

#[tokio::test]
async fn an_entry_is_the_same_when_it_is_read() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    for body in [0, 10, 500_000] {
        let entry = entry(1, body, &node.log);
        node.put(entry.clone()).await;
        let back = node.get(1).await.unwrap();
        assert_eq!(
            (&back.headers, &back.body, back.times),
            (&entry.headers, &entry.body, entry.times)
        );
        assert_eq!(
            (back.seq, &back.host, back.status),
            (entry.seq, &entry.host, entry.status)
        );
    }
    assert!(node.get(2).await.is_none());
    assert_eq!((node.looked("hit"), node.looked("miss")), (3, 1));
}

#[tokio::test]
async fn every_value_has_a_ttl_of_its_remaining_life_at_most_the_limit_and_at_least_a_second() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    let ttl = |slot: u128| redis.cli(&["TTL", &name(slot)]).parse::<i64>().unwrap();
    let mut short = entry(1, 10, &node.log);
    short.times.fresh_until = short.times.stored_at;
    node.put(short).await;
    assert!((20..=30).contains(&ttl(1)), "its stale window: {}", ttl(1));
    node.put(entry(2, 10, &node.log)).await;
    assert!((3590..=3600).contains(&ttl(2)), "{}", ttl(2));
    assert_eq!(
        node.tier.ttl(SystemTime::now() + Duration::from_millis(300)),
        Some(1)
    );
    assert_eq!(
        node.tier.ttl(SystemTime::now() - Duration::from_millis(300)),
        None
    );
}

#[tokio::test]
async fn a_vary_marker_is_read_back() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    let vary = VaryNames {
        names: [http::header::ACCEPT_ENCODING].into(),
        dead_at: UNIX_EPOCH + Duration::from_secs(4_000_000_000),
        superseded: Default::default(),
    };
    node.write(1, Write::Vary(Arc::new(vary.clone()))).await;
    match node.tier.get(KeyHash(1)).await {
        Answer::Found(Slot::Vary(back)) => assert_eq!(*back, vary),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_values_are_misses_counted_and_deleted() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    node.put(entry(1, 100, &node.log)).await;
    let right = codec::encode(&entry(9, 100, &node.log)).unwrap();
    let mut newer = right.to_vec();
    newer[4] += 1;
    let cut = right.slice(..right.len() - 1);
    let wrong: [(&str, Vec<u8>); 5] = [
        ("random", vec![0x5a; 300]),
        (
            "of another key",
            codec::encode(&entry(1, 100, &node.log)).unwrap().to_vec(),
        ),
        ("newer", newer),
        ("cut", cut.to_vec()),
        ("too long", vec![b'x'; (1 << 20) + 1]),
    ];
    for (count, (what, value)) in (1..).zip(wrong) {
        let _: Value = node
            .tier
            .link
            .query("set", redis::cmd("SET").arg(name(9)).arg(value))
            .await
            .unwrap();
        assert!(node.get(9).await.is_none(), "{what}");
        assert_eq!(node.looked("corrupt"), count, "{what}");
        assert!(node.tier.drain(WAIT).await);
        assert_eq!(redis.cli(&["EXISTS", &name(9)]), "0", "{what}");
    }
    redis.cli(&["RPUSH", &name(9), "a"]);
    assert!(node.get(9).await.is_none());
    assert_eq!(node.looked("corrupt"), 6, "a list");
    assert!(node.tier.drain(WAIT).await);
    assert_eq!(redis.cli(&["EXISTS", &name(9)]), "0");
    assert!(node.get(1).await.is_some());
}

#[tokio::test]
async fn a_string_of_200_mb_costs_no_more_than_the_largest_entry() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    redis.cli(&["SETRANGE", &name(1), "209715199", "x"]);
    assert!(node.get(1).await.is_none());
    assert_eq!(node.looked("corrupt"), 1);
    assert!(node.tier.drain(WAIT).await);
    assert_eq!(redis.cli(&["EXISTS", &name(1)]), "0");
}

#[tokio::test]
async fn what_is_too_large_is_not_written_and_takes_the_older_one_away() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    node.put(entry(1, 10, &node.log)).await;
    node.put(entry(1, 2 << 20, &node.log)).await;
    assert_eq!(node.dropped("too_large"), 1);
    assert_eq!(redis.cli(&["EXISTS", &name(1)]), "0");
    // Only with its frame it is too large.
    node.put(entry(1, 10, &node.log)).await;
    node.put(entry(1, (1 << 20) - 1, &node.log)).await;
    assert_eq!(node.dropped("too_large"), 2);
    assert_eq!(redis.cli(&["EXISTS", &name(1)]), "0");
}

#[tokio::test]
async fn of_two_writes_the_later_wins() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    for round in 0..20 {
        for body in 0..10 {
            node.tier.write(
                KeyHash(1),
                Write::Object(Arc::new(entry(1, body + round, &node.log))),
            );
        }
        assert!(node.tier.drain(WAIT).await);
        assert_eq!(node.get(1).await.unwrap().body.len(), 9 + round);
    }
}

#[tokio::test]
async fn a_hard_purged_entry_is_a_miss_and_deleted() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    node.put(entry(1, 10, &node.log)).await;
    node.log
        .purge(&crate::cache::purge::PurgeRequest::everything().hard());
    assert!(node.get(1).await.is_none());
    assert!(node.tier.drain(WAIT).await);
    assert_eq!(redis.cli(&["EXISTS", &name(1)]), "0");
}

#[tokio::test]
async fn a_full_server_is_an_error_on_writes_and_reads_go_on() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    node.put(entry(1, 10, &node.log)).await;
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for slot in 2..12 {
        node.put(entry(slot, 10, &node.log)).await;
    }
    assert_eq!((node.failed("set"), node.dropped("error")), (10, 10));
    assert!(node.get(1).await.is_some());
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    node.put(entry(2, 10, &node.log)).await;
    assert!(node.get(2).await.is_some());
}

#[tokio::test]
async fn a_replica_and_a_dead_server_are_skipped_and_come_back() {
    let mut redis = TestRedis::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let node = Node::start(&redis).await;
    node.put(entry(1, 10, &node.log)).await;

    redis.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    // Writes find out.
    node.tier
        .write(KeyHash(2), Write::Object(Arc::new(entry(2, 10, &node.log))));
    node.usable(false).await;
    assert!(matches!(node.tier.get(KeyHash(1)).await, Answer::Skipped));
    redis.cli(&["REPLICAOF", "NO", "ONE"]);
    node.found(1).await;

    redis.kill();
    node.usable(false).await;
    node.put(entry(3, 10, &node.log)).await;
    assert!(node.dropped("breaker_open") >= 1);
    assert!(matches!(node.tier.get(KeyHash(1)).await, Answer::Skipped));
    redis.run();
    // The first command may still meet the connection that died.
    node.found(1).await;
}

#[tokio::test]
async fn without_login_nothing_is_used() {
    let redis = TestRedis::start(&["--requirepass", "secret"]);
    let node = Node::new(&config(&redis));
    node.until("refused", |node| node.failed("connect") > 0).await;
    assert!(matches!(node.tier.get(KeyHash(1)).await, Answer::Skipped));
    assert_eq!(node.looked("skipped"), 1);
}

#[tokio::test]
async fn a_paused_server_is_an_error_then_skipped_and_the_queue_stays_bounded() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    redis.pause();
    assert!(matches!(
        node.tier.get(KeyHash(1)).await,
        Answer::Error | Answer::Skipped
    ));
    for slot in 0..200 {
        node.tier
            .write(KeyHash(slot), Write::Object(Arc::new(entry(1, 10, &node.log))));
        assert!(node.tier.queued() <= 64);
    }
    assert!(node.dropped("queue_full") + node.dropped("breaker_open") >= 136);
    node.usable(false).await;
    assert!(matches!(node.tier.get(KeyHash(1)).await, Answer::Skipped));
    assert!(node.tier.drain(WAIT).await, "what waited was given up");
    redis.go_on();
    node.usable(true).await;
    node.put(entry(1, 10, &node.log)).await;
    assert!(node.get(1).await.is_some());
}

#[tokio::test]
async fn nothing_is_read_or_written_before_the_purges_are_known() {
    let redis = TestRedis::start(&[]);
    Node::start(&redis)
        .await
        .put(entry(
            1,
            10,
            &PurgeLog::new(
                PurgeLimits {
                    records: 1,
                    life: WAIT,
                    shared: true,
                    blind: Duration::from_secs(30),
                },
                Clock::System,
                Metrics::new().unwrap(),
            ),
        ))
        .await;
    let node = Node::new(&config(&redis));
    node.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    crate::redis_link::testing::up(&node.tier.link).await;
    assert!(matches!(node.tier.get(KeyHash(1)).await, Answer::Skipped));
    node.tier.write(KeyHash(2), Write::Delete);
    assert_eq!((node.tier.queued(), node.dropped("breaker_open")), (0, 1));
    assert_eq!(entry(1, 1, &node.log).seq, PurgeSeq(0));
}

#[tokio::test]
async fn draining_gives_up_at_its_deadline() {
    let redis = TestRedis::start(&[]);
    let node = Node::start(&redis).await;
    node.tasks[0].abort();
    node.tier.write(KeyHash(1), Write::Delete);
    assert!(!node.tier.drain(Duration::from_millis(20)).await);
    assert_eq!(node.tier.queued(), 1);
}
