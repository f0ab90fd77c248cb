//! Logs that share a real Redis.

use redis::cmd;

use super::*;
use crate::redis_link::RedisLink;
use crate::redis_link::testing::{TestRedis, link, up};

const KEY: &str = "t:purges";
const WAIT: Duration = Duration::from_secs(20);

/// A log that follows a server, with its task.
struct Node {
    log: Arc<PurgeLog>,
    link: Arc<RedisLink>,
    task: tokio::task::JoinHandle<()>,
    heard: Arc<Mutex<Vec<Record>>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    async fn start(redis: &TestRedis) -> Self {
        let node = Self::unsynced(redis, &log_with(100, true, &Clock::System));
        node.in_step().await;
        node
    }

    fn unsynced(redis: &TestRedis, log: &Arc<PurgeLog>) -> Self {
        let (link, _) = link(&redis.target(), Duration::from_millis(500));
        let heard: Arc<Mutex<Vec<Record>>> = Arc::default();
        let hear = Arc::clone(&heard);
        let purged: Purged = Arc::new(move |record| hear.lock().push(record.clone()));
        let task = tokio::spawn(follow(
            Arc::clone(log),
            Arc::clone(&link),
            KEY.to_owned(),
            "t".to_owned(),
            purged,
        ));
        Self {
            log: Arc::clone(log),
            link,
            task,
            heard,
        }
    }

    async fn until(&self, what: &str, mut done: impl FnMut(&PurgeLog) -> bool) {
        let wait = async {
            while !done(&self.log) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(WAIT, wait).await.is_ok(), "{what}");
    }

    async fn in_step(&self) {
        self.until("in step", PurgeLog::synced).await;
    }

    async fn out_of_step(&self) {
        self.until("out of step", |log| !log.synced()).await;
    }

    async fn purge(&self, request: &PurgeRequest) -> Reached {
        let ticket = self.log.purge(request).unwrap();
        self.log.announce(&self.link, KEY, ticket).await
    }

    async fn stale(&self, entry: &Entry) {
        self.until("stale", |log| matches!(log.verdict(entry), Verdict::Stale { .. }))
            .await;
    }
}

#[tokio::test]
async fn a_purge_reaches_every_log() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    let old = entry(1, b.log.head());
    assert_eq!(a.purge(&url(1).hard()).await, Reached::Reached);
    b.until("gone", |log| log.verdict(&old) == Verdict::Gone).await;
    assert_eq!(
        b.heard.lock().last(),
        Some(&Record {
            by: a.log.id,
            hard: true,
            scopes: url(1).scopes()
        })
    );
    assert_eq!(a.log.head(), b.log.head(), "one place for all");
    assert_eq!(b.log.verdict(&entry(1, a.log.head())), Verdict::Valid);
}

#[tokio::test]
async fn an_own_fill_after_the_purges_answer_stays_valid() {
    let redis = TestRedis::start(&[]);
    let a = Node::start(&redis).await;
    assert_eq!(a.purge(&url(1)).await, Reached::Reached);
    let filled = entry(1, a.log.head());
    let last: StreamId = {
        let answer: redis::Value = a.link.query("get", &stream::page(KEY, None, 100)).await.unwrap();
        stream::records(&answer).unwrap().last().unwrap().0
    };
    a.until("read back", |log| log.state.read().last == Some(last))
        .await;
    assert_eq!(a.log.verdict(&filled), Verdict::Valid);
}

#[tokio::test]
async fn a_new_log_reads_the_whole_stream_first() {
    let redis = TestRedis::start(&[]);
    let a = Node::start(&redis).await;
    let old = entry(1, a.log.head());
    for base in 1..50 {
        a.purge(&url(base)).await;
    }
    let b = Node::start(&redis).await;
    assert!(matches!(b.log.verdict(&old), Verdict::Stale { .. }));
    assert_eq!(b.log.head(), a.log.head());
    assert_eq!(
        b.log.verdict(&entry(200, old.seq)),
        Verdict::Valid,
        "not purged, and known not to be"
    );
}

#[tokio::test]
async fn the_purge_missed_while_cut_off_is_caught_up_with_first() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    let old = entry(1, b.log.head());
    let other = entry(2, b.log.head());
    b.task.abort();
    b.log.set_synced(None);
    a.purge(&url(1)).await;
    let again = Node::unsynced(&redis, &b.log);
    again.in_step().await;
    assert!(matches!(b.log.verdict(&old), Verdict::Stale { .. }));
    assert_eq!(
        b.log.verdict(&other),
        Verdict::Valid,
        "nothing was lost, nothing else is stale"
    );
}

