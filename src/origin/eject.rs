//! Passive ejection: consecutive failures put a server aside, a trial brings it back. Pure.
//!
//! Two kinds of "aside" matter when nothing better is left. A server that answers badly is still
//! asked then; one that refuses connections is not, because failing at once is the better answer: it
//! gets one trial request per [`trial_interval`](Breaker::trial_wait).

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Eject;

/// What became of one request to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An answer below 500.
    Ok,
    /// No connection: refused, unreachable, connect timeout, TLS handshake.
    ConnectFailed,
    /// Connected, but no answer in time.
    Timeout,
    /// Closed or reset before the answer was complete.
    Reset,
    /// Not HTTP, or broken HTTP.
    BadResponse,
    /// A 5xx answer.
    Status5xx,
}

/// How a server stands, without active health checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In use.
    Closed,
    /// Its ejection is over: the next request is the trial.
    TrialDue,
    /// Put aside, but it accepts connections.
    Ejected,
    /// Put aside because it cannot be reached.
    Unreachable,
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Put aside for this long.
    Ejected(Duration),
    /// Back in use.
    Restored,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Instant, level: u32 },
    HalfOpen { level: u32 },
}

/// The state of one server.
#[derive(Debug, Clone)]
pub struct Breaker {
    phase: Phase,
    failures: u32,
    connect_failures: u32,
    unreachable: bool,
    last_failure: Option<Instant>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            phase: Phase::Closed,
            failures: 0,
            connect_failures: 0,
            unreachable: false,
            last_failure: None,
        }
    }
}

