//! A connection in use.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Held;
use super::{Backend, Pool};

/// A connection in use by one client.
///
/// [`release`](Self::release) gives it back. Dropped, it is closed: nobody knows what is still under way on it.
pub struct Lease<B: Backend> {
    pool: Arc<Pool<B>>,
    held: Option<Held<B::Conn>>,
    /// Handed over and not yet received: dropped, it goes to the next.
    untouched: bool,
}

impl<B: Backend> fmt::Debug for Lease<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease(open: {})", self.held.is_some())
    }
}

impl<B: Backend> Lease<B> {
    pub(super) fn new(pool: Arc<Pool<B>>, held: Held<B::Conn>) -> Self {
        Self {
            pool,
            held: Some(held),
            untouched: true,
        }
    }

    pub(super) fn used(mut self) -> Self {
        self.untouched = false;
        self
    }

    /// Gives it back; it is closed when it is not [clean](Backend::is_clean).
    pub fn release(mut self) {
        if let Some(held) = self.held.take() {
            if B::is_clean(&held.conn) {
                self.pool.put(held);
            } else {
                self.pool.discard(Some(held.conn));
            }
        }
    }

    /// Gives it back after a [reset](Backend::reset) in the background; it is closed when that fails or takes
    /// longer than `limit`.
    pub fn recycle(mut self, limit: Duration) {
        let Some(held) = self.held.take() else { return };
        let mut lease = Self {
            pool: Arc::clone(&self.pool),
            held: Some(held),
            untouched: false,
        };
        tokio::spawn(async move {
            let backend = Arc::clone(&lease.pool.backend);
            let reset = tokio::time::timeout(limit, backend.reset(&mut lease)).await;
            lease.pool.core.lock().reset();
            if matches!(reset, Ok(Ok(()))) {
                lease.release();
            }
        });
    }

    /// Whether the pool would rather have it back than see it used on: too old, or others wait.
    #[must_use]
    pub fn wanted_back(&self) -> bool {
        let core = self.pool.core.lock();
        core.has_waiters()
            || self
                .held
                .as_ref()
                .is_some_and(|held| !core.fresh(held, Instant::now()))
    }
}

impl<B: Backend> Drop for Lease<B> {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        if self.untouched {
            self.pool.put(held);
        } else {
            drop(held);
            self.pool.discard(None);
        }
    }
}

impl<B: Backend> Deref for Lease<B> {
    type Target = B::Conn;

    #[expect(
        clippy::expect_used,
        reason = "the connection is taken out only when the lease ends"
    )]
    fn deref(&self) -> &B::Conn {
        &self
            .held
            .as_ref()
            .expect("a lease holds a connection until it ends")
            .conn
    }
}

impl<B: Backend> DerefMut for Lease<B> {
    #[expect(
        clippy::expect_used,
        reason = "the connection is taken out only when the lease ends"
    )]
    fn deref_mut(&mut self) -> &mut B::Conn {
        &mut self
            .held
            .as_mut()
            .expect("a lease holds a connection until it ends")
            .conn
    }
}

impl<B: Backend> Pool<B> {
    fn put(self: &Arc<Self>, held: Held<B::Conn>) {
        let steps = self.core.lock().put(held, Instant::now());
        self.returned.notify_waiters();
        if !steps.is_empty() {
            self.changed.notify_one();
            self.act(steps);
        }
    }

    /// A connection in use is gone, or is to be closed.
    fn discard(self: &Arc<Self>, conn: Option<B::Conn>) {
        let steps = self.core.lock().lost(conn, Instant::now());
        self.returned.notify_waiters();
        self.changed.notify_one();
        self.act(steps);
    }
}