#[tokio::test]
async fn a_trimmed_stream_makes_everything_older_stale() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    let old = entry(1, b.log.head());
    b.task.abort();
    a.purge(&url(5)).await;
    a.purge(&url(6)).await;
    redis.cli(&["XTRIM", KEY, "MAXLEN", "1"]);
    let filled = entry(1, a.log.head());
    let again = Node::unsynced(&redis, &b.log);
    again.stale(&old).await;
    again.in_step().await;
    assert_eq!(
        b.log.verdict(&filled),
        Verdict::Valid,
        "began after all that was lost"
    );
}

#[tokio::test]
async fn a_flushed_stream_makes_everything_older_stale() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    let old = entry(1, b.log.head());
    b.task.abort();
    a.purge(&url(1)).await;
    redis.cli(&["FLUSHALL"]);
    let again = Node::unsynced(&redis, &b.log);
    again.stale(&old).await;
    again.in_step().await;
    assert_ne!(redis.cli(&["XLEN", KEY]), "0", "its next loss will be noticed");
}

#[tokio::test]
async fn a_flush_while_connected_is_noticed() {
    let redis = TestRedis::start(&[]);
    let a = Node::start(&redis).await;
    let old = entry(1, a.log.head());
    redis.cli(&["DEL", KEY]);
    a.stale(&old).await;
    a.in_step().await;
}

#[tokio::test]
async fn ids_that_went_back_are_brought_forward_again() {
    let redis = TestRedis::start(&[]);
    let a = Node::start(&redis).await;
    a.task.abort();
    // A server whose clock was far ahead, lost and replaced by one that is right.
    redis.cli(&[
        "XADD",
        KEY,
        "4000000000000-0",
        "purge",
        &Record::unknown().to_json(),
    ]);
    let a = Node::unsynced(&redis, &a.log);
    a.until("far ahead", |log| log.head() >= id("4000000000000-0").seq())
        .await;
    a.in_step().await;
    a.task.abort();
    redis.cli(&["DEL", KEY]);
    redis.cli(&[
        "XADD",
        KEY,
        "1700000000000-0",
        "purge",
        &Record::unknown().to_json(),
    ]);
    let old = entry(1, a.log.head());
    let a = Node::unsynced(&redis, &a.log);
    a.stale(&old).await;
    a.until("in step", PurgeLog::synced).await;
    let filled = entry(1, a.log.head());
    let b = Node::start(&redis).await;
    assert_eq!(b.purge(&url(1)).await, Reached::Reached);
    a.stale(&filled).await;
}

#[tokio::test]
async fn purges_wait_while_redis_is_away_and_are_announced_when_it_is_back() {
    let mut redis = TestRedis::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    let old = entry(1, b.log.head());
    redis.kill();
    a.out_of_step().await;
    b.out_of_step().await;
    assert_eq!(a.purge(&url(1)).await, Reached::Unreachable);
    assert!(
        matches!(a.log.verdict(&old), Verdict::Stale { .. }),
        "here it is applied at once"
    );
    assert_eq!(b.log.verdict(&old), Verdict::Valid);
    redis.run();
    b.stale(&old).await;
    a.in_step().await;
    assert_eq!(a.log.waiting(), None);
}

#[tokio::test]
async fn waiting_purges_are_bounded() {
    let redis = TestRedis::stopped(&[]);
    let a = Node::unsynced(&redis, &log_with(100, true, &Clock::System));
    for base in 0..1000 {
        assert_eq!(a.purge(&url(base)).await, Reached::Unreachable);
    }
    assert!(a.log.records() <= 100);
    assert!(a.log.pending.lock().len() <= 100);
}

#[tokio::test]
async fn a_purge_that_redis_refuses_waits_until_it_does_not() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    let old = entry(1, b.log.head());
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(a.purge(&url(1)).await, Reached::Unreachable);
    assert!(a.log.waiting().is_some());
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    b.stale(&old).await;
}

#[tokio::test]
async fn a_paused_server_is_out_of_step_until_it_goes_on() {
    let redis = TestRedis::start(&[]);
    let a = Node::start(&redis).await;
    redis.pause();
    a.out_of_step().await;
    redis.go_on();
    a.in_step().await;
}

#[tokio::test]
async fn a_stream_key_of_another_type_is_never_in_step() {
    let redis = TestRedis::start(&[]);
    redis.cli(&["SET", KEY, "x"]);
    let a = Node::unsynced(&redis, &log_with(100, true, &Clock::System));
    up(&a.link).await;
    a.until("tried", |log| log.lagging.load(Ordering::Relaxed)).await;
    assert!(!a.log.synced());
    redis.cli(&["DEL", KEY]);
    a.in_step().await;
}

#[tokio::test]
async fn a_record_nobody_can_read_makes_everything_stale() {
    let redis = TestRedis::start(&[]);
    let a = Node::start(&redis).await;
    let old = entry(1, a.log.head());
    let _: redis::Value = a
        .link
        .query(
            "get",
            cmd("XADD").arg(KEY).arg("*").arg("purge").arg("{\"v\":99}"),
        )
        .await
        .unwrap();
    a.stale(&old).await;
}
