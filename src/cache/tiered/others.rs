//! What the other popgates on the same Redis store and remove. A message marks what lies here as superseded, and
//! the next request that would use it looks into Redis first. Nothing is dropped for a message alone, unless the
//! other one withdrew it: Redis may be gone by then, and the copy is the best there is.

use std::sync::Arc;

use http::HeaderMap;
use redis::PushInfo;
use tokio::time::Instant;

use super::{Parts, Tiered};
use crate::cache::key::KeyHash;
use crate::cache::memory::{Memory, Place};
use crate::cache::purge::Verdict;
use crate::cache::redis::{Answer, Flights, News};

/// Slots that one lookup may have to settle: a root, the variant it leads to, and one more.
const STEPS: usize = 3;

impl Tiered {
    /// Hears what the others do. Handling a message takes no time to speak of: it comes on the reader of the
    /// connection.
    pub(super) fn listen(&self) {
        let Some(redis) = self.parts.load().redis.clone() else {
            return;
        };
        // The link keeps its listener, so that may not keep the link.
        let parts = Arc::downgrade(&self.parts);
        let flights = self.flights.clone();
        let counter = self.superseded.clone();
        let names = redis.tier.names().clone();
        redis.link.listen(Arc::new(move |push: &PushInfo| {
            let Some(parts) = parts.upgrade() else { return };
            let parts = parts.load();
            for (slot, news) in names.news(push) {
                // First the read, then memory: a read looks the other way round.
                flights.tell(slot, news);
                if parts.heard(slot, news) {
                    counter.with_label_values(&[news.as_str()]).inc();
                }
            }
        }));
    }

    /// When a lookup that begins now has waited long enough for Redis.
    pub(super) fn deadline(&self, parts: &Parts) -> Instant {
        let timeout = parts.redis.as_ref().map(|redis| redis.link.timeout());
        Instant::now() + timeout.unwrap_or_default()
    }

    /// Where a lookup ends after Redis was looked at for what others have replaced. When Redis does not answer,
    /// that is where it was.
    pub(super) async fn settled(
        &self,
        parts: &Parts,
        root: KeyHash,
        request: &HeaderMap,
        deadline: Instant,
    ) -> Place {
        let look = async {
            let mut last = None;
            // A response may have become a marker, and that leads to a variant.
            for _ in 0..STEPS {
                let slot = self.superseded_slot(parts, root, request);
                if slot.is_none() || slot == last {
                    return;
                }
                if let Some(slot) = slot {
                    self.read(parts, slot).await;
                }
                last = slot;
            }
        };
        // Whatever came in time is in memory.
        let _ = tokio::time::timeout_at(deadline, look).await;
        parts.memory.find(root, request)
    }

    /// The slot that must be looked up before what memory has for a request is used.
    fn superseded_slot(&self, parts: &Parts, root: KeyHash, request: &HeaderMap) -> Option<KeyHash> {
        let marker = parts.memory.vary(root);
        if marker.is_some_and(|vary| vary.superseded.is()) {
            return Some(root);
        }
        let entry = parts.memory.find(root, request).entry?;
        // Redis is looked at for stale ones in any case.
        let used = entry.superseded.is()
            && entry.times.is_fresh(self.clock.now())
            && self.log.verdict(&entry) == Verdict::Valid;
        used.then_some(entry.slot)
    }
}

impl Parts {
    /// Takes note of what another popgate did to a slot; whether something lay there.
    fn heard(&self, slot: KeyHash, news: News) -> bool {
        // Two memories while one is copied into the other.
        let former = self.former.upgrade();
        let former = former.is_some_and(|former| apply(&former, slot, news));
        apply(&self.memory, slot, news) || former
    }
}

fn apply(memory: &Memory, slot: KeyHash, news: News) -> bool {
    match news {
        News::Stored => memory.supersede(slot),
        News::Removed => {
            let held = memory.slot(slot).is_some();
            if held {
                memory.remove(slot);
            }
            held
        }
    }
}

/// Takes the answer of a read that is under way into memory, and then heeds what was heard meanwhile: the answer
/// may be older than that.
pub(super) fn take_in(memory: &Memory, flights: &Flights, slot: KeyHash, answer: &Answer) {
    match answer {
        Answer::Found(found) => memory.take_in(slot, Some(found.clone())),
        Answer::Miss => memory.take_in(slot, None),
        Answer::Error | Answer::Skipped => {}
    }
    if let Some(news) = flights.told(slot) {
        apply(memory, slot, news);
    }
}
