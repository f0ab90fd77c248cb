//! Which purges hit something: for those who want to know why, not for the way of a request.

use std::time::SystemTime;

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
            tags: &entry.tags,
            seq: entry.seq,
        }
    }
}

/// A purge that hit something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeHit {
    /// Kind of its scope.
    pub kind: PurgeKind,
    /// What it named: a tag, a host, the start of a path, a path (without query); empty for everything.
    pub name: Box<str>,
    /// When. Of several soft purges of one scope the first that hit.
    pub at: SystemTime,
    /// Whether it deleted.
    pub hard: bool,
}
