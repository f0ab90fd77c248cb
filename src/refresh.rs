//! After a purge the hottest purged URLs are fetched in the background, before visitors ask for them.
//!
//! Which URLs are hot is counted in bounded memory ([`hot`]); those that a purge hits wait in a line that is
//! bounded, too ([`queue`]), and are fetched one after the other, a few at a time, as long as the origin keeps
//! its pace ([`pace`], [`work`]). Fetching itself is [`crate::proxy`]'s.

pub mod hot;
pub mod pace;
pub mod queue;
pub mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::cache::purge::Subject;
use crate::cache::{Entry, KeyHash, PurgeSeq};
use crate::origin::Origin;
use crate::serve::ask::Ask;
use hot::Hot;
use queue::Queue;

/// Requests of a half-life that are all counted; beyond, one of [`ONE_IN`] stands for as many.
const ALL: u64 = 256;
const ONE_IN: u64 = 16;
/// Share of a new time in the smoothed one: one in so many.
const SMOOTHING: u64 = 8;

/// A URL, in the form that it is asked for in.
#[derive(Debug, Clone)]
pub struct Url {
    /// Where its copy lies.
    pub slot: KeyHash,
    /// What purges compare: hash of host, path and query.
    pub base: KeyHash,
    /// Host in the key.
    pub host: Box<str>,
    /// Path in the key.
    pub path: Box<str>,
    /// Query in the key.
    pub query: Option<Box<str>>,
    /// Tags of its copy.
    pub tags: Box<[Box<str>]>,
    /// The request for it.
    pub ask: Ask,
}

impl Url {
    /// What an answer is stored for. Asked for in the spelling of the key, whatever the visitor's was.
    fn of(entry: &Entry, ask: Ask) -> Self {
        let target = match &entry.query {
            Some(query) => format!("{}?{query}", entry.path),
            None => entry.path.to_string(),
        };
        Self {
            slot: entry.slot,
            base: entry.base,
            host: entry.host.clone(),
            path: entry.path.clone(),
            query: entry.query.clone(),
            tags: entry.tags.clone(),
            ask: Ask { target, ..ask },
        }
    }

    /// As what a purge may hit, fetched at `seq`.
    #[must_use]
    pub fn subject(&self, seq: PurgeSeq) -> Subject<'_> {
        Subject {
            base: self.base,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            tags: &self.tags,
            seq,
        }
    }

    /// Bytes of its texts.
    fn weight(&self) -> usize {
        let tags: usize = self.tags.iter().map(|tag| tag.len()).sum();
        let fields: usize = self.ask.headers.iter().map(|(_, value)| value.len()).sum();
        let query = self.query.as_ref().map_or(0, |query| query.len());
        self.host.len() + self.path.len() + query + self.ask.target.len() + tags + fields
    }
}

/// What a site allows now.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Most URLs that wait.
    pub urls: usize,
    /// Most fetches at a time.
    pub concurrent: usize,
    /// Its origin.
    pub origin: Option<Arc<Origin>>,
}

/// What is known of a site's URLs; it lives on when the configuration changes.
#[derive(Debug)]
pub struct SiteRefresh {
    name: String,
    epoch: Instant,
    /// Requests in this half-life.
    seen: AtomicU64,
    hot: Mutex<Hot>,
    queue: Mutex<Queue>,
    /// Signalled when there is more in line for one who is at work.
    more: Notify,
    /// Smoothed microseconds to the first byte of the origin's answers; 0: none yet.
    usual: AtomicU64,
    terms: ArcSwapOption<Terms>,
}

impl SiteRefresh {
    /// Nothing is known of it, and nothing allowed.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            epoch: Instant::now(),
            seen: AtomicU64::new(0),
            hot: Mutex::default(),
            queue: Mutex::default(),
            more: Notify::new(),
            usual: AtomicU64::new(0),
            terms: ArcSwapOption::empty(),
        }
    }

    /// The site's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it allows now; `None`: nothing.
    #[must_use]
    pub fn terms(&self) -> Option<Arc<Terms>> {
        self.terms.load_full()
    }

    /// Allows this from now on.
    pub fn set_terms(&self, terms: Option<Terms>) {
        let mut hot = self.hot.lock();
        match &terms {
            Some(terms) => hot.make_room(terms.urls),
            None => *hot = Hot::default(),
        }
        drop(hot);
        self.terms.store(terms.map(Arc::new));
    }

    /// Counts a request; what it stands for when it is to be noted ([`SiteRefresh::note`]).
    pub fn count(&self) -> Option<u64> {
        match self.seen.fetch_add(1, Ordering::Relaxed) {
            seen if seen < ALL => Some(1),
            seen if seen.is_multiple_of(ONE_IN) => Some(ONE_IN),
            _ => None,
        }
    }

    /// Notes that a stored answer was asked for `times` times. Waits for nobody: what finds the books in use is
    /// left out.
    pub fn note(&self, times: u64, entry: &Entry, ask: impl FnOnce() -> Ask) {
        let Some(mut hot) = self.hot.try_lock() else {
            return;
        };
        if hot.fade(self.epoch.elapsed()) {
            self.seen.store(0, Ordering::Relaxed);
        }
        hot.note(times, entry, ask);
    }

    /// Puts the hottest URLs that `hit` says are purged in line; `head` is the log's head before it was asked.
    pub fn take_up(&self, head: PurgeSeq, hit: impl Fn(&Subject<'_>) -> bool) -> queue::Added {
        let Some(terms) = self.terms() else {
            return queue::Added::default();
        };
        let mut hot = self.hot.lock();
        hot.fade(self.epoch.elapsed());
        let found = hot.purged(head, hit, terms.urls);
        drop(hot);
        let added = self.queue.lock().add(found, terms.urls);
        self.more.notify_one();
        added
    }

    /// Waits until more may be in line. For one who waits.
    pub async fn more(&self) {
        self.more.notified().await;
    }

    /// The line of those that wait.
    pub fn queue(&self) -> &Mutex<Queue> {
        &self.queue
    }

    /// Notes how long the origin took to begin an answer.
    pub fn note_time(&self, took: Duration) {
        let new = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let smoothed = match self.usual.load(Ordering::Relaxed) {
            0 => new,
            old => old - old / SMOOTHING + new / SMOOTHING,
        };
        self.usual.store(smoothed.max(1), Ordering::Relaxed);
    }

    /// How long the origin takes to begin an answer; `None`: not known.
    #[must_use]
    pub fn usual(&self) -> Option<Duration> {
        let micros = self.usual.load(Ordering::Relaxed);
        (micros != 0).then(|| Duration::from_micros(micros))
    }
}

/// The sites that refresh.
#[derive(Debug, Default)]
pub struct Refresher {
    sites: RwLock<HashMap<String, Arc<SiteRefresh>>>,
}

impl Refresher {
    /// The site of this name; it is made when it is new.
    pub fn site(&self, name: &str) -> Arc<SiteRefresh> {
        let mut sites = self.sites.write();
        let made = || Arc::new(SiteRefresh::new(name));
        Arc::clone(sites.entry(name.to_owned()).or_insert_with(made))
    }

    /// All sites.
    #[must_use]
    pub fn sites(&self) -> Vec<Arc<SiteRefresh>> {
        self.sites.read().values().cloned().collect()
    }

    /// Puts a configuration in force: `terms` says what a site allows, `None` for one that is gone or does not
    /// refresh.
    pub fn renew(&self, terms: impl Fn(&str) -> Option<Terms>) {
        self.sites.write().retain(|name, site| {
            let terms = terms(name);
            let stays = terms.is_some();
            site.set_terms(terms);
            stays
        });
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
