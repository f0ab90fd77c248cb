//! Active health checks: the state machine. The asking is in [`probe`].

pub mod probe;

use crate::config::Health;

/// What checks have said of one server. Servers start healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthState {
    unhealthy: bool,
    /// Consecutive checks that speak against the present state.
    against: u32,
}

impl HealthState {
    /// Whether the server may be picked.
    #[must_use]
    pub fn healthy(&self) -> bool {
        !self.unhealthy
    }

    /// Takes in a check; the new state when it changed.
    pub fn observe(&mut self, good: bool, health: &Health) -> Option<bool> {
        if good != self.unhealthy {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let needed = if good {
            health.healthy_after
        } else {
            health.unhealthy_after
        };
        if self.against < needed {
            return None;
        }
        *self = Self {
            unhealthy: !good,
            against: 0,
        };
        Some(good)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn health() -> Health {
        Health {
            path: "/healthz".into(),
            host: None,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            healthy_after: 2,
            unhealthy_after: 3,
            statuses: 200..=399,
        }
    }

    #[test]
    fn servers_start_healthy() {
        assert!(HealthState::default().healthy());
    }

    #[test]
    fn unhealthy_after_consecutive_bad_checks_only() {
        let mut state = HealthState::default();
        let seen: Vec<_> = [false, false, true, false, false, false]
            .into_iter()
            .map(|good| state.observe(good, &health()))
            .collect();
        assert_eq!(seen, [None, None, None, None, None, Some(false)]);
        assert!(!state.healthy());
    }

    #[test]
    fn healthy_again_after_consecutive_good_checks_only() {
        let mut state = HealthState {
            unhealthy: true,
            against: 0,
        };
        let seen: Vec<_> = [true, false, true, true]
            .into_iter()
            .map(|good| state.observe(good, &health()))
            .collect();
        assert_eq!(seen, [None, None, None, Some(true)]);
    }
}
