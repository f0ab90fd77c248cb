//! When the next URL may be fetched: at once, after a pause, or not at all. Pure; time is told.

use std::time::Duration;

/// An answer that begins within this time is never slow.
const NEVER_SLOW: Duration = Duration::from_millis(50);
/// What is slow while nothing is known of the origin.
const SLOW_IF_UNKNOWN: Duration = Duration::from_secs(2);
/// The first pause; each one that follows at once is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// Pauses after which what waits is given up.
pub const PAUSES_MAX: u32 = 6;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Fetch one more.
    Fetch,
    /// Wait so long: the origin is slow, fails, or has others waiting.
    Pause(Duration),
    /// Let the rest go: it was waited for often enough.
    GiveUp,
}

/// The pace of one round.
#[derive(Debug)]
pub struct Pace {
    usual: Option<Duration>,
    trouble: bool,
    in_a_row: u32,
    pauses: u32,
}

impl Pace {
    /// For an origin that began its answers after `usual` before; `None`: it is not known.
    #[must_use]
    pub fn new(usual: Option<Duration>) -> Self {
        Self {
            usual,
            trouble: false,
            in_a_row: 0,
            pauses: 0,
        }
    }

    /// When an answer that has not begun is slow: after twice the usual time.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match self.usual {
            Some(usual) => usual.saturating_mul(2).max(NEVER_SLOW),
            None => SLOW_IF_UNKNOWN,
        }
    }

    /// An answer came in time; `took` is when it began, if the origin was asked.
    pub fn went_well(&mut self, took: Option<Duration>) {
        self.usual = self.usual.or(took);
        if !self.trouble {
            self.in_a_row = 0;
        }
    }

    /// An answer is slow or did not come.
    pub fn stumbled(&mut self) {
        self.trouble = true;
    }

    /// What to do, with so many requests waiting for a place at the origin.
    pub fn next(&mut self, waiting: usize) -> Next {
        if !self.trouble && waiting == 0 {
            return Next::Fetch;
        }
        if self.pauses >= PAUSES_MAX {
            return Next::GiveUp;
        }
        let pause = PAUSE.saturating_mul(1 << self.in_a_row.min(8)).min(PAUSE_MAX);
        self.trouble = false;
        self.in_a_row += 1;
        self.pauses += 1;
        Next::Pause(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_millis(200);

    fn pauses(pace: &mut Pace, mut before: impl FnMut(&mut Pace)) -> Vec<u128> {
        let mut pauses = Vec::new();
        loop {
            before(pace);
            match pace.next(0) {
                Next::Pause(time) => pauses.push(time.as_millis()),
                Next::GiveUp => return pauses,
                Next::Fetch => {}
            }
        }
    }

    #[test]
    fn an_origin_that_keeps_its_pace_is_asked_again_and_again() {
        let mut pace = Pace::new(Some(USUAL));
        for _ in 0..100 {
            assert_eq!(pace.next(0), Next::Fetch);
            pace.went_well(Some(USUAL));
        }
    }

    #[test]
    fn twice_the_usual_time_is_slow_unless_that_is_nothing() {
        assert_eq!(Pace::new(Some(USUAL)).patience(), USUAL * 2);
        assert_eq!(Pace::new(Some(Duration::from_millis(1))).patience(), NEVER_SLOW);
    }

    #[test]
    fn the_first_answer_tells_what_is_usual_where_nothing_is_known() {
        let mut pace = Pace::new(None);
        assert_eq!(pace.patience(), SLOW_IF_UNKNOWN);
        pace.went_well(None);
        assert_eq!(pace.patience(), SLOW_IF_UNKNOWN);
        pace.went_well(Some(USUAL));
        pace.went_well(Some(USUAL * 4));
        assert_eq!(pace.patience(), USUAL * 2);
    }

    #[test]
    fn trouble_is_followed_by_one_pause() {
        let mut pace = Pace::new(Some(USUAL));
        pace.stumbled();
        pace.stumbled();
        assert_eq!(pace.next(0), Next::Pause(PAUSE));
        assert_eq!(pace.next(0), Next::Fetch);
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_then_the_rest_is_given_up() {
        let mut pace = Pace::new(Some(USUAL));
        assert_eq!(
            pauses(&mut pace, Pace::stumbled),
            [500, 1000, 2000, 4000, 8000, 8000]
        );
        assert_eq!(pace.next(1), Next::GiveUp);
    }

    #[test]
    fn a_good_answer_makes_the_next_pause_short_again() {
        let mut pace = Pace::new(Some(USUAL));
        let mut turn = 0;
        let pauses = pauses(&mut pace, |pace| {
            turn += 1;
            if turn % 2 == 1 {
                pace.went_well(Some(USUAL));
            } else {
                pace.stumbled();
            }
        });
        assert_eq!(pauses, [500; PAUSES_MAX as usize]);
    }

    #[test]
    fn those_who_wait_at_the_origin_go_first() {
        let mut pace = Pace::new(Some(USUAL));
        assert_eq!(pace.next(3), Next::Pause(PAUSE));
        assert_eq!(pace.next(1), Next::Pause(PAUSE * 2));
        assert_eq!(pace.next(0), Next::Fetch);
    }
}
