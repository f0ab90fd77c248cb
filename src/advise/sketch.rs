//! The most frequent names of a stream in bounded memory (Space-Saving, Metwally et al. 2005).
//!
//! With `capacity` counters and `n` names seen, every name that came more than `n / capacity` times is
//! kept, and no count is too high by more than its own `error`, which is at most `n / capacity`.

use std::collections::HashMap;

/// One counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How often the name came, at most.
    pub count: u64,
    /// By how much that may be too high.
    pub error: u64,
}

/// The sketch.
#[derive(Debug, Clone)]
pub struct TopNames {
    counters: HashMap<Box<str>, Counted>,
    capacity: usize,
    /// How often a name that is not kept may have come.
    floor: u64,
}

impl TopNames {
    /// An empty sketch of at least one counter.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            counters: HashMap::new(),
            capacity: capacity.max(1),
            floor: 0,
        }
    }

    /// Counts a name. Costs a look-up for names that are known or while there is room, else a search for the
    /// rarest.
    pub fn add(&mut self, name: &str) {
        if let Some(counted) = self.counters.get_mut(name) {
            counted.count += 1;
            return;
        }
        if self.counters.len() >= self.capacity {
            let rarest = self.counters.iter().min_by_key(|(_, counted)| counted.count);
            if let Some(rarest) = rarest.map(|(name, _)| name.clone()) {
                self.drop_name(&rarest);
            }
        }
        let new = Counted {
            count: self.floor + 1,
            error: self.floor,
        };
        self.counters.insert(name.into(), new);
    }

    /// Adds another sketch's counters. What one of them does not know may have come as often there as its
    /// rarest, so that no count is too low.
    pub fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (self.floor, other.floor);
        for counted in self.counters.values_mut() {
            counted.count += theirs;
            counted.error += theirs;
        }
        for (name, more) in &other.counters {
            if let Some(counted) = self.counters.get_mut(name) {
                counted.count += more.count - theirs;
                counted.error = counted.error + more.error - theirs;
            } else {
                let new = Counted {
                    count: more.count + mine,
                    error: more.error + mine,
                };
                self.counters.insert(name.clone(), new);
            }
        }
        self.floor = mine + theirs;
        let beyond: Vec<Box<str>> = self
            .top(usize::MAX)
            .into_iter()
            .skip(self.capacity)
            .map(|(name, _)| name.into())
            .collect();
        beyond.iter().for_each(|name| self.drop_name(name));
    }

    fn drop_name(&mut self, name: &str) {
        if let Some(counted) = self.counters.remove(name) {
            self.floor = self.floor.max(counted.count);
        }
    }

    /// Number of names kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counters.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }

    /// The most frequent names, most frequent first; by name where counts agree.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<(&str, &Counted)> {
        let mut all: Vec<_> = self
            .counters
            .iter()
            .map(|(name, counted)| (&**name, counted))
            .collect();
        all.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then(a.cmp(b)));
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(names: &[String]) -> HashMap<&str, u64> {
        let mut counts = HashMap::new();
        for name in names {
            *counts.entry(name.as_str()).or_default() += 1;
        }
        counts
    }

    fn check(sketch: &TopNames, names: &[String], slack: u64) -> Result<(), TestCaseError> {
        let exact = exact(names);
        prop_assert!(sketch.counters.len() <= sketch.capacity);
        for (name, counted) in sketch.top(usize::MAX) {
            let true_count = exact.get(name).copied().unwrap_or(0);
            prop_assert!(true_count <= counted.count, "{name}");
            prop_assert!(counted.count - counted.error <= true_count, "{name}");
            prop_assert!(counted.error <= slack, "{name}");
        }
        for (name, count) in exact {
            let kept = sketch.counters.contains_key(name);
            prop_assert!(kept || count <= slack, "{name} came {count} times");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn frequent_names_are_kept_and_errors_bounded(
            names in prop::collection::vec("[a-h]{1,2}", 0..300), capacity in 1_usize..20
        ) {
            let mut sketch = TopNames::new(capacity);
            names.iter().for_each(|name| sketch.add(name));
            check(&sketch, &names, (names.len() / capacity) as u64)?;
        }

        #[test]
        fn merging_never_counts_too_little(
            a in prop::collection::vec("[a-e]", 0..100), b in prop::collection::vec("[a-e]", 0..100),
            capacity in 1_usize..8
        ) {
            let of = |names: &[String]| {
                let mut sketch = TopNames::new(capacity);
                names.iter().for_each(|name| sketch.add(name));
                sketch
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert!(merged.counters.len() <= capacity);
            let all: Vec<String> = a.iter().chain(&b).cloned().collect();
            for (name, true_count) in exact(&all) {
                match merged.counters.get(name) {
                    Some(counted) => {
                        prop_assert!(true_count <= counted.count, "{} came {}", name, true_count);
                        prop_assert!(counted.count - counted.error <= true_count, "{}", name);
                    }
                    None => prop_assert!(true_count <= merged.floor, "{} came {}", name, true_count),
                }
            }
        }
    }

    #[test]
    fn the_most_frequent_come_first() {
        let mut sketch = TopNames::new(3);
        for name in ["b", "a", "b", "c", "b", "a"] {
            sketch.add(name);
        }
        let top: Vec<_> = sketch
            .top(2)
            .into_iter()
            .map(|(name, counted)| (name, counted.count))
            .collect();
        assert_eq!(top, [("b", 3), ("a", 2)]);
    }
}
