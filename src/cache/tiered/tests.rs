use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{HeaderValue, header};

use super::*;
use crate::cache::entry::testing::plain;
use crate::cache::purge::{PurgeLimits, PurgeUrl};

mod million;
mod shared;

const START: Duration = Duration::from_secs(1_700_000_000);

/// The variant of a request: the values of the named fields.
fn by_values(base: KeyHash, names: &[HeaderName], request: &HeaderMap) -> KeyHash {
    let mut parts = vec![base.0.to_be_bytes().to_vec()];
    parts.extend(names.iter().map(|name| {
        request
            .get(name)
            .map_or(vec![], |value| value.as_bytes().to_vec())
    }));
    KeyHash::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn cache_config() -> model::Cache {
    model::Cache {
        memory: 64 << 20,
        redis: None,
        object_max: 32 << 20,
        lock_wait: Duration::from_secs(5),
        lock_age: Duration::from_secs(5),
        lock_retries: 8,
        uncacheable_memory: Duration::from_secs(10),
        purges_max: 100,
        purge_log: None,
    }
}

struct Alone {
    tiered: Arc<Tiered>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

fn alone() -> Alone {
    let clock = Clock::manual(UNIX_EPOCH + START);
    let metrics = Metrics::new().unwrap();
    let limits = PurgeLimits {
        records: 100,
        life: Duration::from_secs(86_400),
        shared: false,
        blind: Duration::from_secs(30),
    };
    let log = PurgeLog::new(limits, clock.clone(), Arc::clone(&metrics));
    let tiered = Tiered::new(
        "t",
        &cache_config(),
        None,
        log,
        &metrics,
        clock.clone(),
        by_values,
    );
    Alone {
        tiered,
        clock,
        metrics,
    }
}

fn entry(tiered: &Tiered, base: u128, slot: KeyHash, body: &'static str, now: SystemTime) -> Entry {
    let mut entry = Entry {
        slot,
        headers: HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"a\""))]),
        body: Bytes::from_static(body.as_bytes()),
        seq: tiered.head(),
        tags: ["home".into()].into(),
        ..plain(KeyHash(base), now, Duration::from_secs(60))
    };
    entry.times.stale_while_revalidate = Duration::from_secs(30);
    entry
}

fn url(base: u128) -> PurgeRequest {
    let url = PurgeUrl {
        base: KeyHash(base),
        host: "blog.example".into(),
    };
    PurgeRequest {
        urls: vec![url],
        ..Default::default()
    }
}

fn encoding(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))])
}

impl Alone {
    fn put(&self, base: u128, body: &'static str) {
        let entry = entry(&self.tiered, base, KeyHash(base), body, self.clock.now());
        self.tiered.put(entry, &[]);
    }

    fn looked(&self, result: &str) -> u64 {
        self.metrics
            .cache_lookups
            .with_label_values(&["memory", result])
            .get()
    }
}

#[tokio::test]
async fn what_was_put_is_found_in_memory() {
    let cache = alone();
    cache.put(1, "hello");
    let found = cache.tiered.get(KeyHash(1), &HeaderMap::new()).await.unwrap();
    assert_eq!((found.tier, found.verdict), (Tier::Memory, Verdict::Valid));
    assert_eq!(found.entry.body, "hello");
    let fast = cache.tiered.get_memory(KeyHash(1), &HeaderMap::new()).unwrap();
    assert!(Arc::ptr_eq(&fast, &found.entry), "the same bytes for both lanes");
    assert!(cache.tiered.get(KeyHash(2), &HeaderMap::new()).await.is_none());
    assert_eq!((cache.looked("hit"), cache.looked("miss")), (1, 1));
    cache.tiered.count_hit();
    assert_eq!(cache.looked("hit"), 2);
}

