//! When a connection is given up: pure counting, no clock and no I/O of its own.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Cause;

/// The next connection's number, over all links; 0 is none.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);
/// Failures in a row that open the breaker.
const CONSECUTIVE_MAX: u32 = 3;
/// Timeouts within [`BURST_WINDOW`] that open it even when other commands succeed in between.
const BURST_MAX: u32 = 10;
const BURST_WINDOW: Duration = Duration::from_secs(1);

/// Failures of one connection.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    consecutive: u32,
    burst: u32,
    burst_began: Option<Instant>,
    generation: u64,
    refusals: HashSet<Cause>,
}

impl Breaker {
    /// A command succeeded.
    pub(super) fn success(&mut self) {
        self.consecutive = 0;
    }

    /// A command failed; true when that opens the breaker.
    pub(super) fn failure(&mut self) -> bool {
        self.consecutive = self.consecutive.saturating_add(1);
        self.consecutive >= CONSECUTIVE_MAX
    }

    /// A command had no answer in time; true when that opens the breaker.
    pub(super) fn timeout(&mut self, now: Instant) -> bool {
        let in_window = self
            .burst_began
            .is_some_and(|began| now.duration_since(began) < BURST_WINDOW);
        if in_window {
            self.burst = self.burst.saturating_add(1);
        } else {
            self.burst = 1;
            self.burst_began = Some(now);
        }
        self.failure() || self.burst >= BURST_MAX
    }

    /// Whether `cause` has not been refused before on this connection.
    pub(super) fn first_refusal(&mut self, cause: Cause) -> bool {
        self.refusals.insert(cause)
    }

    /// Forgets everything for a new connection and numbers it: no two connections of this process, of whatever
    /// link, share a number.
    pub(super) fn next_generation(&mut self) -> u64 {
        *self = Self {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            ..Self::default()
        };
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        assert_eq!(
            [breaker.failure(), breaker.failure(), breaker.failure()],
            [false, false, true]
        );
    }

    #[test]
    fn a_success_starts_the_count_again() {
        let mut breaker = Breaker::default();
        breaker.failure();
        breaker.failure();
        breaker.success();
        assert!(!breaker.failure());
    }

    #[test]
    fn ten_timeouts_within_a_second_open_it_whatever_succeeds_in_between() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        let opened: Vec<bool> = (0..10)
            .map(|i| {
                breaker.success();
                breaker.timeout(start + Duration::from_millis(i * 50))
            })
            .collect();
        assert_eq!(opened.iter().position(|opened| *opened), Some(9));
    }

    #[test]
    fn timeouts_spread_over_seconds_do_not_add_up() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        for i in 0..40 {
            breaker.success();
            assert!(!breaker.timeout(start + Duration::from_millis(i * 400)));
        }
    }

    #[test]
    fn a_new_connection_starts_clean_with_the_next_number() {
        let mut breaker = Breaker::default();
        breaker.failure();
        breaker.failure();
        assert!(breaker.first_refusal(Cause::Oom));
        let first = breaker.next_generation();
        assert!(!breaker.failure());
        assert!(
            breaker.first_refusal(Cause::Oom),
            "said again on a new connection"
        );
        assert!(!breaker.first_refusal(Cause::Oom));
        assert!(breaker.next_generation() > first);
    }
}
