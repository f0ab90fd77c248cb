//! The tiers as Pingora's cache engine sees them.
//!
//! Variants are folded into the slot here, so that the engine's own variance is never used. A lookup
//! error is a miss: an error would take the fill lock away and turn a Redis fault into a herd.

mod body;
mod fill;
pub mod fill_lock;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName};
use parking_lot::Mutex;
use pingora_cache::storage::{HitHandler, MissHandler, PurgeOutcome, PurgeTarget, PurgeType, Storage};
use pingora_cache::trace::SpanHandle;
use pingora_cache::{CacheKey, CacheMeta};
use pingora_core::Result;
use pingora_http::ResponseHeader;

use super::policy::reuse::DISCONNECTED_MAX;
use super::purge::Verdict;
use super::tiered::Tiered;
use super::{Entry, KeyHash, PurgeSeq, Times};
use crate::clock::Clock;
use crate::config::{Preset, Wordpress};
use crate::preset::{self, PageClass};
use crate::purging::litespeed;
use crate::purging::vary_cookies::carries_any;
use crate::telemetry::Metrics;
use body::HitBody;
use fill::Fill;
pub use fill_lock::Fetching;

/// What the adapter must know of a request; travels in the engine's key.
#[derive(Debug)]
pub struct Lookup {
    /// Hash of host, path and query: what purges name.
    pub base: KeyHash,
    /// Hash of `base`, scheme and what filters added: the root of the variants.
    pub root: KeyHash,
    /// The site's name, for metrics.
    pub site: String,
    /// Host in the key.
    pub host: String,
    /// Path in the key, percent-encodings in upper case.
    pub path: String,
    /// Query in the key.
    pub query: Option<String>,
    /// Purge log position before the fetch.
    pub seq: PurgeSeq,
    /// The client's headers, which choose the variant.
    pub request: HeaderMap,
    /// The site's preset, for checks of whole bodies.
    pub preset: Preset,
    /// What the site adds to it.
    pub wordpress: Arc<Wordpress>,
    /// What was asked for.
    pub class: PageClass,
    /// The object found, to be refreshed by a 304.
    pub found: Mutex<Option<Arc<Entry>>>,
    /// Nothing was found, but there are variants for other requests.
    pub varies: AtomicBool,
    /// How this request stands to others that fetch the same.
    pub fetching: Fetching,
}

/// An object the lookup found; travels in the engine's meta.
#[derive(Debug, Clone)]
pub struct FoundEntry {
    /// The object.
    pub entry: Arc<Entry>,
    /// When a soft purge took it out of service.
    pub purged_at: Option<SystemTime>,
}

/// How an answer is stored; travels in the engine's meta.
#[derive(Debug, Clone)]
pub struct Storing {
    /// Its life.
    pub times: Times,
    /// Fields that choose its variant.
    pub vary: Vec<HeaderName>,
}

/// The adapter.
pub struct CacheStorage {
    pub(super) tiers: Arc<Tiered>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    object_max: AtomicUsize,
}

impl CacheStorage {
    /// Over the tiers; bodies above `object_max` bytes are not stored.
    #[must_use]
    pub fn new(tiers: Arc<Tiered>, clock: Clock, metrics: Arc<Metrics>, object_max: u64) -> Self {
        Self {
            tiers,
            clock,
            metrics,
            object_max: AtomicUsize::new(bytes(object_max)),
        }
    }

    /// Bodies above `object_max` bytes are not stored from now on.
    pub fn set_object_max(&self, object_max: u64) {
        self.object_max.store(bytes(object_max), Ordering::Relaxed);
    }

    pub(super) fn object_max(&self) -> usize {
        self.object_max.load(Ordering::Relaxed)
    }

    /// Whether an answer announces more than is stored.
    #[must_use]
    pub fn is_too_large(&self, headers: &HeaderMap) -> bool {
        fill::content_length(headers).is_some_and(|length| length > self.object_max())
    }
}

fn bytes(object_max: u64) -> usize {
    usize::try_from(object_max).unwrap_or(usize::MAX)
}

/// What [`engine_key`] put into a key.
#[must_use]
pub fn lookup_of(key: &CacheKey) -> Option<&Arc<Lookup>> {
    key.extensions.get::<Arc<Lookup>>()
}