#[tokio::test]
async fn variants_are_found_by_their_requests() {
    let cache = alone();
    let names = [header::ACCEPT_ENCODING];
    for value in ["gzip", "br"] {
        let slot = by_values(KeyHash(1), &names, &encoding(value));
        cache
            .tiered
            .put(entry(&cache.tiered, 1, slot, value, cache.clock.now()), &names);
    }
    for value in ["gzip", "br"] {
        let found = cache.tiered.get(KeyHash(1), &encoding(value)).await.unwrap();
        assert_eq!(found.entry.body, value);
    }
    assert!(cache.tiered.get(KeyHash(1), &encoding("zstd")).await.is_none());
    cache.put(1, "for all");
    assert_eq!(
        cache
            .tiered
            .get(KeyHash(1), &encoding("br"))
            .await
            .unwrap()
            .entry
            .body,
        "for all"
    );
}

fn language(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(value))])
}

/// Stores what a request for `en, de` got: an answer in German.
fn put_german(tiered: &Tiered, now: SystemTime) {
    let names = [header::ACCEPT_LANGUAGE];
    let slot = by_values(KeyHash(1), &names, &language("en, de"));
    tiered.put(entry(tiered, 1, slot, "deutsch", now), &names);
    let alias = memory::alias_for(KeyHash(1), &names, &language("de")).unwrap();
    tiered.alias(alias, slot);
}

#[tokio::test]
async fn rfc9111_4_1_a_response_is_found_by_its_language_alone() {
    let cache = alone();
    put_german(&cache.tiered, cache.clock.now());
    let get = async |value| cache.tiered.get(KeyHash(1), &language(value)).await;
    assert_eq!(get("de").await.unwrap().entry.body, "deutsch");
    assert_eq!(get("fr;q=0.3, de;q=0.7").await.unwrap().entry.body, "deutsch");
    for other in ["fr", "de, fr", "fr, de;q=0.5", "*"] {
        assert!(get(other).await.is_none(), "{other}");
    }
    cache.tiered.purge(&PurgeRequest { hard: true, ..url(1) }).await;
    assert!(get("de").await.is_none());
}

#[tokio::test]
async fn a_url_purge_hits_what_lies_under_every_root_of_its_key() {
    let cache = alone();
    let names = [header::ACCEPT_ENCODING];
    for root in [KeyHash(100), KeyHash(200)] {
        let slot = by_values(root, &names, &encoding("br"));
        let entry = entry(&cache.tiered, 1, slot, "br", cache.clock.now());
        cache.tiered.put(Entry { root, ..entry }, &names);
        assert!(cache.tiered.get_memory(root, &encoding("br")).is_some());
    }
    cache.tiered.purge(&url(1)).await;
    for root in [KeyHash(100), KeyHash(200)] {
        assert!(cache.tiered.get_memory(root, &encoding("br")).is_none());
    }
}

#[tokio::test]
async fn a_softly_purged_entry_is_found_as_stale_and_not_by_the_lane() {
    let cache = alone();
    cache.put(1, "hello");
    cache.put(2, "other");
    let report = cache.tiered.purge(&url(1)).await;
    assert_eq!((report.local, report.redis), (true, Reached::NotConfigured));
    let found = cache.tiered.get(KeyHash(1), &HeaderMap::new()).await.unwrap();
    assert_eq!(
        found.verdict,
        Verdict::Stale {
            at: cache.clock.now()
        }
    );
    assert!(cache.tiered.get_memory(KeyHash(1), &HeaderMap::new()).is_none());
    assert!(cache.tiered.get_memory(KeyHash(2), &HeaderMap::new()).is_some());
}

#[tokio::test]
async fn a_hard_purged_entry_is_gone_with_all_its_variants() {
    let cache = alone();
    let names = [header::ACCEPT_ENCODING];
    let slot = by_values(KeyHash(1), &names, &encoding("br"));
    cache
        .tiered
        .put(entry(&cache.tiered, 1, slot, "br", cache.clock.now()), &names);
    cache.tiered.purge(&url(1).hard()).await;
    assert!(cache.tiered.get(KeyHash(1), &encoding("br")).await.is_none());
    assert!(
        cache.tiered.parts.load().memory.object(slot).is_none(),
        "its memory is given back"
    );
}

