//! What one stores or removes while the other holds a fresh copy.

use super::*;
use crate::cache::tiered::others::take_in;

const LATER: Duration = Duration::from_secs(1);

/// What lies under a key in the memory of `node` without a request: its body, unless another popgate replaced it.
fn in_memory(node: &Node, base: u128) -> Option<Vec<u8>> {
    let entry = node.tiered.get_memory(KeyHash(base), &HeaderMap::new())?;
    Some(entry.body.to_vec())
}

fn lane(node: &Node, base: u128) -> Option<NotInMemory> {
    node.tiered.find_memory(KeyHash(base), |_| None).err()
}

async fn body(node: &Node, base: u128) -> Vec<u8> {
    node.get(base).await.unwrap().entry.body.to_vec()
}

impl Node {
    /// Stores what was fetched a second later than what [`Node::put`] stores.
    async fn put_later(&self, base: u128, body: &'static str) {
        let now = SystemTime::now() + LATER;
        self.tiered
            .put(entry(&self.tiered, base, KeyHash(base), body, now), &[]);
        assert!(self.tiered.drain(WAIT).await);
    }

    fn put_variant(&self, base: u128, value: &'static str, body: &'static str, after: Duration) {
        let names = [header::ACCEPT_ENCODING];
        let slot = by_values(KeyHash(base), &names, &encoding(value));
        let now = SystemTime::now() + after;
        self.tiered
            .put(entry(&self.tiered, base, slot, body, now), &names);
    }

    async fn superseded(&self, base: u128) {
        self.until("heard of it", |node| {
            lane(node, base) == Some(NotInMemory::Superseded)
        })
        .await;
    }

    fn heard(&self, what: &str) -> u64 {
        self.metrics.cache_superseded.with_label_values(&[what]).get()
    }
}

fn name(base: u128) -> String {
    format!("t:o:{base:032x}")
}

/// Two that hold the same copy.
async fn both(redis: &TestRedis) -> (Node, Node) {
    let (a, b) = (Node::start(redis).await, Node::start(redis).await);
    a.put(1, "old").await;
    b.get(1).await.unwrap();
    assert_eq!(in_memory(&b, 1).unwrap(), b"old");
    (a, b)
}

#[tokio::test]
async fn what_another_stored_later_is_taken_instead_of_a_fresh_copy() {
    let redis = TestRedis::start(&[]);
    let (a, b) = both(&redis).await;
    a.put_later(1, "new").await;
    b.superseded(1).await;
    assert!(in_memory(&b, 1).is_none());
    assert!(
        b.tiered.has_fresh(KeyHash(1), &HeaderMap::new()),
        "worth a lookup"
    );
    assert_eq!(body(&b, 1).await, b"new");
    assert_eq!(
        in_memory(&b, 1).unwrap(),
        b"new",
        "promoted, and for the lane again"
    );
    assert_eq!(b.heard("stored"), 1);
    assert_eq!(a.heard("stored"), 0, "nobody hears of what he did himself");
    assert_eq!(in_memory(&a, 1).unwrap(), b"new");
}

#[tokio::test]
async fn a_304_of_one_is_heard_by_the_other() {
    let redis = TestRedis::start(&[]);
    let (a, b) = both(&redis).await;
    let old = a.get(1).await.unwrap().entry;
    let times = Times {
        stored_at: old.times.stored_at + LATER,
        ..old.times
    };
    let headers = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"b\""))]);
    a.tiered.refresh(&old, headers, times, a.tiered.head());
    b.superseded(1).await;
    assert_eq!(b.get(1).await.unwrap().entry.headers[header::ETAG], "\"b\"");
}

#[tokio::test]
async fn a_copy_that_redis_holds_as_well_is_looked_up_once_and_stays() {
    let redis = TestRedis::start(&[]);
    let (_a, b) = both(&redis).await;
    let copy = b.get(1).await.unwrap().entry;
    redis.cli(&["EXPIRE", &name(1), "1000"]);
    b.superseded(1).await;
    let reads = b.reads();
    for _ in 0..3 {
        assert!(Arc::ptr_eq(&b.get(1).await.unwrap().entry, &copy));
    }
    assert_eq!((b.reads(), in_memory(&b, 1).is_some()), (reads + 1, true));
}

#[tokio::test]
async fn an_older_value_in_redis_does_not_replace_the_copy() {
    let redis = TestRedis::start(&[]);
    let (a, b) = both(&redis).await;
    b.put_later(1, "new").await;
    a.superseded(1).await;
    // Somebody was slow.
    let old = entry(&a.tiered, 1, KeyHash(1), "slow", SystemTime::now() - LATER);
    a.tiered.put(old, &[]);
    b.superseded(1).await;
    assert_eq!(body(&b, 1).await, b"new");
    assert_eq!(in_memory(&b, 1).unwrap(), b"new");
}

