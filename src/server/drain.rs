//! The phases of a stop, and who is still being served.
//!
//! Running → announcing (`/readyz` fails, listeners still accept) → draining (listeners closed, requests
//! in flight finish, connections close after their next answer) → stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Where in its life the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Parts are being built.
    Starting,
    /// Serving.
    Running,
    /// Still serving, but says it will stop.
    Announcing,
    /// No new connections; requests in flight finish.
    Draining,
    /// Nothing is served any more.
    Stopped,
}

/// The process' phase, to be watched by all parts.
#[derive(Debug)]
pub struct Lifecycle {
    phase: watch::Sender<Phase>,
    /// Pingora's own form of the news: true from draining on.
    shutdown: watch::Sender<bool>,
    /// Whether running is over, for those who ask often.
    parting: AtomicBool,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Starting),
            shutdown: watch::Sender::new(false),
            parting: AtomicBool::new(false),
        }
    }
}

impl Lifecycle {
    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Moves on; going back is ignored.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let forward = phase > *current;
            if forward {
                *current = phase;
            }
            forward
        });
        if phase > Phase::Running {
            self.parting.store(true, Ordering::Release);
        }
        if phase >= Phase::Draining {
            self.shutdown.send_replace(true);
        }
    }

    /// Whether new traffic is welcome (`/readyz`).
    #[must_use]
    pub fn ready(&self) -> bool {
        self.phase() == Phase::Running
    }

    /// Whether connections close after their next answer: from the announcement on. Told early, a client opens
    /// its next connection where it is welcome instead of sending a request into one that is being closed.
    #[must_use]
    pub fn is_parting(&self) -> bool {
        self.parting.load(Ordering::Acquire)
    }

    /// Resolves when `phase` or a later one is reached.
    pub async fn reached(&self, phase: Phase) {
        let mut receiver = self.phase.subscribe();
        // The sender lives in self, so this cannot fail while we wait.
        let _ = receiver.wait_for(|current| *current >= phase).await;
    }

    /// [`Self::reached`] of [`Phase::Draining`], for those who keep it.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.phase.subscribe();
        async move {
            // An error means that the process' phase is gone, and so will be its connections.
            let _ = receiver.wait_for(|current| *current >= Phase::Draining).await;
        }
    }

    /// Pingora's shutdown watch.
    #[must_use]
    pub fn shutdown(&self) -> watch::Receiver<bool> {
        self.shutdown.subscribe()
    }
}

/// Counts what is being served, so that a stop can wait for it.
#[derive(Debug, Clone)]
pub struct InFlight(watch::Sender<usize>);

impl Default for InFlight {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

/// One thing in flight; dropping it ends it.
#[derive(Debug)]
pub struct InFlightGuard(watch::Sender<usize>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl InFlight {
    /// Counts one more until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlightGuard {
        self.0.send_modify(|count| *count += 1);
        InFlightGuard(self.0.clone())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until none is left; false when the deadline came first.
    pub async fn drained(&self, deadline: Duration) -> bool {
        let mut receiver = self.0.subscribe();
        tokio::time::timeout(deadline, receiver.wait_for(|count| *count == 0))
            .await
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_what_is_in_flight_but_not_past_its_deadline() {
        let flights = InFlight::default();
        let guard = flights.enter();
        assert!(!flights.drained(Duration::from_secs(1)).await);
        drop(guard);
        assert!(flights.drained(Duration::from_secs(1)).await);
    }

    #[tokio::test]
    async fn phases_only_move_forward() {
        let life = Lifecycle::default();
        life.enter(Phase::Running);
        assert!(life.ready());
        life.enter(Phase::Draining);
        life.enter(Phase::Running);
        assert_eq!(life.phase(), Phase::Draining);
        assert!(*life.shutdown().borrow());
        life.reached(Phase::Announcing).await;
    }
}
