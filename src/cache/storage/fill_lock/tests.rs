use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use parking_lot::Mutex;

use super::*;
use crate::cache::entry::testing::plain;
use crate::cache::purge::{PurgeLimits, PurgeLog};
use crate::cache::storage::{Fetching, Lookup, engine_key};
use crate::cache::{Entry, KeyHash};
use crate::config::{Preset, model};
use crate::preset::PageClass;
use crate::telemetry::metrics::Metrics;

const AGE: Duration = Duration::from_secs(5);
const RETRIES: usize = 2;

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
        lock_retries: RETRIES,
        uncacheable_memory: AGE,
        purges_max: 100,
        purge_log: None,
    };
    let log = PurgeLog::new(limits, clock.clone(), Arc::clone(&metrics));
    let tiers = Tiered::new("t", &config, None, log, &metrics, clock.clone(), only_root);
    Cache {
        lock: FillLock::new(
            LockTerms {
                age: AGE,
                retries: RETRIES,
            },
            Arc::clone(&tiers),
            clock,
            metrics,
        ),
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
            fetching: Fetching::default(),
        }))
    }

    fn fill(&self, fresh_for: Duration) -> Arc<Entry> {
        let stored_at = self.now - Duration::from_secs(10);
        let mut entry = Entry {
            body: Bytes::from_static(b"body"),
            seq: self.tiers.head(),
            ..plain(KeyHash(1), stored_at, Duration::from_secs(1) + fresh_for)
        };
        entry.times.stale_while_revalidate = Duration::from_secs(60);

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

impl Cache {
    fn fetch(&self, key: &CacheKey) -> WritePermit {
        match self.lock.lock(key, false) {
            Locked::Write(permit) => permit,
            Locked::Read(_) => panic!("this one may fetch"),
        }
    }

    fn wait(&self, key: &CacheKey) -> ReadLock {
        match self.lock.lock(key, false) {
            Locked::Read(lock) => lock,
            Locked::Write(_) => panic!("this one waits"),
        }
    }

    fn fail(&self, key: &CacheKey, permit: WritePermit) {
        lookup_of(key).unwrap().fetching.fail();
        self.lock.release(key, permit, LockStatus::TransientError);
    }

    fn is_given_up(key: &CacheKey) -> bool {
        lookup_of(key).unwrap().fetching.is_given_up()
    }

    /// A fetch that failed, and those who waited for it.
    fn failed(&self, waiters: usize) -> Vec<CacheKey> {
        let leader = self.looked(None);
        let permit = self.fetch(&leader);
        let waiters: Vec<CacheKey> = (0..waiters).map(|_| self.looked(None)).collect();
        for key in &waiters {
            self.wait(key);
        }
        self.fail(&leader, permit);
        waiters
    }
}

#[test]
fn after_a_failed_fetch_some_try_again_at_once_and_the_others_get_the_error_with_them() {
    let cache = cache();
    let waiters = cache.failed(4);
    let tries: Vec<_> = waiters[..RETRIES].iter().map(|key| cache.fetch(key)).collect();
    let late: Vec<_> = waiters[RETRIES..].iter().map(|key| cache.wait(key)).collect();
    for (key, permit) in waiters.iter().zip(tries) {
        assert!(late.iter().all(ReadLock::locked));
        cache.fail(key, permit);
    }
    for (key, lock) in waiters[RETRIES..].iter().zip(late) {
        assert_eq!(lock.lock_status(), LockStatus::TransientError);
        let permit = cache.fetch(key);
        assert!(Cache::is_given_up(key));
        cache.lock.release(key, permit, LockStatus::TransientError);
    }
    assert!(!Cache::is_given_up(&waiters[0]));
}

#[test]
fn after_a_failed_fetch_one_success_is_everyone_s() {
    let cache = cache();
    let waiters = cache.failed(3);
    let tries: Vec<_> = waiters[..RETRIES].iter().map(|key| cache.fetch(key)).collect();
    let late = cache.wait(&waiters[RETRIES]);
    let mut tries = waiters.iter().zip(tries);
    let (key, permit) = tries.next().unwrap();
    cache.fill(Duration::from_secs(60));
    cache.lock.release(key, permit, LockStatus::Done);
    assert_eq!(late.lock_status(), LockStatus::Done);
    assert!(!cache.may_fetch(&waiters[RETRIES], false));
    assert!(!Cache::is_given_up(&waiters[RETRIES]));
    let (key, permit) = tries.next().unwrap();
    cache.fail(key, permit);
}

#[test]
fn a_leader_that_tries_again_is_one_of_those_who_do() {
    let cache = cache();
    let (leader, second, third) = (cache.looked(None), cache.looked(None), cache.looked(None));
    let fetching = |key| &lookup_of(key).unwrap().fetching;
    let permit = cache.fetch(&leader);
    let waiting = [cache.wait(&second), cache.wait(&third)];
    assert!(fetching(&leader).may_go_on(), "it may try once more");
    assert!(
        waiting.iter().all(|lock| !lock.locked()),
        "the others are not to wait for that"
    );
    let other = cache.fetch(&second);
    let late = cache.wait(&third);
    assert!(!fetching(&leader).may_go_on() && !fetching(&second).may_go_on());
    cache.fail(&second, other);
    assert!(late.locked());
    cache.fail(&leader, permit);
    assert_eq!(late.lock_status(), LockStatus::TransientError);
    let permit = cache.fetch(&third);
    assert!(Cache::is_given_up(&third));
    cache.lock.release(&third, permit, LockStatus::TransientError);
}

#[test]
fn a_leader_whose_second_try_brings_an_answer_brings_it_for_all() {
    let cache = cache();
    let (leader, second, third) = (cache.looked(None), cache.looked(None), cache.looked(None));
    let permit = cache.fetch(&leader);
    for key in [&second, &third] {
        cache.wait(key);
    }
    assert!(lookup_of(&leader).unwrap().fetching.may_go_on());
    let other = cache.fetch(&second);
    let late = cache.wait(&third);
    cache.fill(Duration::from_secs(60));
    cache.lock.release(&leader, permit, LockStatus::Done);
    assert_eq!(late.lock_status(), LockStatus::Done);
    assert!(!cache.may_fetch(&third, false));
    cache.fail(&second, other);
}

#[test]
fn a_leader_nobody_waits_for_tries_as_often_as_it_likes() {
    let cache = cache();
    let leader = cache.looked(None);
    let permit = cache.fetch(&leader);
    for _ in 0..2 {
        assert!(lookup_of(&leader).unwrap().fetching.may_go_on());
    }
    cache.fail(&leader, permit);
}

#[test]
fn those_who_come_after_a_failed_fetch_have_nothing_to_do_with_it() {
    let cache = cache();
    let waiters = cache.failed(1);
    let newcomer = cache.looked(None);
    let permit = cache.fetch(&newcomer);
    cache.lock.release(&newcomer, permit, LockStatus::Done);
    let permit = cache.fetch(&waiters[0]);
    cache.lock.release(&waiters[0], permit, LockStatus::Done);
}

#[test]
fn a_client_that_leaves_is_followed_by_one_other() {
    let cache = cache();
    let (leader, second, third) = (cache.looked(None), cache.looked(None), cache.looked(None));
    let permit = cache.fetch(&leader);
    let waiting = [cache.wait(&second), cache.wait(&third)];
    cache.lock.release(&leader, permit, LockStatus::TransientError);
    assert!(waiting.iter().all(|lock| !lock.locked()));
    let permit = cache.fetch(&second);
    cache.wait(&third);
    cache.lock.release(&second, permit, LockStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn only_a_body_that_is_slow_to_come_lets_the_waiters_go() {
    let cache = cache();
    let (leader, second) = (cache.looked(None), cache.looked(None));
    let permit = cache.fetch(&leader);
    let waiting = cache.wait(&second);
    tokio::time::sleep(AGE * 10).await;
    assert!(waiting.locked(), "the origin has not begun to answer");
    lookup_of(&leader).unwrap().fetching.fills();
    tokio::time::sleep(AGE / 2).await;
    assert!(waiting.locked());
    tokio::time::sleep(AGE).await;
    assert_eq!(waiting.lock_status(), LockStatus::AgeTimeout);
    let instead = cache.fetch(&second);
    let third = cache.looked(None);
    let waiting = cache.wait(&third);
    cache.lock.release(&leader, permit, LockStatus::Done);
    assert!(waiting.locked(), "the slow one's end is not the new one's");
    cache.lock.release(&second, instead, LockStatus::Done);
    assert!(!waiting.locked());
}
