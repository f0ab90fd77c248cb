//! URLs that anybody can make up: their number has no end, so each must prove that more than one asks for
//! it, and a path holds so many of them at a time.
//!
//! Pure bookkeeping; time is passed in, as time since some epoch.

use std::collections::HashMap;
use std::time::Duration;

use super::KeyHash;

/// URLs remembered between their first and second sight.
pub const SIGHTS_MAX: usize = 100_000;
/// URLs counted under their paths.
pub const COUNTED_MAX: usize = 65_536;
/// How often the counts of all paths are gone through when they are full.
const SWEEP_PACE: Duration = Duration::from_secs(1);

/// When URLs were last asked for. Two halves: a full one takes the place of the other, so that what is seen
/// again and again stays and what never comes back goes.
#[derive(Debug)]
pub struct Sights {
    recent: HashMap<KeyHash, Duration>,
    older: HashMap<KeyHash, Duration>,
    max: usize,
}

impl Sights {
    /// Remembers at most `max` URLs.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            recent: HashMap::new(),
            older: HashMap::new(),
            max,
        }
    }

    /// Notes a sight at `now`, and tells whether there was another in the time `within` before.
    pub fn see(&mut self, url: KeyHash, within: Duration, now: Duration) -> bool {
        if self.recent.len() >= self.max / 2 && !self.recent.contains_key(&url) {
            self.older = std::mem::take(&mut self.recent);
        }
        let before = self.recent.insert(url, now).or_else(|| self.older.remove(&url));
        before.is_some_and(|before| now.saturating_sub(before) <= within)
    }

    /// URLs remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recent.len() + self.older.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Sights {
    fn default() -> Self {
        Self::new(SIGHTS_MAX)
    }
}

/// How many made-up URLs of each path are stored.
#[derive(Debug)]
pub struct Variants {
    paths: HashMap<KeyHash, Vec<(KeyHash, Duration)>>,
    counted: usize,
    max: usize,
    swept: Duration,
}

impl Variants {
    /// Counts at most `max` URLs in all.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            paths: HashMap::new(),
            counted: 0,
            max,
            swept: Duration::ZERO,
        }
    }

    /// Whether `url` may be stored until `until`: it is counted already, or its path has fewer than `most`.
    /// Nothing makes place but time: whoever makes up URLs cannot drive out those of others.
    pub fn admit(
        &mut self,
        path: KeyHash,
        url: KeyHash,
        most: usize,
        now: Duration,
        until: Duration,
    ) -> bool {
        if self.counted >= self.max && now >= self.swept + SWEEP_PACE {
            self.sweep(now);
        }
        let full = self.counted >= self.max;
        let urls = self.paths.entry(path).or_default();
        let before = urls.len();
        urls.retain(|(_, until)| *until > now);
        self.counted -= before - urls.len();
        if let Some((_, known)) = urls.iter_mut().find(|(known, _)| *known == url) {
            *known = until;
            return true;
        }
        let admitted = !full && urls.len() < most;
        if admitted {
            urls.push((url, until));
            self.counted += 1;
        }
        if urls.is_empty() {
            self.paths.remove(&path);
        }
        admitted
    }

    fn sweep(&mut self, now: Duration) {
        self.swept = now;
        self.paths.retain(|_, urls| {
            urls.retain(|(_, until)| *until > now);
            !urls.is_empty()
        });
        self.counted = self.paths.values().map(Vec::len).sum();
    }
}

impl Default for Variants {
    fn default() -> Self {
        Self::new(COUNTED_MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(120);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_second_sight_in_time_counts() {
        let mut sights = Sights::default();
        let url = KeyHash(1);
        assert!(!sights.see(url, WITHIN, at(0)));
        assert!(sights.see(url, WITHIN, at(120)));
        assert!(!sights.see(url, WITHIN, at(241)));
        assert!(!sights.see(KeyHash(2), WITHIN, at(241)));
    }

    #[test]
    fn a_flood_of_others_forgets_what_does_not_come_back() {
        let mut sights = Sights::new(100);
        let (regular, once) = (KeyHash(u128::MAX), KeyHash(u128::MAX - 1));
        assert!(!sights.see(regular, WITHIN, at(0)));
        assert!(!sights.see(once, WITHIN, at(0)));
        for n in 0..1000 {
            sights.see(KeyHash(n), WITHIN, at(1));
            if n % 20 == 0 {
                assert!(sights.see(regular, WITHIN, at(1)), "{n}");
            }
            assert!(sights.len() <= 100);
        }
        assert!(!sights.see(once, WITHIN, at(1)));
    }

    #[test]
    fn a_path_holds_so_many_until_their_time_is_over() {
        let mut variants = Variants::default();
        let path = KeyHash(0);
        for n in 1..=3 {
            assert!(variants.admit(path, KeyHash(n), 3, at(0), at(60)));
        }
        assert!(!variants.admit(path, KeyHash(4), 3, at(59), at(119)));
        assert!(variants.admit(path, KeyHash(1), 3, at(59), at(119)), "known");
        assert!(
            variants.admit(KeyHash(9), KeyHash(4), 3, at(59), at(119)),
            "another path"
        );
        assert!(variants.admit(path, KeyHash(4), 3, at(60), at(120)));
        assert!(variants.admit(path, KeyHash(5), 3, at(60), at(120)));
        assert!(!variants.admit(path, KeyHash(6), 3, at(60), at(120)));
    }

    #[test]
    fn all_paths_together_hold_so_many_and_free_their_places() {
        let mut variants = Variants::new(10);
        for n in 0..10 {
            assert!(variants.admit(KeyHash(n), KeyHash(n), 3, at(0), at(60)));
        }
        assert!(!variants.admit(KeyHash(10), KeyHash(10), 3, at(30), at(90)));
        assert!(variants.admit(KeyHash(10), KeyHash(10), 3, at(60), at(90)));
        assert_eq!((variants.paths.len(), variants.counted), (1, 1));
    }

    proptest! {
        #[test]
        fn counts_are_what_is_held(steps in prop::collection::vec((0u128..6, 0u128..20, 0u64..30, 1u64..40), 0..200)) {
            let mut variants = Variants::new(16);
            let mut now = 0;
            for (path, url, step, life) in steps {
                now += step;
                variants.admit(KeyHash(path), KeyHash(path * 100 + url), 4, at(now), at(now + life));
                let held: usize = variants.paths.values().map(Vec::len).sum();
                prop_assert_eq!(held, variants.counted);
                prop_assert!(held <= 16);
                prop_assert!(variants.paths.values().all(|urls| !urls.is_empty() && urls.len() <= 4));
            }
        }
    }
}