impl Breaker {
    /// How the server stands at `now`.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        match self.phase {
            Phase::Closed => Standing::Closed,
            Phase::Open { until, .. } if now >= until => Standing::TrialDue,
            _ if self.unreachable => Standing::Unreachable,
            _ => Standing::Ejected,
        }
    }

    /// Whether the server is known not to accept connections.
    #[must_use]
    pub fn unreachable(&self) -> bool {
        self.unreachable
    }

    /// Starts the one trial; true when the request that is granted now is it.
    pub fn begin(&mut self) -> bool {
        if let Phase::Open { level, .. } = self.phase {
            self.phase = Phase::HalfOpen { level };
            return true;
        }
        false
    }

    /// The trial ended without a result (its client left): the next request is the trial.
    pub fn abandon(&mut self, now: Instant) {
        if let Phase::HalfOpen { level } = self.phase {
            self.phase = Phase::Open { until: now, level };
        }
    }

    /// A connection was established: it can be reached, whatever it answers.
    pub fn reached(&mut self) {
        self.unreachable = false;
        self.connect_failures = 0;
    }

    /// Time until an unreachable server may get a trial although its ejection lasts longer, because
    /// the origin has nothing better; `None` while a trial is under way.
    ///
    /// Half of `eject.time`, so that an origin that came back is noticed within `eject.time`.
    #[must_use]
    pub fn trial_wait(&self, eject: Eject, now: Instant) -> Option<Duration> {
        if matches!(self.phase, Phase::HalfOpen { .. }) {
            return None;
        }
        let since = self
            .last_failure
            .map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        Some((eject.time / 2).saturating_sub(since))
    }

    /// Takes in what became of a request. `last_usable`: no other server of the origin is in use, so
    /// only being unreachable puts this one aside.
    pub fn report(&mut self, outcome: Outcome, eject: Eject, last_usable: bool, now: Instant) -> Change {
        if outcome == Outcome::Ok {
            let was_closed = matches!(self.phase, Phase::Closed);
            *self = Self::default();
            return if was_closed {
                Change::None
            } else {
                Change::Restored
            };
        }
        if eject.failures == 0 {
            return Change::None;
        }
        self.last_failure = Some(now);
        self.failures = self.failures.saturating_add(1);
        if outcome == Outcome::ConnectFailed {
            self.connect_failures = self.connect_failures.saturating_add(1);
        } else {
            self.connect_failures = 0;
        }
        match self.phase {
            Phase::Closed => {
                let gone = self.connect_failures >= eject.failures;
                if self.failures < eject.failures || (last_usable && !gone) {
                    return Change::None;
                }
                self.open(0, outcome, eject, now)
            }
            Phase::HalfOpen { level } => self.open(level.saturating_add(1), outcome, eject, now),
            Phase::Open { .. } => {
                self.unreachable |= outcome == Outcome::ConnectFailed;
                Change::None
            }
        }
    }

    fn open(&mut self, level: u32, outcome: Outcome, eject: Eject, now: Instant) -> Change {
        let factor = 1u32.checked_shl(level).unwrap_or(u32::MAX);
        let time = eject.time.saturating_mul(factor).min(eject.time_max);
        let first = matches!(self.phase, Phase::Closed);
        self.unreachable = outcome == Outcome::ConnectFailed;
        self.phase = Phase::Open {
            until: now + time,
            level,
        };
        if first {
            Change::Ejected(time)
        } else {
            Change::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EJECT: Eject = Eject {
        failures: 3,
        time: Duration::from_secs(1),
        time_max: Duration::from_secs(3),
    };

    fn ejected(outcome: Outcome, now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            assert_eq!(breaker.report(outcome, EJECT, false, now), Change::None);
        }
        assert_eq!(
            breaker.report(outcome, EJECT, false, now),
            Change::Ejected(EJECT.time)
        );
        breaker
    }

    #[test]
    fn consecutive_failures_eject_and_a_success_between_resets() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for outcome in [
            Outcome::Timeout,
            Outcome::Reset,
            Outcome::Ok,
            Outcome::Timeout,
            Outcome::Reset,
        ] {
            assert_eq!(breaker.report(outcome, EJECT, false, now), Change::None);
        }
        assert_eq!(breaker.standing(now), Standing::Closed);
        breaker.report(Outcome::Status5xx, EJECT, false, now);
        assert_eq!(breaker.standing(now), Standing::Ejected);
    }

    #[test]
    fn the_last_usable_server_is_put_aside_only_when_it_cannot_be_reached() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker.report(Outcome::Status5xx, EJECT, true, now);
        }
        assert_eq!(breaker.standing(now), Standing::Closed);
        for _ in 0..3 {
            breaker.report(Outcome::ConnectFailed, EJECT, true, now);
        }
        assert_eq!(breaker.standing(now), Standing::Unreachable);
    }

    #[test]
    fn one_trial_after_the_ejection_and_its_success_restores() {
        let start = Instant::now();
        let mut breaker = ejected(Outcome::Reset, start);
        let later = start + EJECT.time;
        assert_eq!(breaker.standing(later), Standing::TrialDue);
        assert!(breaker.begin());
        assert_eq!(breaker.standing(later), Standing::Ejected);
        assert!(!breaker.begin());
        assert_eq!(breaker.report(Outcome::Ok, EJECT, false, later), Change::Restored);
        assert_eq!(breaker.standing(later), Standing::Closed);
    }

    #[test]
    fn failed_trials_double_the_ejection_up_to_its_longest() {
        let mut now = Instant::now();
        let mut breaker = ejected(Outcome::Timeout, now);
        for wait in [1, 2, 3, 3] {
            assert_eq!(
                breaker.standing(now + Duration::from_millis(wait * 1000 - 1)),
                Standing::Ejected
            );
            now += Duration::from_secs(wait);
            assert_eq!(breaker.standing(now), Standing::TrialDue);
            breaker.begin();
            assert_eq!(breaker.report(Outcome::Timeout, EJECT, false, now), Change::None);
        }
    }

    #[test]
    fn an_abandoned_trial_is_due_again() {
        let start = Instant::now();
        let mut breaker = ejected(Outcome::Timeout, start);
        let later = start + EJECT.time;
        breaker.begin();
        breaker.abandon(later);
        assert_eq!(breaker.standing(later), Standing::TrialDue);
    }

    #[test]
    fn an_unreachable_server_gets_a_trial_every_half_ejection_time() {
        let start = Instant::now();
        let mut breaker = ejected(Outcome::ConnectFailed, start);
        assert_eq!(breaker.trial_wait(EJECT, start), Some(EJECT.time / 2));
        assert_eq!(
            breaker.trial_wait(EJECT, start + EJECT.time / 2),
            Some(Duration::ZERO)
        );
        breaker.begin();
        assert_eq!(breaker.trial_wait(EJECT, start + EJECT.time), None);
    }

    #[test]
    fn a_connection_makes_a_server_reachable_again_but_not_restored() {
        let now = Instant::now();
        let mut breaker = ejected(Outcome::ConnectFailed, now);
        breaker.reached();
        assert_eq!(breaker.standing(now), Standing::Ejected);
        breaker.report(Outcome::ConnectFailed, EJECT, false, now);
        assert_eq!(breaker.standing(now), Standing::Unreachable);
    }

    #[test]
    fn zero_failures_means_never() {
        let never = Eject { failures: 0, ..EJECT };
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..50 {
            assert_eq!(
                breaker.report(Outcome::ConnectFailed, never, false, now),
                Change::None
            );
        }
        assert_eq!(breaker.standing(now), Standing::Closed);
    }
}
