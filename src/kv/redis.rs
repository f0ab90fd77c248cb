//! Redis as the store: plain keys and raw values, so that `redis-cli GET user_203.0.113.7` shows the value
//! and `redis-cli SET` changes it for every popgate.
//!
//! A value lies under its own key with Redis' own expiry. Metadata, when there is any, lies under
//! `popgate:meta:{<key>}` with the same expiry; the braces keep both in one hash slot of a cluster. Redis
//! reports changes of keys that were read (`CLIENT TRACKING`) on the same connection, and the memory tier
//! drops its copies.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use redis::{Cmd, Pipeline, PushInfo, PushKind, Value};

use super::handle::{KvHandle, Listener};
use super::store::{Store, Write, Written};
use super::{Cursor, Item, Key, KvError, METADATA_MAX, Page};
use crate::clock::Clock;
use crate::config::RedisTarget;
use crate::redis_link::{LinkError, RedisLink, RedisLinkError};
use crate::telemetry::Metrics;

const METADATA_PREFIX: &str = "popgate:meta:{";
/// `SCAN` calls for one page of a list.
const SCANS_MAX: usize = 20;
/// Keys looked at by one `SCAN`.
const SCAN_COUNT: usize = 1000;

/// Reports of changed keys, on their way to a handle that is built later than its link.
#[derive(Default, Clone)]
pub(super) struct Invalidations(Arc<OnceLock<Listener>>);

impl Invalidations {
    /// A link whose server reports changed keys.
    pub(super) fn link(
        &self,
        target: &RedisTarget,
        timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<RedisLink>, RedisLinkError> {
        let listener = Arc::clone(&self.0);
        let on_push = Arc::new(move |push: &PushInfo| {
            if let (PushKind::Invalidate, Some(listener)) = (&push.kind, listener.get()) {
                deliver(push, listener);
            }
        });
        RedisLink::with_tracking(target, "kv", timeout, metrics, on_push)
    }

    /// From now on reports go to `handle`.
    pub(super) fn deliver_to(&self, handle: &KvHandle) {
        let _ = self.0.set(handle.listener());
    }
}

fn deliver(push: &PushInfo, listener: &Listener) {
    let Some(Value::Array(keys)) = push.data.first() else {
        // Null: the database was flushed, or Redis remembers no longer what was read.
        listener.all_changed();
        return;
    };
    for key in keys {
        if let Value::BulkString(key) = key
            && let Ok(key) = std::str::from_utf8(key)
        {
            listener.changed(owner_of(key));
        }
    }
}

/// The key whose metadata lies under `key`, or `key` itself.
fn owner_of(key: &str) -> &str {
    key.strip_prefix(METADATA_PREFIX)
        .and_then(|key| key.strip_suffix('}'))
        .unwrap_or(key)
}

fn metadata_key(key: &Key) -> String {
    format!("{METADATA_PREFIX}{}}}", key.as_str())
}

pub(super) struct RedisStore {
    link: Arc<RedisLink>,
    value_max: u64,
    clock: Clock,
}

impl RedisStore {
    pub(super) fn new(link: Arc<RedisLink>, value_max: u64, clock: Clock) -> Self {
        Self {
            link,
            value_max,
            clock,
        }
    }

    /// One transaction where a transaction is possible.
    fn pipeline(&self) -> Pipeline {
        let mut pipeline = redis::pipe();
        if !self.link.is_cluster() {
            pipeline.atomic();
        }
        pipeline
    }

    async fn carry_out(&self, write: &Write) -> Written {
        match write {
            Write::Put {
                key,
                item,
                only_if_absent: false,
            } => {
                let mut pipeline = self.pipeline();
                pipeline.add_command(self.set(key.as_str(), &item.value, item));
                pipeline.add_command(self.set_metadata(key, item));
                self.link
                    .pipeline::<Value>("kv_set", &pipeline)
                    .await
                    .map_err(explain)?;
                Ok(true)
            }
            Write::Put {
                key,
                item,
                only_if_absent: true,
            } => {
                let mut set = self.set(key.as_str(), &item.value, item);
                set.arg("NX");
                let stored = self.link.query::<Value>("kv_set", &set).await.map_err(explain)?;
                if stored == Value::Nil {
                    return Ok(false);
                }
                // The value may have replaced one that expired before its metadata was removed.
                let metadata = self.set_metadata(key, item);
                self.link
                    .query::<Value>("kv_set", &metadata)
                    .await
                    .map_err(explain)?;
                Ok(true)
            }
            Write::Delete { key } => {
                let mut pipeline = self.pipeline();
                pipeline
                    .add_command(Cmd::del(key.as_str()))
                    .add_command(Cmd::del(metadata_key(key)));
                let removed: (u64, u64) = self.link.pipeline("kv_set", &pipeline).await.map_err(explain)?;
                Ok(removed.0 > 0)
            }
        }
    }