#[tokio::test]
async fn what_another_withdrew_is_gone() {
    let redis = TestRedis::start(&[]);
    let (a, b) = both(&redis).await;
    a.tiered.remove(KeyHash(1));
    b.until("removed", |b| lane(b, 1) == Some(NotInMemory::Absent))
        .await;
    assert!(b.get(1).await.is_none());
    assert!(b.heard("removed") >= 1);
    assert_eq!(redis.cli(&["KEYS", "t:r:*"]), "");
}

#[tokio::test]
async fn what_may_not_be_told_is_deleted_all_the_same() {
    let redis = TestRedis::start(&[]);
    let (a, b) = both(&redis).await;
    redis.cli(&["ACL", "SETUSER", "default", "resetkeys", "~t:o:*", "~t:purges*"]);
    a.tiered.remove(KeyHash(1));
    assert!(a.tiered.drain(WAIT).await);
    assert_eq!(redis.cli(&["EXISTS", &name(1)]), "0");
    assert_eq!(body(&b, 1).await, b"old");
}

#[tokio::test]
async fn a_copy_that_redis_forgot_stays() {
    let redis = TestRedis::start(&[]);
    let (_a, b) = both(&redis).await;
    let name = name(1);
    // As an eviction does, and the end of a TTL that is shorter than the copy's life.
    for forget in [&["UNLINK", &name][..], &["PEXPIRE", &name, "1"]] {
        b.put_later(1, "kept").await;
        redis.cli(forget);
        b.superseded(1).await;
        b.until("forgotten", |_| redis.cli(&["EXISTS", &name]) == "0")
            .await;
        // The end of a TTL is told once more.
        let settled = async {
            loop {
                assert_eq!(body(&b, 1).await, b"kept", "{forget:?}");
                if in_memory(&b, 1).is_some() {
                    break;
                }
            }
        };
        tokio::time::timeout(WAIT, settled).await.unwrap();
    }
}

#[tokio::test]
async fn without_redis_a_superseded_copy_is_served_and_stays_superseded() {
    let mut redis = TestRedis::start(&[]);
    let (a, b) = both(&redis).await;
    a.put_later(1, "new").await;
    b.superseded(1).await;
    redis.kill();
    for _ in 0..3 {
        let found = b.get(1).await.unwrap();
        assert_eq!(
            (found.entry.body.as_ref(), found.verdict),
            (&b"old"[..], Verdict::Valid)
        );
    }
    assert_eq!(lane(&b, 1), Some(NotInMemory::Superseded));
}

#[tokio::test]
async fn a_paused_redis_costs_a_superseded_copy_the_timeout_at_most() {
    let redis = TestRedis::start(&[]);
    let (a, b) = both(&redis).await;
    a.put_later(1, "new").await;
    b.superseded(1).await;
    redis.pause();
    assert_eq!(body(&b, 1).await, b"old");
    redis.go_on();
    b.until("redis is used again", |b| b.tiered.stats().purges_synced)
        .await;
    let newer = async {
        while body(&b, 1).await != b"new" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WAIT, newer).await.unwrap();
}

#[tokio::test]
async fn a_variant_of_another_replaces_the_one_here_and_no_other() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    for value in ["gzip", "br"] {
        a.put_variant(1, value, value, Duration::ZERO);
    }
    assert!(a.tiered.drain(WAIT).await);
    let get = async |value| b.tiered.get(KeyHash(1), &encoding(value)).await.unwrap().entry;
    let gzip = get("gzip").await;
    get("br").await;
    a.put_variant(1, "br", "new", LATER);
    b.superseded(1).await;
    let slot = by_values(KeyHash(1), &[header::ACCEPT_ENCODING], &encoding("br"));
    b.until("the variant, too", |b| {
        let entry = b.tiered.parts.load().memory.object(slot);
        entry.is_some_and(|entry| entry.superseded.is())
    })
    .await;
    assert_eq!(get("br").await.body, "new");
    assert!(Arc::ptr_eq(&get("gzip").await, &gzip));
    for value in ["gzip", "br"] {
        assert!(b.tiered.get_memory(KeyHash(1), &encoding(value)).is_some());
    }
}

#[tokio::test]
async fn a_response_that_varies_no_longer_replaces_variants_and_the_other_way_round() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put_variant(1, "br", "variant", Duration::ZERO);
    assert!(a.tiered.drain(WAIT).await);
    let get = async || b.tiered.get(KeyHash(1), &encoding("br")).await.unwrap().entry;
    assert_eq!(get().await.body, "variant");
    a.put_later(1, "whole").await;
    b.superseded(1).await;
    assert_eq!(get().await.body, "whole");
    a.put_variant(1, "br", "variant again", 2 * LATER);
    assert!(a.tiered.drain(WAIT).await);
    b.superseded(1).await;
    assert_eq!(get().await.body, "variant again");
    assert!(b.tiered.get_memory(KeyHash(1), &encoding("br")).is_some());
    assert!(b.tiered.get(KeyHash(1), &encoding("zstd")).await.is_none());
}

