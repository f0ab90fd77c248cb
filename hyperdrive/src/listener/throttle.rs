//! Who failed to log in lately: after several failures an address must wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Failures that are let pass.
const FAILURES: u32 = 10;
/// The wait after them.
const WAIT: Duration = Duration::from_secs(10);
/// Addresses remembered; more make it forget those whose wait is over, then all.
const ADDRESSES_MAX: usize = 10_000;

/// Counts failures by address.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl Throttle {
    /// Whether a login from this address is looked at.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        let failed = self.0.lock();
        failed
            .get(&address)
            .is_none_or(|(count, last)| *count < FAILURES || last.elapsed() >= WAIT)
    }

    /// A login failed.
    pub fn failed(&self, address: IpAddr) {
        let now = Instant::now();
        let mut failed = self.0.lock();
        if failed.len() >= ADDRESSES_MAX {
            failed.retain(|_, (_, last)| now.duration_since(*last) < WAIT);
        }
        if failed.len() >= ADDRESSES_MAX {
            failed.clear();
        }
        let (count, last) = failed.entry(address).or_insert((0, now));
        if now.duration_since(*last) >= WAIT {
            *count = 0;
        }
        *count += 1;
        *last = now;
    }

    /// A login succeeded.
    pub fn succeeded(&self, address: IpAddr) {
        self.0.lock().remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_after_many_failures_and_only_that_one() {
        let throttle = Throttle::default();
        let (one, two) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..FAILURES {
            assert!(throttle.admits(one));
            throttle.failed(one);
        }
        assert!(!throttle.admits(one) && throttle.admits(two));
        tokio::time::advance(WAIT).await;
        assert!(throttle.admits(one));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_forgives() {
        let throttle = Throttle::default();
        let one = "10.0.0.1".parse().unwrap();
        (0..FAILURES).for_each(|_| throttle.failed(one));
        throttle.succeeded(one);
        assert!(throttle.admits(one));
    }
}
