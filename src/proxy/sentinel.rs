//! The leak sentinel at work: hits are chosen, fetched again in the background, compared, and what leaked is
//! taken out of the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use parking_lot::Mutex;
use pingora_proxy::Session;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::Gateway;
use super::context::RequestContext;
use super::refetch::{Fetched, probe};
use super::request::hit_of;
use crate::app::SiteRuntime;
use crate::cache::policy::BypassReason;
use crate::cache::purge::{PurgeRequest, PurgeUrl};
use crate::cache::second_sight::Sights;
use crate::cache::status::Outcome;
use crate::cache::{Entry, KeyHash};
use crate::sentinel::{Page, Passing, Suspicion, Verdict, is_chosen, is_readable, same_to_anybody, verdict};
use crate::serve::ask::{Ask, Hit};

/// Copies that wait to be looked at; more are let go.
const WAITING_MAX: usize = 32;
/// Copies that are looked at at a time.
const AT_WORK_MAX: usize = 1;
/// Most bytes of an answer that is fetched.
const BODY_MAX: usize = 4 << 20;
/// Why a request passes.
pub const LEAK: BypassReason = BypassReason::Preset("leak-suspected");

/// What the sentinel knows.
pub struct Sentinel {
    epoch: Instant,
    waiting: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
    /// Copies that have been chosen before; each is judged once.
    chosen: Mutex<Sights>,
    passing: Mutex<Passing>,
    /// How many pass, so that hits need not lock.
    passing_now: AtomicUsize,
}

impl Default for Sentinel {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            at_work: Arc::new(Semaphore::new(AT_WORK_MAX)),
            chosen: Mutex::default(),
            passing: Mutex::default(),
            passing_now: AtomicUsize::new(0),
        }
    }
}

/// A copy to be looked at.
struct Check {
    site: Arc<SiteRuntime>,
    entry: Arc<Entry>,
    fields: HeaderMap,
    ask: Ask,
}

impl Sentinel {
    /// Whether requests for a URL pass, because a copy of it has leaked lately.
    #[must_use]
    pub fn passes(&self, base: KeyHash) -> bool {
        self.passing_now.load(Ordering::Relaxed) != 0
            && self.passing.lock().passes(base, self.epoch.elapsed())
    }
}

/// Passes a request for what has leaked lately. True when it passes.
pub(super) fn pass_leaked(gateway: &Gateway, cx: &mut RequestContext, base: KeyHash) -> bool {
    let sentinel = &gateway.app.sentinel;
    if sentinel.passing_now.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let passes = sentinel.passes(base);
    count_passing(gateway, &sentinel.passing.lock());
    if passes {
        cx.cache.bypass = Some(LEAK);
        cx.cache.request = None;
    }
    passes
}

fn count_passing(gateway: &Gateway, passing: &Passing) {
    gateway
        .app
        .sentinel
        .passing_now
        .store(passing.len(), Ordering::Relaxed);
    let held = i64::try_from(passing.len()).unwrap_or(i64::MAX);
    gateway.app.metrics.leaks_passing.set(held);
}

/// Offers a request that the engine has just answered. `random` is uniform: it chooses.
pub(super) fn answered(gateway: &Gateway, session: &Session, cx: &RequestContext, random: u32) {
    let request = session.req_header();
    let (Some(site), Some(entry), Some(lookup)) = (&cx.site, &cx.cache.found, &cx.cache.lookup) else {
        return;
    };
    if cx.outcome != Some(Outcome::Hit) || request.method != Method::GET {
        return;
    }
    if !is_chosen(site.config.cache.leak_check, random) {
        return;
    }
    offer(gateway, &hit_of(session, cx, site, entry, lookup));
}

/// Offers a hit that was chosen ([`is_chosen`]): it is looked at in the background, unless it has been or too many
/// wait.
pub fn offer(gateway: &Gateway, hit: &Hit<'_>) {
    if !is_readable(&stored(hit.entry)) || was_chosen(gateway, hit.entry) {
        return;
    }
    let Ok(place) = Arc::clone(&gateway.app.sentinel.waiting).try_acquire_owned() else {
        count(gateway, hit.site, "dropped");
        return;
    };
    let check = Check {
        site: Arc::clone(hit.site),
        entry: Arc::clone(hit.entry),
        fields: hit.fields.clone(),
        ask: hit.anonymous(),
    };
    let gateway = gateway.clone();
    tokio::spawn(async move {
        let Ok(_at_work) = gateway.app.sentinel.at_work.acquire().await else {
            return;
        };
        let result = look(&gateway, &check).await;
        count(&gateway, &check.site, result);
        drop(place);
    });
}

