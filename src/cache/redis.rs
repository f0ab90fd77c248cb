//! The second tier: Redis, best effort.
//!
//! A read waits no longer than the link's timeout, and whatever goes wrong is a miss. Writes wait in
//! a bounded queue for a task of their own; nobody else waits for them. Nothing is read or written
//! while purges may have been missed.
//!
//! Values lie under `<prefix>o:<slot in hex>` and always carry a TTL.

mod flight;
mod news;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::join_all;
use prometheus::{IntCounter, IntCounterVec};
use redis::Value;

use super::codec::{self, CodecError, Frame};
use super::entry::Entry;
use super::key::KeyHash;
use super::memory::{self, Alias, Slot, VaryNames};
use super::purge::{PurgeLog, Verdict};
use crate::clock::Clock;
use crate::config::model::RedisCache;
use crate::redis_link::{LinkError, LinkState, RedisLink};
use crate::telemetry::metrics::Metrics;
use queue::Queue;

pub(super) use flight::Flights;
pub use news::{Names, News, link};

/// Writes sent to Redis at once.
const BATCH: usize = 32;

/// What a read found.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A value that passed every check.
    Found(Slot),
    /// Nothing, or nothing of use.
    Miss,
    /// Redis did not answer, or refused.
    Error,
    /// Redis was not asked: it failed lately, or purges may have been missed.
    Skipped,
}

/// A change that waits for Redis.
#[derive(Debug, Clone)]
pub enum Write {
    /// A response.
    Object(Arc<Entry>),
    /// A Vary marker.
    Vary(Arc<VaryNames>),
    /// Where a response is found by its language.
    Alias(Alias),
    /// Removal of whatever is there and is of no use.
    Delete,
    /// Removal of what is no longer good, wherever a copy of it lies.
    Withdraw,
}

impl Write {
    /// Bytes it keeps alive while it waits.
    fn weight(&self) -> usize {
        match self {
            Self::Object(entry) => entry.weight(),
            Self::Vary(vary) => 64 + vary.names.len() * 64,
            Self::Alias(_) | Self::Delete | Self::Withdraw => 64,
        }
    }
}

/// The Redis tier.
#[derive(Debug)]
pub struct RedisTier {
    link: Arc<RedisLink>,
    log: Arc<PurgeLog>,
    clock: Clock,
    names: Names,
    object_max: u64,
    ttl_max: Duration,
    queue: Queue,
    lookups: Lookups,
    dropped: IntCounterVec,
}

#[derive(Debug)]
struct Lookups {
    hit: IntCounter,
    miss: IntCounter,
    error: IntCounter,
    skipped: IntCounter,
    corrupt: IntCounter,
}

impl RedisTier {
    /// A tier on a link. Writes go out while [`RedisTier::run`] is polled.
    #[must_use]
    pub fn new(
        config: &RedisCache,
        link: Arc<RedisLink>,
        log: Arc<PurgeLog>,
        clock: Clock,
        metrics: &Metrics,
    ) -> Self {
        let lookups = |result| metrics.cache_lookups.with_label_values(&["redis", result]);
        Self {
            link,
            log,
            clock,
            names: Names::new(&config.prefix),
            object_max: config.object_max,
            ttl_max: config.ttl_max,
            queue: Queue::new(
                config.queue_max,
                config.queue_bytes,
                metrics.cache_writes_queued.clone(),
            ),
            lookups: Lookups {
                hit: lookups("hit"),
                miss: lookups("miss"),
                error: lookups("error"),
                skipped: lookups("skipped"),
                corrupt: lookups("corrupt"),
            },
            dropped: metrics.cache_writes_dropped.clone(),
        }
    }

    /// The connection that may be used: one on which no purge was missed.
    fn usable(&self) -> Option<u64> {
        match self.link.state() {
            LinkState::Up(generation) if self.log.synced_on(generation) => Some(generation),
            _ => None,
        }
    }

    /// What is on its way into a slot, which a read would miss.
    #[must_use]
    pub fn pending(&self, slot: KeyHash) -> Option<Answer> {
        self.usable()?;
        Some(match self.queue.pending(slot)? {
            Write::Object(entry) => Answer::Found(Slot::Object(entry)),
            Write::Vary(vary) => Answer::Found(Slot::Vary(vary)),
            Write::Alias(alias) => Answer::Found(Slot::Alias(alias)),
            Write::Delete | Write::Withdraw => Answer::Miss,
        })
    }

    /// Reads a slot.
    pub async fn get(&self, slot: KeyHash) -> Answer {
        let Some(generation) = self.usable() else {
            self.lookups.skipped.inc();
            return Answer::Skipped;
        };
        // A range instead of the whole bounds what a value of any size costs.
        let mut command = redis::cmd("GETRANGE");
        command.arg(self.name(slot)).arg(0).arg(self.object_max);
        let answer = self.link.query::<Value>("get", &command).await;
        if self.usable() != Some(generation) {
            self.lookups.skipped.inc();
            return Answer::Skipped;
        }
        match answer {
            Ok(Value::BulkString(bytes)) if !bytes.is_empty() => self.read(slot, bytes),
            Ok(Value::BulkString(_) | Value::Nil) => self.miss(),
            Err(LinkError::Skipped) => {
                self.lookups.skipped.inc();
                Answer::Skipped
            }
            Err(LinkError::Failed(error)) if error.contains("WRONGTYPE") => self.corrupt(slot, &error),
            Ok(_) | Err(LinkError::Failed(_) | LinkError::Timeout) => {
                self.lookups.error.inc();
                Answer::Error
            }
        }
    }