    fn set(&self, key: &str, value: &Bytes, item: &Item) -> Cmd {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(&value[..]);
        if let Some(at) = item.expires_at {
            // Relative, since the two clocks may differ; at least 1 ms, since 0 is refused.
            let left = at
                .duration_since(self.clock.now())
                .unwrap_or_default()
                .as_millis()
                .max(1);
            set.arg("PX")
                .arg(u64::try_from(left).unwrap_or(u64::MAX).min(i64::MAX as u64 / 2));
        }
        set
    }

    fn set_metadata(&self, key: &Key, item: &Item) -> Cmd {
        match &item.metadata {
            Some(metadata) => self.set(&metadata_key(key), metadata, item),
            None => Cmd::del(metadata_key(key)),
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, KvError> {
        let mut pipeline = self.pipeline();
        // GETRANGE, not GET: whatever lies there, no more than a value may have is sent.
        pipeline.cmd("PTTL").arg(key.as_str());
        pipeline
            .cmd("GETRANGE")
            .arg(key.as_str())
            .arg(0)
            .arg(self.value_max);
        pipeline
            .cmd("GETRANGE")
            .arg(metadata_key(key))
            .arg(0)
            .arg(METADATA_MAX - 1);
        let (ttl, value, metadata): (i64, Vec<u8>, Vec<u8>) =
            self.link.pipeline("kv_get", &pipeline).await.map_err(explain)?;
        if ttl == -2 {
            return Ok(None);
        }
        let len = value.len() as u64;
        if len > self.value_max {
            return Err(KvError::ValueTooLarge {
                len,
                max: self.value_max,
            });
        }
        let expires_at = match u64::try_from(ttl) {
            Ok(millis) => self.clock.now().checked_add(Duration::from_millis(millis)),
            Err(_) => None,
        };
        let metadata = (!metadata.is_empty()).then(|| Bytes::from(metadata));
        Ok(Some(Item {
            value: value.into(),
            metadata,
            expires_at,
        }))
    }

    async fn write(&self, writes: Vec<Write>) -> Vec<Written> {
        let mut written = Vec::with_capacity(writes.len());
        let mut rest = writes.as_slice();
        // Side by side as long as no key comes twice.
        while !rest.is_empty() {
            let mut keys = std::collections::HashSet::new();
            let wave = rest
                .iter()
                .position(|write| !keys.insert(write.key()))
                .unwrap_or(rest.len());
            let (now, later) = rest.split_at(wave);
            written.extend(join_all(now.iter().map(|write| self.carry_out(write))).await);
            rest = later;
        }
        written
    }

    async fn list(&self, prefix: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, KvError> {
        if self.link.is_cluster() {
            return Err(KvError::Unsupported("a redis cluster cannot list kv keys"));
        }
        let mut place = cursor.map_or(Ok(Place::default()), Place::parse)?;
        let pattern = format!("{}*", escape_glob(prefix));
        let mut page = Page::default();
        for _ in 0..SCANS_MAX {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&place.scan)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(SCAN_COUNT);
            scan.arg("TYPE").arg("string");
            let (next, found): (String, Vec<Vec<u8>>) =
                self.link.query("kv_get", &scan).await.map_err(explain)?;
            for (index, key) in found.iter().enumerate().skip(place.skip) {
                let Some(key) = listed(key) else { continue };
                if page.keys.len() == limit {
                    page.next = Some(
                        Place {
                            scan: place.scan,
                            skip: index,
                        }
                        .cursor(),
                    );
                    return Ok(page);
                }
                page.keys.push(key);
            }
            if next == "0" {
                return Ok(page);
            }
            place = Place { scan: next, skip: 0 };
        }
        page.next = Some(place.cursor());
        Ok(page)
    }
}

/// A key that a list shows: not metadata, and one that can be asked for.
fn listed(key: &[u8]) -> Option<Key> {
    let key = std::str::from_utf8(key).ok()?;
    (!key.starts_with(METADATA_PREFIX))
        .then(|| Key::new(key).ok())
        .flatten()
}

/// Where a list goes on: Redis' own cursor, and how many of its keys were shown already.
struct Place {
    scan: String,
    skip: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            scan: "0".to_owned(),
            skip: 0,
        }
    }
}

impl Place {
    fn parse(cursor: &Cursor) -> Result<Self, KvError> {
        let (scan, skip) = cursor.0.split_once('.').ok_or(KvError::BadCursor)?;
        let digits = !scan.is_empty() && scan.len() <= 20 && scan.bytes().all(|byte| byte.is_ascii_digit());
        match skip.parse() {
            Ok(skip) if digits => Ok(Self {
                scan: scan.to_owned(),
                skip,
            }),
            _ => Err(KvError::BadCursor),
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor(format!("{}.{}", self.scan, self.skip))
    }
}

fn escape_glob(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 8);
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

fn explain(error: LinkError) -> KvError {
    match error {
        LinkError::Timeout => KvError::Timeout,
        error => KvError::Store(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
