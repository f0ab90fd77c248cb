//! What goes on beside requests: resolving, checking, keeping connections warm.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::Origin;
use super::resolve::{self, Resolve};

/// Between two looks at the warm stock when nothing took from it.
const WARM_INTERVAL: Duration = Duration::from_secs(1);
/// Between two tries while a name has never been resolved or fails.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The tasks of one origin; dropping it ends them.
#[derive(Debug)]
pub(super) struct Background(Vec<AbortHandle>);

impl Background {
    /// Starts the tasks on the current runtime; they end when `stop` becomes true.
    pub fn spawn(origin: &Arc<Origin>, resolver: &Arc<dyn Resolve>, stop: &watch::Receiver<bool>) -> Self {
        let tasks = [
            tokio::spawn(until(
                stop.clone(),
                keep_resolved(origin.clone(), resolver.clone()),
            )),
            tokio::spawn(until(stop.clone(), keep_checked(origin.clone()))),
            tokio::spawn(warm_until(stop.clone(), origin.clone())),
        ];
        Self(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Runs `work` until `stop` becomes true or its sender is gone.
async fn until(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = work => {}
    }
}

async fn keep_resolved(origin: Arc<Origin>, resolver: Arc<dyn Resolve>) {
    let mut failing = false;
    loop {
        let complete = origin.resolve_once(resolver.as_ref()).await;
        if failing == complete {
            failing = !complete;
            if failing {
                tracing::warn!(
                    origin = origin.name(),
                    "names not resolved, keeping the addresses known"
                );
            } else {
                tracing::info!(origin = origin.name(), "names resolved again");
            }
        }
        let settings = origin.settings();
        let interval = if complete {
            settings.resolve_interval
        } else {
            RETRY_INTERVAL
        };
        let nothing_to_do = resolve::names(&settings).next().is_none();
        tokio::select! {
            () = sleep(interval), if !nothing_to_do => {}
            () = origin.stale_names.notified() => {}
        }
    }
}

async fn keep_checked(origin: Arc<Origin>) {
    loop {
        let interval = origin
            .settings()
            .health
            .as_ref()
            .map_or(RETRY_INTERVAL, |health| health.interval);
        // Jitter keeps machines and origins from checking in step.
        sleep(interval.mul_f64(rand::random_range(0.9..1.1))).await;
        origin.check_all().await;
    }
}

async fn warm_until(stop: watch::Receiver<bool>, origin: Arc<Origin>) {
    until(stop, async {
        loop {
            origin.refill().await;
            tokio::select! {
                () = sleep(WARM_INTERVAL) => {}
                () = origin.stock_low.notified() => {}
            }
        }
    })
    .await;
    origin.empty_stock();
}
