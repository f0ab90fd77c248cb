//! URLs and stored answers for tests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Url;
use crate::cache::entry::testing::plain;
use crate::cache::{Entry, KeyHash, PurgeSeq};
use crate::serve::ask::Ask;

/// A stored answer, fetched at place `seq` of the log.
pub fn entry(path: &str, seq: u64, tags: &[&str]) -> Entry {
    let key = KeyHash::of(&[path.as_bytes()]);
    let stored_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seq);
    Entry {
        host: "site.example".into(),
        path: path.into(),
        seq: PurgeSeq(seq),
        tags: tags.iter().map(|tag| Box::from(*tag)).collect(),
        ..plain(key, stored_at, Duration::from_secs(60))
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