#[async_trait]
impl Storage for CacheStorage {
    async fn lookup(
        &'static self,
        key: &CacheKey,
        _trace: &SpanHandle,
    ) -> Result<Option<(CacheMeta, HitHandler)>> {
        let Some(lookup) = lookup_of(key) else {
            return Ok(None);
        };
        let looked = self.tiers.look(lookup.root, &lookup.request).await;
        let Some(found) = looked.found else {
            lookup.varies.store(looked.varies, Ordering::Relaxed);
            return Ok(None);
        };
        if is_for_others(&found.entry, &lookup.request, &lookup.wordpress) {
            return Ok(None);
        }
        let purged_at = match found.verdict {
            Verdict::Gone => return Ok(None),
            Verdict::Stale { at } => Some(at),
            Verdict::Valid => None,
        };
        *lookup.found.lock() = Some(Arc::clone(&found.entry));
        let body = HitBody::new(found.entry.body.clone());
        let mut meta = meta_of(&found.entry);
        meta.extensions_mut().insert(FoundEntry {
            entry: found.entry,
            purged_at,
        });
        Ok(Some((meta, Box::new(body))))
    }

    async fn get_miss_handler(
        &'static self,
        key: &CacheKey,
        meta: &CacheMeta,
        _trace: &SpanHandle,
    ) -> Result<MissHandler> {
        if let Some(lookup) = lookup_of(key) {
            lookup.fetching.fills();
        }
        Ok(Box::new(Fill::new(
            self,
            lookup_of(key).cloned(),
            meta.extensions().get::<Storing>().cloned(),
            meta.response_header().status,
            meta.headers().clone(),
        )))
    }

    async fn update_meta(
        &'static self,
        key: &CacheKey,
        meta: &CacheMeta,
        _trace: &SpanHandle,
    ) -> Result<bool> {
        let found =
            lookup_of(key).and_then(|lookup| lookup.found.lock().clone().map(|entry| (lookup, entry)));
        let (Some((lookup, entry)), Some(storing)) = (found, meta.extensions().get::<Storing>()) else {
            return Ok(false);
        };
        let times = renewed(lookup, &entry, storing.times);
        self.tiers
            .refresh(&entry, meta.headers().clone(), times, lookup.seq);
        Ok(true)
    }

    async fn purge(
        &'static self,
        _target: PurgeTarget<'_>,
        _purge_type: PurgeType,
        _trace: &SpanHandle,
    ) -> Result<PurgeOutcome> {
        // Purges go through the purge log, which reaches all variants and all PoPs.
        Ok(PurgeOutcome::NotFound)
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync + 'static) {
        self
    }
}

/// The life that a stored object gets by being validated: see to it that what must be gone at some time is.
#[must_use]
pub fn renewed(lookup: &Lookup, entry: &Entry, times: Times) -> Times {
    fill::renewed(lookup, entry, times)
}

/// Whether a stored object depends on a cookie that this request has and its own did not.
#[must_use]
pub fn is_for_others(entry: &Entry, request: &HeaderMap, wordpress: &Wordpress) -> bool {
    let mut cookies = litespeed::vary_cookies(&entry.headers);
    cookies.retain(|name| !preset::keys_cookie(wordpress, name));
    !cookies.is_empty() && carries_any(request, &cookies)
}

/// The engine's form of a stored object's head.
fn meta_of(entry: &Entry) -> CacheMeta {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = entry.status;
    parts.headers = entry.headers.clone();
    // The engine asks for stale answers within this window only; whether one may be served is decided by
    // policy, which also knows of origins that cannot be reached.
    let times = Times {
        stale_if_error: entry.times.stale_if_error.max(DISCONNECTED_MAX),
        ..entry.times
    };
    engine_meta(&times, ResponseHeader::from(parts))
}

/// The engine's form of a head and its life.
#[must_use]
pub fn engine_meta(times: &Times, head: ResponseHeader) -> CacheMeta {
    let seconds = |window: Duration| u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
    let mut meta = CacheMeta::new(
        times.fresh_until,
        times.stored_at,
        seconds(times.stale_while_revalidate),
        seconds(times.stale_if_error),
        head,
    );
    // Age counts from when the response was made, not from when it came.
    let epoch = times.stored_at.checked_sub(times.initial_age);
    meta.set_epoch_override(epoch.unwrap_or(SystemTime::UNIX_EPOCH));
    meta
}

/// The engine's key: its hash is the slot's root, so that the fill lock is one per object.
#[must_use]
pub fn engine_key(lookup: Arc<Lookup>) -> CacheKey {
    let root = lookup.root.bytes();
    let mut key = CacheKey::new(root.to_vec(), "");
    key.set_primary_bin_override(root);
    key.extensions.insert(lookup);
    key
}
