//! Stored answers for tests.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{Entry, PurgeSeq, Times};
use crate::cache::key::KeyHash;

/// An empty answer without variants, tags or stale windows, fetched at `stored_at` before every purge and fresh for
/// so long.
pub fn plain(key: KeyHash, stored_at: SystemTime, fresh_for: Duration) -> Entry {
    Entry {
        base: key,
        root: key,
        slot: key,
        host: "blog.example".into(),
        path: "/".into(),
        query: None,
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        times: Times {
            stored_at,
            initial_age: Duration::ZERO,
            fresh_until: stored_at + fresh_for,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
        },
        seq: PurgeSeq::default(),
        tags: Box::default(),
        wire: Default::default(),
        searched: Default::default(),
        superseded: Default::default(),
    }
}