#[tokio::test]
async fn a_hard_purge_of_everything_gives_the_memory_back() {
    let cache = alone();
    for base in 0..100 {
        cache.put(base, "hello");
    }
    let weak = Arc::downgrade(&cache.tiered.get_memory(KeyHash(1), &HeaderMap::new()).unwrap());
    cache.tiered.purge(&PurgeRequest::everything().hard()).await;
    assert!(cache.tiered.get(KeyHash(1), &HeaderMap::new()).await.is_none());
    let freed = async {
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_fill_that_began_before_a_hard_purge_is_not_stored() {
    let cache = alone();
    let late = entry(&cache.tiered, 1, KeyHash(1), "old", cache.clock.now());
    cache.tiered.purge(&url(1).hard()).await;
    cache.tiered.put(late, &[]);
    assert!(cache.tiered.get(KeyHash(1), &HeaderMap::new()).await.is_none());
}

#[tokio::test]
async fn a_fill_that_began_before_a_soft_purge_is_stored_as_stale() {
    let cache = alone();
    let late = entry(&cache.tiered, 1, KeyHash(1), "old", cache.clock.now());
    cache.tiered.purge(&url(1)).await;
    cache.tiered.put(late, &[]);
    let found = cache.tiered.get(KeyHash(1), &HeaderMap::new()).await.unwrap();
    assert!(matches!(found.verdict, Verdict::Stale { .. }));
}

#[tokio::test]
async fn tags_purge_what_carries_them() {
    let cache = alone();
    cache.put(1, "hello");
    let tagged = |tag: &str| PurgeRequest {
        tags: vec![tag.into()],
        ..Default::default()
    };
    cache.tiered.purge(&tagged("hom")).await;
    assert!(cache.tiered.get_memory(KeyHash(1), &HeaderMap::new()).is_some());
    cache.tiered.purge(&tagged("home")).await;
    assert!(cache.tiered.get_memory(KeyHash(1), &HeaderMap::new()).is_none());
}

#[tokio::test]
async fn a_304_keeps_the_body_and_renews_the_rest() {
    let cache = alone();
    cache.put(1, "hello");
    cache.tiered.purge(&url(1)).await;
    let old = cache
        .tiered
        .get(KeyHash(1), &HeaderMap::new())
        .await
        .unwrap()
        .entry;
    cache.clock.advance(Duration::from_secs(10));
    let times = Times {
        fresh_until: cache.clock.now() + Duration::from_secs(60),
        ..old.times
    };
    let headers = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"b\""))]);
    cache.tiered.refresh(&old, headers, times, cache.tiered.head());
    let new = cache.tiered.get_memory(KeyHash(1), &HeaderMap::new()).unwrap();
    assert_eq!(new.body.as_ptr(), old.body.as_ptr());
    assert_eq!(new.headers[header::ETAG], "\"b\"");
    assert_eq!(new.times.fresh_until, times.fresh_until);
}

#[tokio::test]
async fn a_dead_response_only_removes_what_it_replaces() {
    let cache = alone();
    cache.put(1, "hello");
    let mut dead = entry(&cache.tiered, 1, KeyHash(1), "dead", cache.clock.now());
    dead.headers.clear();
    dead.times.fresh_until = cache.clock.now();
    dead.times.stale_while_revalidate = Duration::ZERO;
    cache.tiered.put(dead, &[]);
    assert!(cache.tiered.get(KeyHash(1), &HeaderMap::new()).await.is_none());
}

#[tokio::test]
async fn what_was_removed_is_not_found() {
    let cache = alone();
    cache.put(1, "hello");
    cache.tiered.remove(KeyHash(1));
    assert!(cache.tiered.get(KeyHash(1), &HeaderMap::new()).await.is_none());
    assert!(
        cache.tiered.drain(Duration::ZERO).await,
        "nothing waits without redis"
    );
}

#[tokio::test]
async fn stats_tell_what_is_held() {
    let cache = alone();
    cache.put(1, "hello");
    cache.tiered.purge(&url(1)).await;
    cache.tiered.parts.load().memory.run_pending();
    let stats = cache.tiered.stats();
    assert_eq!(
        (stats.memory_entries, stats.purge_records, stats.writes_queued),
        (1, 1, 0)
    );
    assert!(stats.memory_bytes > 500 && stats.purges_synced);
}
