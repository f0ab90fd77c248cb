//! The cache under another configuration: what is stored stays, as far as it fits.

use std::sync::Arc;
use std::time::Duration;

use super::{Parts, Redis, Tiered};
use crate::cache::memory::Memory;
use crate::cache::purge::{NewJournal, PurgeLimits, PurgeLog};
use crate::cache::redis::RedisTier;
use crate::clock::Clock;
use crate::config::model;
use crate::redis_link::RedisLink;
use crate::telemetry::metrics::Metrics;

/// How long writes that wait for a Redis that is no longer used may take.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What changes; built before anything is touched.
pub struct Renewal<'a> {
    /// Name of the PoP.
    pub pop: &'a str,
    /// The new configuration of the cache.
    pub cache: &'a model::Cache,
    /// A link where `cache.redis` is new or another, `None` inside where it is gone; outside, it stays.
    pub link: Option<Option<Arc<RedisLink>>>,
    /// Whether it leads to another stream of purges.
    pub other_stream: bool,
    /// The file of purges, where it changes.
    pub journal: Option<NewJournal>,
    /// Limits of the purge log.
    pub limits: PurgeLimits,
    /// Where the parts count.
    pub metrics: &'a Metrics,
}

impl Redis {
    pub(super) fn new(
        pop: &str,
        config: &model::Cache,
        link: Option<Arc<RedisLink>>,
        log: &Arc<PurgeLog>,
        clock: &Clock,
        metrics: &Metrics,
    ) -> Option<Self> {
        let (config, link) = config.redis.as_ref().zip(link)?;
        let tier = RedisTier::new(config, Arc::clone(&link), Arc::clone(log), clock.clone(), metrics);
        Some(Self {
            tier: Arc::new(tier),
            link,
            purges: format!("{}purges", config.prefix),
            pop: pop.to_owned(),
        })
    }

    /// Lets go of a Redis: what waits is written, and the others are told that this popgate is gone from it.
    async fn leave(self, log: Arc<PurgeLog>) {
        tokio::select! {
            () = self.tier.run(std::future::pending()) => {}
            _ = self.tier.drain(DRAIN_MAX) => {}
        }
        log.leave(&self.link, &self.purges).await;
    }
}

impl Tiered {
    /// Goes on under another configuration. Lookups under way end with the parts they began with. Must be
    /// called within the runtime that runs [`Tiered::run`].
    pub fn renew(&self, renewal: Renewal<'_>) {
        let old = self.parts.load_full();
        let memory = self.renewed_memory(&old, renewal.cache.memory, renewal.metrics);
        let redis = match &renewal.link {
            Some(link) => Redis::new(
                renewal.pop,
                renewal.cache,
                link.clone(),
                &self.log,
                &self.clock,
                renewal.metrics,
            ),
            None => old.redis.clone().map(|redis| Redis {
                pop: renewal.pop.to_owned(),
                ..redis
            }),
        };
        let shared = redis.is_some();
        let parts = Parts {
            memory: Arc::clone(&memory),
            former: if Arc::ptr_eq(&memory, &old.memory) {
                old.former.clone()
            } else {
                Arc::downgrade(&old.memory)
            },
            redis,
            pop: renewal.pop.to_owned(),
        };
        self.parts.store(Arc::new(parts));
        self.log.set_limits(renewal.limits);
        if renewal.other_stream {
            self.log.change_source(shared);
        } else if renewal.link.is_some() {
            self.log.change_link();
        }
        if let Some(journal) = renewal.journal {
            self.log.set_journal(journal);
        }
        self.listen();
        self.renewed.send_replace(());
        if renewal.link.is_some()
            && let Some(redis) = old.redis.clone()
        {
            tokio::spawn(redis.leave(Arc::clone(&self.log)));
        }
        if !Arc::ptr_eq(&memory, &old.memory) {
            // Looked up in vain until it is there; nothing is served that should not be.
            tokio::task::spawn_blocking(move || old.memory.copy_to(&memory));
        }
    }

    fn renewed_memory(&self, old: &Parts, bytes: u64, metrics: &Metrics) -> Arc<Memory> {
        if old.memory.capacity() == bytes {
            return Arc::clone(&old.memory);
        }
        Arc::new(Memory::new(bytes, self.variant, self.clock.clone(), metrics))
    }
}