#[tokio::test]
async fn variants_outlive_a_redis_that_goes_away_after_it_was_heard_of() {
    let mut redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    a.put_variant(1, "br", "old", Duration::ZERO);
    assert!(a.tiered.drain(WAIT).await);
    let get = async || b.tiered.get(KeyHash(1), &encoding("br")).await.unwrap().entry;
    get().await;
    a.put_variant(1, "br", "new", LATER);
    b.superseded(1).await;
    redis.kill();
    assert_eq!(get().await.body, "old");
}

#[tokio::test]
async fn an_alias_of_another_is_read_again() {
    let redis = TestRedis::start(&[]);
    let (a, b) = (Node::start(&redis).await, Node::start(&redis).await);
    put_german(&a.tiered, SystemTime::now());
    assert!(a.tiered.drain(WAIT).await);
    let get = async || b.tiered.get(KeyHash(1), &language("de")).await;
    assert_eq!(get().await.unwrap().entry.body, "deutsch");
    put_german(&a.tiered, SystemTime::now() + LATER);
    assert!(a.tiered.drain(WAIT).await);
    b.superseded(1).await;
    assert_eq!(get().await.unwrap().entry.body, "deutsch");
    assert_eq!(b.heard("removed"), 0);
}

#[tokio::test]
async fn on_a_new_connection_the_others_are_heard_again() {
    let mut redis = TestRedis::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (a, b) = both(&redis).await;
    redis.kill();
    for node in [&a, &b] {
        node.until("away", |node| !node.tiered.stats().purges_synced)
            .await;
    }
    redis.run();
    for node in [&a, &b] {
        node.until("back", |node| node.tiered.stats().purges_synced).await;
    }
    assert_eq!(
        in_memory(&b, 1).unwrap(),
        b"old",
        "nothing is marked for a new connection"
    );
    a.put_later(1, "new").await;
    b.superseded(1).await;
    assert_eq!(body(&b, 1).await, b"new");
}

#[tokio::test]
async fn a_flush_supersedes_nothing() {
    let redis = TestRedis::start(&[]);
    let (_a, b) = both(&redis).await;
    redis.cli(&["FLUSHALL"]);
    b.until("in doubt", |b| in_memory(b, 1).is_none()).await;
    b.until("in step", |b| b.tiered.stats().purges_synced).await;
    assert!(matches!(b.get(1).await.unwrap().verdict, Verdict::Stale { .. }));
    assert_eq!((b.heard("stored"), b.heard("removed")), (0, 0));
}

#[tokio::test]
async fn without_client_tracking_all_else_works() {
    let redis = TestRedis::start(&[]);
    redis.cli(&["ACL", "SETUSER", "default", "-client|tracking"]);
    let (a, b) = both(&redis).await;
    a.put_later(1, "new").await;
    assert_eq!(body(&b, 1).await, b"old");
    a.tiered.remove(KeyHash(1));
    assert!(a.tiered.drain(WAIT).await);
    assert_eq!(redis.cli(&["EXISTS", &name(1)]), "0");
    assert_eq!(b.heard("stored"), 0);
}

#[tokio::test]
async fn what_is_heard_while_a_slot_is_read_counts_for_what_was_read() {
    let cache = alone();
    let memory = Arc::clone(&cache.tiered.parts.load().memory);
    let flights = Flights::default();
    let read = async |news: Option<crate::cache::redis::News>| {
        let old = entry(&cache.tiered, 1, KeyHash(1), "old", cache.clock.now());
        let (memory, during) = (Arc::clone(&memory), flights.clone());
        flights
            .join(KeyHash(1), || async move {
                let answer = Answer::Found(Slot::Object(Arc::new(old)));
                if let Some(news) = news {
                    during.tell(KeyHash(1), news);
                }
                take_in(&memory, &during, KeyHash(1), &answer);
                answer
            })
            .await;
    };
    read(None).await;
    assert!(!memory.object(KeyHash(1)).unwrap().superseded.is());
    read(Some(crate::cache::redis::News::Stored)).await;
    assert!(memory.object(KeyHash(1)).unwrap().superseded.is());
    read(None).await;
    assert!(
        !memory.object(KeyHash(1)).unwrap().superseded.is(),
        "looked up again"
    );
    read(Some(crate::cache::redis::News::Removed)).await;
    assert!(memory.object(KeyHash(1)).is_none());
}