    fn read(&self, slot: KeyHash, bytes: Vec<u8>) -> Answer {
        if bytes.len() as u64 > self.object_max {
            return self.corrupt(slot, &CodecError::Length);
        }
        let found = match codec::decode(slot, &Bytes::from(bytes)) {
            Ok(Frame::Object(entry)) if self.log.verdict(&entry) == Verdict::Gone => {
                self.write(slot, Write::Delete);
                return self.miss();
            }
            Ok(Frame::Object(entry)) => Slot::Object(Arc::new(memory::own_headers(entry))),
            Ok(Frame::Vary(vary)) => Slot::Vary(Arc::new(vary)),
            Ok(Frame::Alias(alias)) => Slot::Alias(alias),
            Err(error) => return self.corrupt(slot, &error),
        };
        self.lookups.hit.inc();
        Answer::Found(found)
    }

    fn miss(&self) -> Answer {
        self.lookups.miss.inc();
        Answer::Miss
    }

    fn corrupt(&self, slot: KeyHash, why: &dyn std::fmt::Display) -> Answer {
        tracing::debug!(%slot, %why, "value in redis is of no use and is deleted");
        self.lookups.corrupt.inc();
        self.write(slot, Write::Delete);
        Answer::Miss
    }

    /// Puts a write in line. Never waits: what does not fit is dropped and counted.
    pub fn write(&self, slot: KeyHash, write: Write) {
        if self.usable().is_none() {
            self.drop_one("breaker_open");
            return;
        }
        let write = match write {
            // What lies there is older than what could not be written.
            Write::Object(entry) if entry.body.len() as u64 > self.object_max => {
                self.drop_one("too_large");
                Write::Withdraw
            }
            write => write,
        };
        let weight = write.weight();
        if !self.queue.push(slot, write, weight) {
            self.drop_one("queue_full");
        }
    }

    /// Carries out writes until `stop` ends, and what it has begun then.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let batch = tokio::select! {
                batch = self.queue.take(BATCH) => batch,
                () = &mut stop => return,
            };
            // Commands are put on the connection in this order: of two writes of a slot the later wins.
            join_all(batch.items().iter().map(|item| self.send(item.slot, &item.write))).await;
        }
    }

    /// Waits until every write is carried out; false when `deadline` passed before.
    pub async fn drain(&self, deadline: Duration) -> bool {
        tokio::time::timeout(deadline, self.queue.idle()).await.is_ok()
    }

    /// Writes waiting or under way.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    async fn send(&self, slot: KeyHash, write: &Write) {
        if self.usable().is_none() {
            self.drop_one("breaker_open");
            return;
        }
        let (frame, dead_at) = match write {
            Write::Object(entry) => (codec::encode(entry), memory::dead_at(entry)),
            Write::Vary(vary) => (codec::encode_vary(slot, vary), vary.dead_at),
            Write::Alias(alias) => (codec::encode_alias(slot, alias), alias.dead_at),
            Write::Delete => return self.delete(slot).await,
            Write::Withdraw => return self.withdraw(slot).await,
        };
        let Some(seconds) = self.ttl(dead_at) else { return };
        match frame {
            Ok(frame) if frame.len() as u64 <= self.object_max => self.set(slot, &frame, seconds).await,
            _ => {
                self.drop_one("too_large");
                self.withdraw(slot).await;
            }
        }
    }

    async fn set(&self, slot: KeyHash, frame: &Bytes, seconds: u64) {
        let mut command = redis::cmd("SET");
        command
            .arg(self.name(slot))
            .arg(frame.as_ref())
            .arg("EX")
            .arg(seconds);
        self.judge(self.link.query::<Value>("set", &command).await);
    }

    async fn delete(&self, slot: KeyHash) {
        let mut command = redis::cmd("UNLINK");
        command.arg(self.name(slot));
        self.judge(self.link.query::<Value>("delete", &command).await);
    }

    /// Deletes a slot and lets the other popgates drop their copies.
    async fn withdraw(&self, slot: KeyHash) {
        // In a cluster nobody hears of it, and the two keys may lie on two servers.
        if self.link.is_cluster() {
            return self.delete(slot).await;
        }
        let removed = self.names.removed(slot);
        let mut tell = redis::cmd("SET");
        tell.arg(&removed).arg("").arg("PX").arg(1);
        let mut tidy = redis::cmd("UNLINK");
        tidy.arg(&removed);
        // What lies there goes even where the other key is forbidden.
        let _ = tokio::join!(
            self.link.query::<Value>("set", &tell),
            self.link.query::<Value>("delete", &tidy),
            self.delete(slot)
        );
    }

    fn judge(&self, answer: Result<Value, LinkError>) {
        match answer {
            Ok(_) => {}
            Err(LinkError::Skipped) => self.drop_one("breaker_open"),
            Err(LinkError::Timeout | LinkError::Failed(_)) => self.drop_one("error"),
        }
    }

    /// Seconds to live, at least one; `None` when it is dead already.
    fn ttl(&self, dead_at: SystemTime) -> Option<u64> {
        let left = dead_at.duration_since(self.clock.now()).ok()?.min(self.ttl_max);
        Some(left.as_secs().max(1))
    }

    fn drop_one(&self, reason: &str) {
        self.dropped.with_label_values(&[reason]).inc();
    }

    /// How slots are named.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    fn name(&self, slot: KeyHash) -> String {
        self.names.value(slot)
    }
}
