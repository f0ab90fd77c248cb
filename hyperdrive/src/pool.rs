//! The pool of origin connections, free of any protocol.
//!
//! First come, first served: a connection that comes back, and one that has just been opened, go directly to
//! the first who waits and whom they fit. Opening is the pool's work, not the waiter's, so a waiter that
//! leaves wastes nothing. Connections in use, idle, being opened and being closed together never exceed
//! [`Sizes::max`], however many listeners share the pool.
//!
//! [`Core`](core::Core) decides, without I/O, clock or randomness; this module acts. Whoever shares a
//! [`Pool`] starts [`Pool::keep`] once: it opens the warm minimum, retries after failures and closes what is
//! idle for too long, too old, or dead.

mod core;
mod figures;
mod keep;
mod lease;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng as _;
use thiserror::Error;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use self::core::{Core, Step};
pub use self::core::{Counters, Sizes, Snapshot};
pub use self::lease::Lease;

/// What opens, judges and closes connections of one database.
pub trait Backend: Send + Sync + 'static {
    /// A connection, logged in.
    type Conn: Send + 'static;
    /// What a user of the pool needs: whatever tells connections apart (user, database, capability flags,
    /// session profile). Equal wants are served alike.
    type Want: Clone + Eq + Send + Sync + 'static;
    /// Why a connection cannot be opened.
    type Error: fmt::Display + Send + Sync + 'static;

    /// Opens a connection for `want` and logs in. Chooses the server, and tries the next when one is away.
    ///
    /// Dropped when [`Sizes::connect`] is over.
    fn connect(&self, want: &Self::Want) -> impl Future<Output = Result<Self::Conn, Self::Error>> + Send;

    /// What [`connect`](Self::connect) would say had it taken longer than `limit`.
    fn late(&self, limit: Duration) -> Self::Error;

    /// The error is about this want and would be the same again (wrong password, no such database): it is
    /// told at once to all who want the same. Others are retried while somebody waits.
    fn denied(error: &Self::Error) -> bool;

    /// How well a connection serves `want`: `None` not at all, more is less work.
    fn fit(conn: &Self::Conn, want: &Self::Want) -> Option<u8>;

    /// Looks at an idle connection, without waiting: false once the other side has closed it, or said
    /// something that nobody asked for and that cannot be passed over.
    fn alive(conn: &mut Self::Conn) -> bool;

    /// Whether a connection may serve somebody else now: everything asked has been answered, no transaction,
    /// nothing that belongs to the session. One that is not is closed when it is released.
    fn is_clean(conn: &Self::Conn) -> bool;

    /// Makes a connection clean whose user went away in the middle (roll back, reset). An error closes it.
    fn reset(&self, conn: &mut Self::Conn) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Says goodbye, bounded in time; dropping a connection is closing it as well.
    fn close(&self, conn: Self::Conn) -> impl Future<Output = ()> + Send;

    /// What the connections of the warm minimum are opened for; `None` while that is not known.
    fn warm(&self) -> Option<Self::Want>;
}

/// Why there is no connection.
#[derive(Error)]
pub enum AcquireError<E: fmt::Display> {
    /// The queue's deadline has passed; the last failure to open one, when the cause is that.
    #[error("no connection came free within {waited:?}{}", because(cause.as_deref()))]
    Late {
        /// Time spent in the queue.
        waited: Duration,
        /// Why none could be opened.
        cause: Option<Arc<E>>,
    },
    /// The origin does not let this want in.
    #[error("{0}")]
    Denied(Arc<E>),
    /// No connection is open and none could be opened for as long as a wait may take.
    #[error("the database is away: {0}")]
    Away(Arc<E>),
    /// The queue has no room.
    #[error("too many clients wait for a connection")]
    Full,
    /// The pool is being closed.
    #[error("the pool is being closed")]
    Closed,
}

impl<E: fmt::Display> fmt::Debug for AcquireError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn because<E: fmt::Display>(cause: Option<&E>) -> String {
    cause.map_or_else(String::new, |cause| format!(": {cause}"))
}

type Answer<B> = Result<Lease<B>, AcquireError<<B as Backend>::Error>>;

/// A pool.
pub struct Pool<B: Backend> {
    backend: Arc<B>,
    core: Mutex<Core<B, oneshot::Sender<Answer<B>>>>,
    /// Something changed that [`Pool::keep`] may have to act on.
    changed: Notify,
    /// A connection came back or was closed: whoever waits for a pause looks again.
    returned: Notify,
}

impl<B: Backend> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.snapshot())
    }
}

/// Takes a waiter that stops waiting out of the queue.
struct Waiting<'a, B: Backend> {
    pool: &'a Arc<Pool<B>>,
    id: u64,
}

impl<B: Backend> Drop for Waiting<'_, B> {
    fn drop(&mut self) {
        self.pool.core.lock().forget(self.id);
    }
}

impl<B: Backend> Pool<B> {
    /// An empty pool.
    #[must_use]
    pub fn new(backend: Arc<B>, sizes: Sizes) -> Arc<Self> {
        Arc::new(Self {
            backend,
            core: Mutex::new(Core::new(sizes)),
            changed: Notify::new(),
            returned: Notify::new(),
        })
    }

    /// What opens its connections.
    #[must_use]
    pub fn backend(&self) -> &Arc<B> {
        &self.backend
    }

