//! Whether a stream may put off writing what it has gathered.
//!
//! HTTP/2 flushes after each answer. While more requests are at hand, their answers can go out with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const OUT: u8 = 0;
const IN: u8 = 1;
/// In, and a flush was put off.
const OWING: u8 = 2;

/// One half is the stream's, the other is held by who knows when more is to come. Both are on one task.
#[derive(Debug, Clone, Default)]
pub struct Cork(Arc<AtomicU8>);

impl Cork {
    /// From now on flushes are put off.
    pub fn put_in(&self) {
        self.0.store(IN, Ordering::Relaxed);
    }

    /// From now on they are not; whether one is owed.
    #[must_use]
    pub fn pull(&self) -> bool {
        self.0.swap(OUT, Ordering::Relaxed) == OWING
    }

    /// Whether a flush is to be put off; if so, it is owed.
    pub(super) fn holds(&self) -> bool {
        let holds = self.0.load(Ordering::Relaxed) != OUT;
        if holds {
            self.0.store(OWING, Ordering::Relaxed);
        }
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_off_is_owed_once() {
        let cork = Cork::default();
        assert!(!cork.holds() && !cork.pull());
        cork.put_in();
        assert!(!cork.pull(), "nothing was put off");
        cork.put_in();
        assert!(cork.holds());
        assert!(cork.pull() && !cork.pull());
        assert!(!cork.holds());
    }
}
