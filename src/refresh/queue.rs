//! The line of purged URLs that wait to be fetched: bounded, the hottest first, each once.

use std::sync::Arc;

use super::Url;

/// The line.
#[derive(Debug, Default)]
pub struct Queue {
    /// Hottest last, so that it is taken from the end.
    waiting: Vec<(u64, Arc<Url>)>,
    at_work: bool,
}

/// What came of putting URLs in line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// So many were let go for lack of room.
    pub dropped: usize,
    /// There is work and nobody who does it: the caller must see to it.
    pub start: bool,
}

impl Queue {
    /// Puts URLs in line, at most `most` of which stay in all. One that waits already stays where its new count
    /// puts it.
    pub fn add(&mut self, urls: Vec<(u64, Arc<Url>)>, most: usize) -> Added {
        for (count, url) in urls {
            match self.waiting.iter_mut().find(|(_, known)| known.slot == url.slot) {
                Some(known) => *known = (count, url),
                None => self.waiting.push((count, url)),
            }
        }
        // Stable, and those that come first in `urls` are taken first.
        self.waiting
            .sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| other.path.cmp(&one.path)));
        let dropped = self.waiting.len().saturating_sub(most);
        self.waiting.drain(..dropped);
        let start = !self.at_work && !self.waiting.is_empty();
        self.at_work |= start;
        Added { dropped, start }
    }

    /// The hottest that waits.
    pub fn take(&mut self) -> Option<Arc<Url>> {
        self.waiting.pop().map(|(_, url)| url)
    }

    /// Lets all go that wait; how many there were.
    pub fn clear(&mut self) -> usize {
        std::mem::take(&mut self.waiting).len()
    }

    /// Ends the work when nothing waits; true when it has ended.
    pub fn rest(&mut self) -> bool {
        self.at_work = !self.waiting.is_empty();
        !self.at_work
    }

    /// Number of those that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::testing::url;

    fn taken(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.take())
            .map(|url| url.path.to_string())
            .collect()
    }

    #[test]
    fn the_hottest_come_first_whichever_purge_hit_them() {
        let mut queue = Queue::default();
        queue.add(vec![(5, url("/five")), (1, url("/one"))], 9);
        queue.add(vec![(7, url("/seven")), (3, url("/three"))], 9);
        assert_eq!(taken(&mut queue), ["/seven", "/five", "/three", "/one"]);
    }

    #[test]
    fn a_url_waits_once() {
        let mut queue = Queue::default();
        queue.add(vec![(5, url("/a")), (4, url("/b"))], 9);
        queue.add(vec![(6, url("/b"))], 9);
        assert_eq!(taken(&mut queue), ["/b", "/a"]);
    }

    #[test]
    fn the_coldest_are_let_go_when_there_are_too_many() {
        let mut queue = Queue::default();
        let added = queue.add(vec![(3, url("/a")), (2, url("/b")), (1, url("/c"))], 2);
        assert_eq!(
            added,
            Added {
                dropped: 1,
                start: true
            }
        );
        assert_eq!(taken(&mut queue), ["/a", "/b"]);
    }

    #[test]
    fn one_at_a_time_does_the_work() {
        let mut queue = Queue::default();
        assert!(!queue.add(Vec::new(), 9).start);
        assert!(queue.add(vec![(1, url("/a"))], 9).start);
        assert!(!queue.add(vec![(1, url("/b"))], 9).start);
        assert!(!queue.rest(), "there is more");
        assert_eq!(queue.clear(), 2);
        assert!(queue.rest());
        assert!(queue.add(vec![(1, url("/a"))], 9).start);
    }
}
