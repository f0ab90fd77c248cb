//! What the cache does beside requests.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;

use super::{Parts, Tiered, clear};
use crate::cache::purge::{self, Purged};

/// Pace of housekeeping while nothing else touches the cache.
const TIDY_EVERY: Duration = Duration::from_secs(10);

impl Tiered {
    /// Background work: writes to Redis, purges from Redis, housekeeping. Runs until it is dropped;
    /// drop it after [`Tiered::drain`].
    pub async fn run(&self) {
        let mut renewed = self.renewed.subscribe();
        loop {
            let parts = self.parts.load_full();
            let mut also_renewed = renewed.clone();
            // In boxes: the compiler's depth has an end.
            let others = async {
                tokio::select! {
                    () = self.work(&parts).boxed() => {}
                    _ = renewed.changed() => {}
                }
            };
            // What is on its way to Redis gets there.
            let writes = async {
                let stop = async {
                    let _ = also_renewed.changed().await;
                };
                match &parts.redis {
                    Some(redis) => redis.tier.run(stop).boxed().await,
                    None => stop.await,
                }
            };
            tokio::join!(others, writes);
        }
    }

    async fn work(&self, parts: &Parts) {
        let tidy = async {
            loop {
                tokio::time::sleep(TIDY_EVERY).await;
                self.log.tidy();
                parts.memory.run_pending();
            }
        };
        let Some(redis) = parts.redis.clone() else {
            return tidy.await;
        };
        let memory = Arc::clone(&parts.memory);
        let purged: Purged = Arc::new(move |record| {
            if record.deletes_everything() {
                clear(&memory);
            }
        });
        let log = || Arc::clone(&self.log);
        let guard = purge::guard(
            log(),
            Arc::clone(&redis.link),
            redis.purges.clone(),
            Arc::clone(&purged),
        );
        let follow = purge::follow(log(), redis.link, redis.purges, redis.pop, purged);
        tokio::join!(tidy, guard, follow);
    }

    /// Waits until all writes are in Redis; false when `deadline` passed before.
    pub async fn drain(&self, deadline: Duration) -> bool {
        match &self.parts.load_full().redis {
            Some(redis) => {
                let drained = redis.tier.drain(deadline).await;
                self.log.leave(&redis.link, &redis.purges).await;
                drained
            }
            None => true,
        }
    }
}
