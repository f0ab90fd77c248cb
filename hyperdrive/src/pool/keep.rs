//! What a pool does by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Backend, Pool};

/// How often idle connections are looked at.
const LOOK: Duration = Duration::from_secs(1);

impl<B: Backend> Pool<B> {
    /// Opens the warm minimum, retries after failures, and closes idle connections that are dead, too old or
    /// spare; until the pool is [closed](Pool::close).
    pub async fn keep(self: Arc<Self>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let retry_at = {
                let core = self.core.lock();
                if core.is_closed() {
                    return;
                }
                core.retry_at(Instant::now())
            };
            let retry = async {
                match retry_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = look.tick() => {
                    let steps = self.core.lock().sweep(Instant::now());
                    self.act(steps);
                }
                () = self.changed.notified() => {}
                () = retry => {}
            }
            self.warm();
            self.pump();
        }
    }

    fn warm(self: &Arc<Self>) {
        let Some(want) = self.backend.warm() else { return };
        let steps = self.core.lock().warm(&want, Instant::now());
        self.act(steps);
    }
}
