//! The most requested URLs of a site in bounded memory (Space-Saving, Metwally et al. 2005), fading with time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Url;
use crate::cache::purge::Subject;
use crate::cache::{Entry, KeyHash, PurgeSeq};
use crate::serve::ask::Ask;

/// Time in which a count loses half of it.
const HALF_LIFE: Duration = Duration::from_secs(1800);
/// One request, so that its halves count for a while.
const ONE: u64 = 1024;
/// URLs that are counted for each one that may be refreshed, and the bounds of that.
const COUNTED_FOR_ONE: usize = 4;
const COUNTED_MIN: usize = 64;
const COUNTED_MAX: usize = 4096;
/// Most bytes of texts that are kept of one URL; longer ones are not counted.
const WEIGHT_MAX: usize = 8 * 1024;

/// One URL.
#[derive(Debug)]
struct Known {
    url: Arc<Url>,
    /// How often it was asked for, at most.
    count: u64,
    /// By how much that may be too high.
    error: u64,
    /// Which copy it was answered with.
    copy: SystemTime,
    /// Purges up to there need not be looked at again.
    seq: PurgeSeq,
}

impl Known {
    /// How often it was asked for, at least.
    fn surely(&self) -> u64 {
        self.count - self.error
    }
}

/// The counters.
#[derive(Debug)]
pub struct Hot {
    known: HashMap<KeyHash, Known>,
    capacity: usize,
    /// How often a URL that is not kept may have been asked for.
    floor: u64,
    /// Half-lives that have passed.
    faded: u64,
}

impl Default for Hot {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            capacity: COUNTED_MIN,
            floor: 0,
            faded: 0,
        }
    }
}

impl Hot {
    /// Counts as many URLs as it takes to know the `urls` hottest.
    pub fn make_room(&mut self, urls: usize) {
        self.capacity = urls
            .saturating_mul(COUNTED_FOR_ONE)
            .clamp(COUNTED_MIN, COUNTED_MAX);
        while self.known.len() > self.capacity {
            self.drop_coldest();
        }
    }

    /// Lets counts fade up to `now`, counted from when it was made. True when a half-life has passed.
    pub fn fade(&mut self, now: Duration) -> bool {
        let passed = now.as_secs() / HALF_LIFE.as_secs();
        let halvings = passed.saturating_sub(self.faded);
        if halvings == 0 {
            return false;
        }
        self.faded = passed;
        let half = |count: &mut u64| *count = count.checked_shr(halvings.min(64) as u32).unwrap_or(0);
        half(&mut self.floor);
        self.known.retain(|_, known| {
            half(&mut known.count);
            half(&mut known.error);
            known.count > 0
        });
        true
    }

    /// Notes that a stored answer was asked for `times` times. `ask` makes the request for it.
    pub fn note(&mut self, times: u64, entry: &Entry, ask: impl FnOnce() -> Ask) {
        let times = times.saturating_mul(ONE);
        if let Some(known) = self.known.get_mut(&entry.slot) {
            known.count = known.count.saturating_add(times);
            if known.copy == entry.times.stored_at {
                return;
            }
        }
        let url = Url::of(entry, ask());
        if url.weight() > WEIGHT_MAX {
            self.known.remove(&entry.slot);
            return;
        }
        if let Some(known) = self.known.get_mut(&entry.slot) {
            // Another copy may have other tags, and nobody's request stands for all that follow.
            known.url = Arc::new(url);
            known.copy = entry.times.stored_at;
            known.seq = known.seq.max(entry.seq);
            return;
        }
        if self.known.len() >= self.capacity {
            self.drop_coldest();
        }
        let new = Known {
            url: Arc::new(url),
            count: self.floor.saturating_add(times),
            error: self.floor,
            copy: entry.times.stored_at,
            seq: entry.seq,
        };
        self.known.insert(entry.slot, new);
    }

    fn drop_coldest(&mut self) {
        let coldest = self.known.iter().min_by_key(|(_, known)| known.count);
        if let Some((slot, count)) = coldest.map(|(slot, known)| (*slot, known.count)) {
            self.known.remove(&slot);
            self.floor = self.floor.max(count);
        }
    }

    /// The `most` hottest of those that `hit` says are purged, most requested first, each with its count. Each
    /// purge is told of once: `head` is the log's head before `hit` was asked.
    pub fn purged(
        &mut self,
        head: PurgeSeq,
        hit: impl Fn(&Subject<'_>) -> bool,
        most: usize,
    ) -> Vec<(u64, Arc<Url>)> {
        let mut found: Vec<_> = self
            .known
            .values_mut()
            .filter(|known| hit(&known.url.subject(known.seq)))
            .map(|known| {
                known.seq = known.seq.max(head);
                (known.surely(), Arc::clone(&known.url))
            })
            .collect();
        found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.path.cmp(&other.path)));
        found.truncate(most);
        found
    }
}

#[cfg(test)]
mod tests;
