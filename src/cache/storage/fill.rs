//! An answer on its way into the cache: gathered, checked as a whole, stored or dropped.
//!
//! Nothing here can fail the client's own answer: what is too large or not whole is passed on and
//! forgotten. Dropping a fill before its end (the origin broke off) stores nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use pingora_cache::storage::{HandleMiss, MissFinishType};
use pingora_core::Result;

use super::{CacheStorage, Lookup, Storing};
use crate::cache::entry::Searched;
use crate::cache::policy::vary::{content_language, language_slot, variant_slot};
use crate::cache::refusals::Refusal;
use crate::cache::{Entry, Times, Wire, tags};
use crate::preset;

/// Words for what became of an answer, as the metric's label has them.
const STORED: &str = "stored";
const TOO_LARGE: &str = "too_large";

/// A fill in progress.
pub(super) struct Fill {
    storage: &'static CacheStorage,
    lookup: Option<Arc<Lookup>>,
    storing: Option<Storing>,
    status: StatusCode,
    headers: HeaderMap,
    parts: Vec<Bytes>,
    length: usize,
    too_large: bool,
}

impl Fill {
    pub(super) fn new(
        storage: &'static CacheStorage,
        lookup: Option<Arc<Lookup>>,
        storing: Option<Storing>,
        status: StatusCode,
        headers: HeaderMap,
    ) -> Self {
        let announced = content_length(&headers);
        Self {
            too_large: announced.is_some_and(|length| length > storage.object_max()),
            storage,
            lookup,
            storing,
            status,
            headers,
            parts: Vec::new(),
            length: 0,
        }
    }

    /// Stores what came; the word says what became of it.
    fn store(self) -> &'static str {
        let (Some(lookup), Some(storing)) = (self.lookup, self.storing) else {
            return "refused";
        };
        if self.too_large {
            return TOO_LARGE;
        }
        if content_length(&self.headers).is_some_and(|announced| announced != self.length) {
            return "truncated";
        }
        let body = join(self.parts, self.length);
        let mut headers = self.headers;
        // A clock that was set back makes nothing younger.
        let made = made(&storing.times).min(self.storage.clock.now());
        let times = match end(&lookup, self.status, &headers, &body, made) {
            Ok(Some(end)) => {
                self.storage
                    .metrics
                    .nonce_pages
                    .with_label_values(&[lookup.site.as_str()])
                    .inc();
                // A 304 would make the page live on, and its nonces with it.
                headers.remove(ETAG);
                headers.remove(LAST_MODIFIED);
                capped(storing.times, end)
            }
            Ok(None) => storing.times,
            Err(reason) => return reason,
        };
        // 204 has no body and no word about its length (RFC 9110 8.6).
        match self.status {
            StatusCode::NO_CONTENT => headers.remove(CONTENT_LENGTH),
            _ => headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len())),
        };
        headers.remove(http::header::TRANSFER_ENCODING);
        let by_preset = preset::tags(
            lookup.preset,
            &lookup.host,
            &lookup.path,
            lookup.class,
            self.status,
            &headers,
        );
        let tags = tags::of(&headers)
            .into_iter()
            .chain(by_preset.into_iter().map(Into::into))
            .collect();
        let entry = Entry {
            base: lookup.base,
            root: lookup.root,
            slot: variant_slot(lookup.root, &storing.vary, &lookup.request),
            host: lookup.host.as_str().into(),
            path: lookup.path.as_str().into(),
            query: lookup.query.as_deref().map(Into::into),
            status: self.status,
            tags,
            wire: Wire::default(),
            headers,
            body,
            times,
            seq: lookup.seq,
            searched: Searched::default(),
            superseded: Default::default(),
        };
        let slot = entry.slot;
        let alias = content_language(&entry.headers)
            .and_then(|language| language_slot(lookup.root, &storing.vary, &lookup.request, &language));
        self.storage.tiers.put(entry, &storing.vary);
        if let Some(alias) = alias {
            self.storage.tiers.alias(alias, slot);
        }
        STORED
    }
}

pub(super) fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One piece of memory for the whole body, exactly as large as it.
fn join(parts: Vec<Bytes>, length: usize) -> Bytes {
    let mut whole = BytesMut::with_capacity(length);
    for part in parts {
        whole.extend_from_slice(&part);
    }
    whole.freeze()
}

/// When an answer was made at the earliest: after the request for it was sent, and it may have waited in
/// another cache.
fn made(times: &Times) -> SystemTime {
    times
        .stored_at
        .checked_sub(times.initial_age)
        .unwrap_or(UNIX_EPOCH)
}

/// When a page must be gone, by what is in it.
fn end(
    lookup: &Lookup,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    made: SystemTime,
) -> Result<Option<SystemTime>, &'static str> {
    let rules = preset::Rules {
        preset: lookup.preset,
        wordpress: &lookup.wordpress,
    };
    let life = preset::body_check(rules, lookup.class, status, headers, body, made)?;
    Ok(life.map(|life| made + life))
}

/// A new life for a stored page, with which nothing in it outlives its time: one that must be gone at some time
/// gets no more than it had.
pub(super) fn renewed(lookup: &Lookup, entry: &Entry, times: Times) -> Times {
    match end(
        lookup,
        entry.status,
        &entry.headers,
        &entry.body,
        made(&entry.times),
    ) {
        Ok(None) => times,
        Ok(Some(_)) | Err(_) => capped(times, entry.times.dead_at(Duration::ZERO)),
    }
}

/// Freshness and stale windows cut so that nothing lives after `end`.
fn capped(times: Times, end: SystemTime) -> Times {
    let fresh_until = times.fresh_until.min(end);
    let left = end.duration_since(fresh_until).unwrap_or_default();
    Times {
        fresh_until,
        stale_while_revalidate: times.stale_while_revalidate.min(left),
        stale_if_error: times.stale_if_error.min(left),
        ..times
    }
}

#[async_trait]
impl HandleMiss for Fill {
    async fn write_body(&mut self, data: Bytes, _eof: bool) -> Result<()> {
        self.length = self.length.saturating_add(data.len());
        if self.too_large || self.length > self.storage.object_max() {
            self.too_large = true;
            self.parts = Vec::new();
        } else if !data.is_empty() {
            self.parts.push(data);
        }
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<MissFinishType> {
        let length = self.length;
        let metrics = Arc::clone(&self.storage.metrics);
        let (root, status) = (self.lookup.as_ref().map(|lookup| lookup.root), self.status);
        let (tiers, now) = (Arc::clone(&self.storage.tiers), self.storage.clock.now());
        let result = self.store();
        if let (Some(root), true) = (root, result != STORED) {
            tiers.refused(
                root,
                Refusal {
                    reason: if result == TOO_LARGE { "too-large" } else { result },
                    status: Some(status),
                    at: now,
                },
            );
        }
        metrics.cache_stores.with_label_values(&[result]).inc();
        Ok(MissFinishType::Created(length))
    }
}
