//! URLs and stored answers for tests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::Url;
use crate::cache::entry::Searched;
use crate::cache::{Entry, KeyHash, PurgeSeq, Times, Wire};
use crate::serve::ask::Ask;

/// A stored answer, fetched at place `seq` of the log.
pub fn entry(path: &str, seq: u64, tags: &[&str]) -> Entry {
    let key = KeyHash::of(&[path.as_bytes()]);
    let stored_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seq);
    Entry {
        base: key,
        root: key,
        slot: key,
        host: "site.example".into(),
        path: path.into(),
        query: None,
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        times: Times {
            stored_at,
            initial_age: Duration::ZERO,
            fresh_until: stored_at + Duration::from_secs(60),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
        },
        seq: PurgeSeq(seq),
        tags: tags.iter().map(|tag| Box::from(*tag)).collect(),
        wire: Wire::default(),
        searched: Searched::default(),
        superseded: Default::default(),
    }
}

/// The request for a path.
pub fn ask(path: &str) -> Ask {
    Ask {
        scheme: "https",
        authority: "site.example".to_owned(),
        target: path.to_owned(),
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        headers: Vec::new(),
    }
}

/// A URL.
pub fn url(path: &str) -> Arc<Url> {
    Arc::new(Url::of(&entry(path, 1, &[]), ask(path)))
}
