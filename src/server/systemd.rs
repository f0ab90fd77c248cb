//! What systemd is told: ready, reloading, stopping, alive.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

use super::drain::{Lifecycle, Phase};

/// Sends states to the service manager; without one (no NOTIFY_SOCKET) nothing happens.
pub fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "service manager cannot be told");
    }
}

/// Feeds the watchdog from inside the runtime that serves requests: when that runtime does not get
/// round to a task within half the watchdog's time, systemd restarts the service. Returns at once
/// when no watchdog is set.
pub async fn feed_watchdog(life: Arc<Lifecycle>) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut beat = tokio::time::interval((limit / 2).max(Duration::from_millis(100)));
    loop {
        tokio::select! {
            _ = beat.tick() => {
                // A fresh task has to be scheduled and run: that is what "alive" means here.
                if tokio::spawn(async {}).await.is_ok() {
                    notify(&[NotifyState::Watchdog]);
                }
            }
            () = life.reached(Phase::Stopped) => return,
        }
    }
}
