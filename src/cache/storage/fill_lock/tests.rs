use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use parking_lot::Mutex;

use super::*;
use crate::cache::purge::{PurgeLimits, PurgeLog};
use crate::cache::storage::{Lookup, engine_key};
use crate::cache::{Entry, KeyHash, Times};
use crate::config::{Preset, model};
use crate::preset::PageClass;
use crate::telemetry::metrics::Metrics;

const AGE: Duration = Duration::from_secs(5);

struct Cache {
    lock: FillLock,
    tiers: Arc<Tiered>,
    now: SystemTime,
}

fn only_root(root: KeyHash, _names: &[HeaderName], _request: &HeaderMap) -> KeyHash {
    root
}

fn cache() -> Cache {
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let clock = Clock::manual(now);
    let metrics = Metrics::new().unwrap();
    let limits = PurgeLimits {
        records: 100,
        life: Duration::from_secs(86_400),
        shared: false,
        blind: Duration::from_secs(30),
    };
    let config = model::Cache {
        memory: 1 << 20,
        redis: None,
        object_max: 1 << 20,
        lock_wait: AGE,
        lock_age: AGE,
        uncacheable_memory: AGE,
        purges_max: 100,
        purge_log: None,
    };
    let log = PurgeLog::new(limits, clock.clone(), Arc::clone(&metrics));
    let tiers = Tiered::new("t", &config, None, log, &metrics, clock.clone(), only_root);
    Cache {
        lock: FillLock::new(AGE, Arc::clone(&tiers), clock),
        tiers,
        now,
    }
}

impl Cache {
    /// What a request carries after its lookup found `found`.
    fn looked(&self, found: Option<Arc<Entry>>) -> CacheKey {
        engine_key(Arc::new(Lookup {
            base: KeyHash(1),
            root: KeyHash(1),
            site: "blog.example".into(),
            host: "blog.example".into(),
            path: "/".into(),
            query: None,
            seq: self.tiers.head(),
            request: HeaderMap::new(),
            preset: Preset::Standard,
            wordpress: Arc::default(),
            class: PageClass::Any,
            found: Mutex::new(found),
            varies: false.into(),
        }))
    }

    fn fill(&self, fresh_for: Duration) -> Arc<Entry> {
        let entry = Entry {
            base: KeyHash(1),
            root: KeyHash(1),
            slot: KeyHash(1),
            host: "blog.example".into(),
            path: "/".into(),
            query: None,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"body"),
            times: Times {
                stored_at: self.now - Duration::from_secs(10),
                initial_age: Duration::ZERO,
                fresh_until: self.now - Duration::from_secs(9) + fresh_for,
                stale_while_revalidate: Duration::from_secs(60),
                stale_if_error: Duration::ZERO,
            },
            seq: self.tiers.head(),
            tags: [].into(),
            searched: Default::default(),
        };
        self.tiers.put(entry, &[]);
        self.tiers.get_memory(KeyHash(1), &HeaderMap::new()).unwrap()
    }

    /// Whether a request in this state may fetch; if not, whether it may look again at once.
    fn may_fetch(&self, key: &CacheKey, stale: bool) -> bool {
        match self.lock.lock(key, stale) {
            Locked::Write(permit) => {
                self.lock.release(key, permit, LockStatus::Done);
                true
            }
            Locked::Read(lock) => {
                assert_eq!(lock.lock_status(), LockStatus::Done);
                false
            }
        }
    }
}

#[test]
fn the_first_who_misses_fetches_and_the_others_wait() {
    let cache = cache();
    let key = cache.looked(None);
    let Locked::Write(permit) = cache.lock.lock(&key, false) else {
        panic!("nobody else fetches");
    };
    let Locked::Read(waiting) = cache.lock.lock(&key, false) else {
        panic!("two fetches");
    };
    assert_eq!(waiting.lock_status(), LockStatus::Waiting);
    cache.lock.release(&key, permit, LockStatus::Done);
    assert_eq!(waiting.lock_status(), LockStatus::Done);
}

#[test]
fn a_fill_that_ended_between_look_up_and_lock_is_not_repeated() {
    let cache = cache();
    let missed = cache.looked(None);
    cache.fill(Duration::from_secs(60));
    assert!(!cache.may_fetch(&missed, false));
    assert!(!cache.may_fetch(&missed, false), "no lock is left behind");
}

#[test]
fn a_refresh_that_ended_between_look_up_and_lock_is_not_repeated() {
    let cache = cache();
    let stale = cache.fill(Duration::ZERO);
    let late = cache.looked(Some(stale));
    assert!(cache.may_fetch(&late, true), "nobody has refreshed it");
    cache.fill(Duration::from_secs(60));
    assert!(!cache.may_fetch(&late, true));
}

#[test]
fn a_request_that_wants_validation_fetches_though_the_object_is_fresh() {
    let cache = cache();
    let fresh = cache.fill(Duration::from_secs(60));
    assert!(cache.may_fetch(&cache.looked(Some(fresh)), true));
}
