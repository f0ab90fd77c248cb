//! Which purges hit something: for those who want to know why, not for the way of a request.

use std::time::SystemTime;

use super::PurgeId;
use super::request::PurgeKind;
use crate::cache::entry::{Entry, PurgeSeq};
use crate::cache::key::KeyHash;

/// What a purge may hit.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Hash of host, path and query.
    pub base: KeyHash,
    /// Host in the key.
    pub host: &'a str,
    /// Path in the key.
    pub path: &'a str,
    /// Query in the key.
    pub query: Option<&'a str>,
    /// Tags of the response.
    pub tags: &'a [Box<str>],
    /// Place in the log when its fetch began; zero: before every purge.
    pub seq: PurgeSeq,
}

impl<'a> Subject<'a> {
    /// A stored response.
    #[must_use]
    pub fn of(entry: &'a Entry) -> Self {
        Self {
            base: entry.base,
            host: &entry.host,
            path: &entry.path,
            query: entry.query.as_deref(),
            tags: &entry.tags,
            seq: entry.seq,
        }
    }
}

/// What a purge named: its kind, the host it was confined to (as filed), a tag, path, prefix or expression.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub kind: PurgeKind,
    pub host: &'a str,
    pub name: &'a str,
}

impl<'a> Named<'a> {
    pub(super) fn new(kind: PurgeKind, host: &'a str, name: &'a str) -> Self {
        Self { kind, host, name }
    }
}

/// A purge that hit something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeHit {
    /// Kind of its scope. `None`: no purge, but a gap in what this popgate has heard of them.
    pub kind: Option<PurgeKind>,
    /// The host it was confined to; `*.blog.example`: all below that one.
    pub host: Option<Box<str>>,
    /// What it named there: a tag, the start of a path, a path (without query), an expression; empty for a
    /// host and for everything.
    pub name: Box<str>,
    /// Its name in the log; of several purges of one scope the last.
    pub id: Option<PurgeId>,
    /// When it was asked for; of several purges of one scope the last.
    pub at: SystemTime,
    /// Since when what it hit is stale or gone: of several soft purges of one scope the first that hit.
    pub since: SystemTime,
    /// Whether it deleted.
    pub hard: bool,
}

impl PurgeHit {
    /// Purges since `at` may not have been heard of yet.
    pub(super) fn gap(at: SystemTime) -> Self {
        Self {
            kind: None,
            host: None,
            name: Box::default(),
            id: None,
            at,
            since: at,
            hard: false,
        }
    }
}
