//! Work beside requests: geo files, health checks, the watchdog.

use std::sync::Arc;

use super::App;
use crate::server::drain::Phase;
use crate::server::systemd;

/// Starts all of it; everything ends when the process stops.
pub(super) fn spawn(app: &Arc<App>) {
    app.origins.spawn(app.life.shutdown());
    tokio::spawn(watch_geo(Arc::clone(app)));
    let cache = Arc::clone(&app.cache);
    tokio::spawn(async move { cache.run().await });
    tokio::spawn(systemd::feed_watchdog(Arc::clone(&app.life)));
}

/// Looks at the geo files again and again. Reading them is disk work, done off the request threads.
async fn watch_geo(app: Arc<App>) {
    loop {
        let interval = app.live().config.geo.reload_interval;
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = app.life.reached(Phase::Draining) => return,
        }
        let polled = Arc::clone(&app);
        // A failed poll has been counted and logged where it happened.
        let _ = tokio::task::spawn_blocking(move || polled.geo.poll()).await;
    }
}