    /// What there is and what has happened.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.lock().snapshot()
    }

    /// A connection that fits `want`, at the latest when [`Sizes::wait`] is over. Safe to drop while it waits.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub async fn acquire(self: &Arc<Self>, want: &B::Want) -> Answer<B> {
        let start = Instant::now();
        let (id, deadline, receiver) = {
            let mut core = self.core.lock();
            if let Some(held) = core.take(want, start) {
                drop(core);
                return Ok(Lease::new(Arc::clone(self), held).used());
            }
            core.room()?;
            let (sender, receiver) = oneshot::channel();
            let id = core.wait(want.clone(), sender, start);
            (id, start + core.sizes.wait, receiver)
        };
        let waiting = Waiting { pool: self, id };
        self.pump();
        let answer = tokio::time::timeout_at(deadline, receiver).await;
        drop(waiting);
        let waited = start.elapsed();
        match answer {
            Ok(Ok(answer)) => {
                self.core.lock().waited(waited);
                answer.map(Lease::used)
            }
            Ok(Err(_)) => Err(AcquireError::Closed),
            Err(_) => {
                let mut core = self.core.lock();
                core.waited(waited);
                let cause = core.late();
                Err(AcquireError::Late { waited, cause })
            }
        }
    }

    /// Changes the sizes; connections above a lower cap are closed as they come back.
    pub fn resize(self: &Arc<Self>, sizes: Sizes) {
        self.core.lock().sizes = sizes;
        self.sweep();
    }

    /// Closes what is open as it comes back and opens anew: the servers, or what they say, are others now.
    pub fn reconnect(self: &Arc<Self>) {
        self.core.lock().retire();
        self.sweep();
    }

    /// Hands out nothing until [`resume`](Self::resume), and waits until all connections are back. Those who
    /// ask meanwhile queue, and their deadlines run.
    pub async fn pause(self: &Arc<Self>) {
        self.core.lock().paused = true;
        loop {
            let returned = self.returned.notified();
            tokio::pin!(returned);
            returned.as_mut().enable();
            {
                let core = self.core.lock();
                if !core.paused || core.snapshot().active == 0 {
                    return;
                }
            }
            returned.await;
        }
    }

    /// Ends a pause.
    pub fn resume(self: &Arc<Self>) {
        self.core.lock().paused = false;
        self.returned.notify_waiters();
        self.changed.notify_one();
        self.pump();
    }

    /// Ends the pool: who waits is told, idle connections are closed now and others as they come back.
    pub fn close(self: &Arc<Self>) {
        let steps = self.core.lock().close();
        self.act(steps);
        self.changed.notify_one();
    }

    /// Serves those who wait, in order, as far as it goes.
    fn pump(self: &Arc<Self>) {
        let steps = self.core.lock().pump(Instant::now());
        self.act(steps);
    }

    fn sweep(self: &Arc<Self>) {
        let steps = self.core.lock().sweep(Instant::now());
        self.act(steps);
        self.changed.notify_one();
        self.pump();
    }

    fn act(self: &Arc<Self>, steps: Vec<Step<B, oneshot::Sender<Answer<B>>>>) {
        for step in steps {
            match step {
                // A waiter that has gone gives the connection back with the answer's drop.
                Step::Hand(waiter, held) => drop(waiter.send(Ok(Lease::new(Arc::clone(self), held)))),
                Step::Tell(waiter, error) => drop(waiter.send(Err(error))),
                Step::Close(conn) => {
                    let pool = Arc::clone(self);
                    tokio::spawn(async move {
                        pool.backend.close(conn).await;
                        pool.core.lock().closed();
                        pool.changed.notify_one();
                        pool.pump();
                    });
                }
                Step::Connect { id, want, epoch } => {
                    tokio::spawn(Arc::clone(self).connect(id, want, epoch));
                }
            }
        }
    }

    async fn connect(self: Arc<Self>, id: Option<u64>, want: B::Want, epoch: u64) {
        // Whatever happens to this task, the slot comes back.
        let mut slot = Slot {
            pool: &self,
            id,
            filled: false,
        };
        let limit = self.core.lock().sizes.connect;
        let opened = match tokio::time::timeout(limit, self.backend.connect(&want)).await {
            Ok(opened) => opened,
            Err(_) => Err(self.backend.late(limit)),
        };
        slot.filled = true;
        let now = Instant::now();
        let jitter = jitter();
        let steps = match opened {
            Ok(conn) => self.core.lock().opened(id, conn, epoch, now, jitter),
            Err(error) => self
                .core
                .lock()
                .failed(id, &want, Arc::new(error), now, jitter, B::denied),
        };
        drop(slot);
        self.act(steps);
        self.changed.notify_one();
        self.pump();
    }
}

/// A connection that is being opened.
struct Slot<'a, B: Backend> {
    pool: &'a Arc<Pool<B>>,
    id: Option<u64>,
    filled: bool,
}

impl<B: Backend> Drop for Slot<'_, B> {
    fn drop(&mut self) {
        if !self.filled {
            self.pool.core.lock().given_up(self.id);
            self.pool.changed.notify_one();
        }
    }
}

/// Where within its span a time falls, evenly in 0..1.
fn jitter() -> f64 {
    rand::rng().random()
}

#[cfg(test)]
mod tests;
