//! How long to wait before the next connection attempt.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
/// Also the pace of probes while the breaker is open.
pub(super) const MAX: Duration = Duration::from_secs(1);

/// Wait before attempt `attempt` (0 is the one right after a loss), with `jitter` in 0..=1 taking up to
/// a quarter away: many popgates that lost the same Redis do not come back in step.
pub(super) fn delay(attempt: u32, jitter: f64) -> Duration {
    let Some(doublings) = attempt.checked_sub(1) else {
        return FIRST.mul_f64(jitter.clamp(0.0, 1.0) / 4.0);
    };
    let full = FIRST.saturating_mul(1 << doublings.min(8)).min(MAX);
    full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_one_second() {
        let delays: Vec<u128> = (0..8).map(|attempt| delay(attempt, 0.0).as_millis()).collect();
        assert_eq!(delays, [0, 100, 200, 400, 800, 1000, 1000, 1000]);
    }

    #[test]
    fn jitter_takes_at_most_a_quarter() {
        assert_eq!(delay(u32::MAX, 1.0), Duration::from_millis(750));
        assert_eq!(delay(0, 1.0), Duration::from_millis(25));
    }
}
