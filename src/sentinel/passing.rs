//! URLs that pass for a while, because their copy has leaked.

use std::collections::HashMap;
use std::time::Duration;

use crate::cache::KeyHash;

/// URLs that pass at a time.
pub const PASSING_MAX: usize = 10_000;

/// Which pass, and how long. Time is passed in, as time since some epoch.
#[derive(Debug, Default)]
pub struct Passing(HashMap<KeyHash, Duration>);

impl Passing {
    /// Lets a URL pass until some time. When too many pass, the one whose time is over first makes place.
    pub fn pass(&mut self, url: KeyHash, until: Duration, now: Duration) {
        self.0.retain(|_, until| *until > now);
        if self.0.len() >= PASSING_MAX
            && let Some(first) = self
                .0
                .iter()
                .min_by_key(|(_, until)| **until)
                .map(|(url, _)| *url)
        {
            self.0.remove(&first);
        }
        self.0.insert(url, until);
    }

    /// Whether a URL passes.
    pub fn passes(&mut self, url: KeyHash, now: Duration) -> bool {
        match self.0.get(&url) {
            Some(until) if *until > now => true,
            Some(_) => {
                self.0.remove(&url);
                false
            }
            None => false,
        }
    }

    /// URLs held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
