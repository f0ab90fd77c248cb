//! A stored response, as both tiers and the hit path see it.
//!
//! Bodies are one `Bytes`, so that a hit shares it instead of copying. Headers are what the origin
//! sent, without hop-by-hop fields. Times are wall clock, taken once when the response arrived.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::key::KeyHash;
use super::wire::Wire;

#[cfg(test)]
pub(crate) mod testing;

/// Position in the purge log: grows with every purge, never back. Zero is before all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PurgeSeq(pub u64);

/// Life of a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the response (or its last successful validation) arrived.
    pub stored_at: SystemTime,
    /// Age it already had then (RFC 9111 4.2.3).
    pub initial_age: Duration,
    /// End of freshness.
    pub fresh_until: SystemTime,
    /// Stale-while-revalidate window after `fresh_until`.
    pub stale_while_revalidate: Duration,
    /// Stale-if-error window after `fresh_until`.
    pub stale_if_error: Duration,
}

impl Times {
    /// Current age (RFC 9111 4.2.3), whole seconds.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Duration {
        let resident = now.duration_since(self.stored_at).unwrap_or_default();
        Duration::from_secs((self.initial_age + resident).as_secs())
    }

    /// Whether it may be used without validation.
    #[must_use]
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        now < self.fresh_until
    }

    /// When it is of no use to anybody; `keep` is the extra time an entry with a validator stays for revalidation.
    #[must_use]
    pub fn dead_at(&self, keep: Duration) -> SystemTime {
        let stale = self.stale_while_revalidate.max(self.stale_if_error).max(keep);
        self.fresh_until.checked_add(stale).unwrap_or(self.fresh_until)
    }
}

/// One stored response.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What URL purges name: host, path and query, whatever the scheme and what filters added.
    pub base: KeyHash,
    /// The whole key without variants: where lookups begin.
    pub root: KeyHash,
    /// The slot it lies in: `root` itself, or root and variant.
    pub slot: KeyHash,
    /// Host in the key: lower case, no port.
    pub host: Box<str>,
    /// Path in the key, without query, percent-encodings in upper case; what prefix purges match.
    pub path: Box<str>,
    /// Query in the key; what purges by regular expression match beside the path.
    pub query: Option<Box<str>>,
    /// Status; never 206 or 304.
    pub status: StatusCode,
    /// End-to-end headers as stored.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Its life.
    pub times: Times,
    /// The purge log's head when the fetch began: purges after it hit this entry.
    pub seq: PurgeSeq,
    /// Tags of the response (Surrogate-Key and the like).
    pub tags: Box<[Box<str>]>,
    /// The headers as HTTP/1.1 sends them, once the entry owns its memory; empty before.
    pub wire: Wire,
    /// How far the purge log has been searched for purges that hit this entry, in vain.
    pub searched: Searched,
    /// Whether another popgate has stored something else in its slot.
    pub superseded: Superseded,
}

/// A note of the purge log in an entry, so that it is searched once per purge and not once per hit. It is
/// this process' own and goes nowhere with the entry.
#[derive(Debug, Default)]
pub struct Searched {
    revision: AtomicU64,
    foreign: bool,
}

impl Searched {
    /// For an entry that another process may have fetched.
    #[must_use]
    pub fn foreign() -> Self {
        Self {
            foreign: true,
            ..Self::default()
        }
    }

    /// Whether another process may have fetched the entry: then its place says nothing about places that
    /// were counted here.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Whether nothing was found at this revision of the log.
    #[must_use]
    pub fn is(&self, revision: u64) -> bool {
        self.revision.load(Ordering::Relaxed) == revision
    }

    /// Notes that nothing was found at this revision.
    pub fn set(&self, revision: u64) {
        self.revision.store(revision, Ordering::Relaxed);
    }
}

impl Clone for Searched {
    /// A copy is another entry: the log is searched anew.
    fn clone(&self) -> Self {
        Self {
            revision: AtomicU64::default(),
            foreign: self.foreign,
        }
    }
}

/// A note at what lies in memory: another popgate has stored something else in its slot since, and Redis is looked
/// at before it is used. It is this process' own, no part of the value, and goes nowhere with it.
#[derive(Debug, Default)]
pub struct Superseded(AtomicBool);

impl Superseded {
    /// Whether it is noted.
    #[must_use]
    pub fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Notes it; false when it was noted already.
    pub fn note(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Takes the note away.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Clone for Superseded {
    /// A copy is another value, of which nothing is known.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Superseded {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Superseded {}

impl Entry {
    /// Whether it takes the place of `other` in its slot: fetched after a later purge, or later.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.seq, self.times.stored_at) > (other.seq, other.times.stored_at)
    }

    /// Bytes it takes in memory, keys and headers counted.
    #[must_use]
    pub fn weight(&self) -> usize {
        // HeaderMap: per field a bucket (about 104 bytes) and an index entry. The values lie in the lines
        // that the wire form keeps, with name and punctuation.
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4 + 112)
            .sum();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + 16).sum();
        std::mem::size_of::<Self>()
            + 64
            + self.host.len()
            + self.path.len()
            + self.query.as_ref().map_or(0, |query| query.len())
            + headers
            + tags
            + self.body.len()
    }
}