/// Whether this very copy has been chosen before. A copy never changes, so one look is enough; and a later one
/// could only take a change of the page for a leak.
fn was_chosen(gateway: &Gateway, entry: &Entry) -> bool {
    let made = entry.times.stored_at.duration_since(std::time::UNIX_EPOCH);
    let made = made.unwrap_or_default().as_nanos().to_be_bytes();
    let copy = KeyHash::of(&[&entry.slot.bytes(), &made]);
    let now = gateway.app.sentinel.epoch.elapsed();
    gateway.app.sentinel.chosen.lock().see(copy, Duration::MAX, now)
}

fn stored(entry: &Entry) -> Page<'_> {
    Page {
        status: entry.status,
        headers: &entry.headers,
        body: &entry.body,
    }
}

fn page(fetched: &Fetched) -> Page<'_> {
    Page {
        status: fetched.status,
        headers: &fetched.headers,
        body: &fetched.body,
    }
}

/// Reads long texts, away from the threads that serve visitors.
async fn reading<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(read).await.ok()
}

/// Looks at a copy; the word says what came of it.
async fn look(gateway: &Gateway, check: &Check) -> &'static str {
    let Some(first) = probe(gateway, &check.ask, BODY_MAX).await else {
        return "failed";
    };
    let entry = Arc::clone(&check.entry);
    let compared = reading(move || (same_to_anybody(&stored(&entry), &page(&first)), first)).await;
    let Some((false, first)) = compared else {
        return if compared.is_some() { "clean" } else { "failed" };
    };
    let Some(second) = probe(gateway, &check.ask, BODY_MAX).await else {
        return "failed";
    };
    if !is_served(gateway, check) {
        // Whoever changed the page has said so meanwhile.
        return "changed";
    }
    let entry = Arc::clone(&check.entry);
    let judged = reading(move || verdict(&stored(&entry), &page(&first), &page(&second))).await;
    match judged {
        Some(Verdict::Leak(suspicions)) => {
            withdraw(gateway, check, &suspicions).await;
            "leak"
        }
        Some(Verdict::Changed) => "changed",
        Some(Verdict::Unknown) | None => "failed",
    }
}

/// Whether the copy is what visitors still get.
fn is_served(gateway: &Gateway, check: &Check) -> bool {
    gateway
        .app
        .cache
        .get_memory(check.entry.root, &check.fields)
        .is_some_and(|entry| entry.slot == check.entry.slot && entry.times == check.entry.times)
}

/// Takes a URL out of the cache, everywhere and with all its variants, and lets it pass here for a while.
async fn withdraw(gateway: &Gateway, check: &Check, suspicions: &[Suspicion]) {
    let sentinel = &gateway.app.sentinel;
    let base = check.entry.base;
    let time = check.site.config.cache.leak_pass;
    let now = sentinel.epoch.elapsed();
    {
        let mut passing = sentinel.passing.lock();
        passing.pass(base, now.saturating_add(time), now);
        count_passing(gateway, &passing);
    }
    let purge = PurgeRequest {
        urls: vec![PurgeUrl {
            base,
            host: check.entry.host.clone(),
        }],
        hard: true,
        ..PurgeRequest::default()
    };
    gateway.app.cache.purge(&purge).await;
    // What the copy says is nobody's business, not even the log's.
    let kinds: Vec<&str> = suspicions.iter().map(|suspicion| suspicion.as_str()).collect();
    warn!(
        site = check.site.config.name,
        host = &*check.entry.host,
        path = &*check.entry.path,
        kinds = kinds.join(","),
        pass_seconds = time.as_secs(),
        "a shared page shows what only one person should see; it is out of the cache and passes for a while"
    );
}

fn count(gateway: &Gateway, site: &SiteRuntime, result: &str) {
    debug!(site = site.config.name, result, "leak check");
    gateway
        .app
        .metrics
        .leak_checks
        .with_label_values(&[site.config.name.as_str(), result])
        .inc();
}
