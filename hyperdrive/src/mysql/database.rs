//! One database: its clients, its pool, and what is known of its servers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::debug;

use super::origin::{Facts, Key, Origin, OriginError, Want};
use super::packet::Err as ErrPacket;
use super::session;
use crate::config::{self, ServerAddress, User};
use crate::listener::{Door, Front, Task};
use crate::net::{BoxIo, TlsError};
use crate::observe::{Event, Observer, Refusal};
use crate::pool::{AcquireError, Backend as _, Lease, Pool, Snapshot};

/// Statements and databases known to be accepted; more make it forget all.
const ACCEPTED_MAX: usize = 4096;
/// Longest text that is remembered.
const ACCEPTED_TEXT_MAX: usize = 4096;

/// One database.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub(super) name: String,
    /// Connections.
    pub(super) pool: Arc<Pool<Origin>>,
    /// Clients that are logged in, by number.
    pub(super) sessions: Mutex<HashMap<u32, Arc<Entry>>>,
    ids: AtomicU32,
    accepted: Mutex<HashSet<Vec<u8>>>,
    observer: Arc<dyn Observer>,
}

/// What others can know of a client.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Who it is.
    pub(super) user: String,
    /// The connection it has now: where, and its number there.
    pub(super) linked: Mutex<Option<(ServerAddress, u32)>>,
    /// Held while its statement is being killed: nobody else's may run there meanwhile.
    pub(super) gate: tokio::sync::Mutex<()>,
    /// It is to end.
    pub(super) killed: Notify,
}

impl Database {
    /// Not yet connected; [`Front::keep`] does that.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(settings: Arc<config::Database>, observer: Arc<dyn Observer>) -> Result<Arc<Self>, TlsError> {
        let sizes = settings.sizes();
        Ok(Arc::new(Self {
            name: settings.name.clone(),
            pool: Pool::new(Arc::new(Origin::new(settings)?), sizes),
            sessions: Mutex::default(),
            ids: AtomicU32::new(1),
            accepted: Mutex::default(),
            observer,
        }))
    }

    pub(super) fn observe(&self, event: Event) {
        self.observer.observe(&self.name, event);
    }

    pub(super) fn limits(&self) -> config::Limits {
        self.settings().limits
    }

    pub(super) fn id(&self) -> u32 {
        let sessions = self.sessions.lock();
        loop {
            let id = self.ids.fetch_add(1, Ordering::Relaxed);
            if id != 0 && !sessions.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn user(&self, name: &[u8]) -> Option<User> {
        self.settings().user(name).cloned()
    }

    /// What is known of the servers; connects when nothing is.
    pub(super) async fn facts(&self) -> Result<Arc<Facts>, String> {
        let facts = self.pool.backend().facts();
        if let Some(facts) = facts.borrow().clone() {
            return Ok(facts);
        }
        let want = self.pool.backend().warm().ok_or("no user is configured")?;
        let lease = self
            .pool
            .acquire(&want)
            .await
            .map_err(|error| error.to_string())?;
        lease.release();
        let known = facts.borrow().clone();
        known.ok_or_else(|| "nothing is known of the server".to_owned())
    }

    /// A connection for a session.
    pub(super) async fn lease(&self, want: &Want) -> Result<Lease<Origin>, ErrPacket> {
        let start = tokio::time::Instant::now();
        let leased = self.pool.acquire(want).await;
        self.observe(Event::Waited(start.elapsed()));
        leased.map_err(|error| {
            debug!(database = %self.name, %error, "no database connection");
            self.refusal(&error)
        })
    }

    fn refusal(&self, error: &AcquireError<OriginError>) -> ErrPacket {
        let (refusal, code, state) = match error {
            AcquireError::Late { .. } => (Refusal::Late, 1040, "08004"),
            AcquireError::Full => (Refusal::Full, 1040, "08004"),
            AcquireError::Denied(_) => (Refusal::Denied, 1045, "28000"),
            AcquireError::Away(_) => (Refusal::Away, 1105, "HY000"),
            AcquireError::Closed => (Refusal::Closed, 1053, "08S01"),
        };
        self.observe(Event::Refused(refusal));
        ErrPacket::new(code, state, format!("popgate: {error}"))
    }

    /// Whether the server has accepted this before.
    pub(super) fn accepts(&self, known: &[u8]) -> bool {
        self.accepted.lock().contains(known)
    }

    pub(super) fn accepted(&self, known: Vec<u8>) {
        if known.len() > ACCEPTED_TEXT_MAX {
            return;
        }
        let mut accepted = self.accepted.lock();
        if accepted.len() >= ACCEPTED_MAX {
            accepted.clear();
        }
        accepted.insert(known);
    }

    /// Kills what a client of `user` runs at a server.
    pub(super) async fn kill(&self, server: &ServerAddress, thread: u32, user: &str) {
        let key = Key {
            user: user.into(),
            caps: 0,
        };
        let limit = Duration::from_secs(5);
        let killed = tokio::time::timeout(limit, self.pool.backend().kill(server, &key, thread, true)).await;
        if !matches!(killed, Ok(Ok(()))) {
            debug!(database = %self.name, thread, "a statement could not be killed");
        }
    }

    pub(super) fn chosen(user: &User, schema: &Bytes) -> Vec<u8> {
        [b"db:", user.origin_user.as_bytes(), b"\0", schema].concat()
    }
}

impl Front for Database {
    fn settings(&self) -> Arc<config::Database> {
        self.pool.backend().settings()
    }

    fn reload(&self, settings: Arc<config::Database>) -> Result<(), TlsError> {
        let before = self.settings();
        let sizes = settings.sizes();
        self.pool.backend().reload(Arc::clone(&settings))?;
        self.pool.resize(sizes);
        if before.servers != settings.servers || before.tls != settings.tls || before.users != settings.users
        {
            self.accepted.lock().clear();
            self.pool.reconnect();
        }
        Ok(())
    }

    fn serve(self: Arc<Self>, io: BoxIo, door: Door) -> Task {
        Box::pin(session::serve(io, door, self))
    }

    fn keep(self: Arc<Self>) -> Task {
        Box::pin(Arc::clone(&self.pool).keep())
    }

    fn clients(&self) -> usize {
        self.sessions.lock().len()
    }

    fn snapshot(&self) -> Snapshot {
        self.pool.snapshot()
    }

    fn pause(self: Arc<Self>) -> Task {
        Box::pin(async move { self.pool.pause().await })
    }

    fn resume(&self) {
        self.pool.resume();
    }

    fn close(&self) {
        self.pool.close();
    }
}
