//! What a request holds while it uses an origin: a place, and connections under the cap.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::connect::{Socket, connect};
use super::eject::Outcome;
use super::{Address, Origin, Server, ServerId};

/// How long a connection that is just ending, or being picked up by another request, is waited for
/// before an idle one is closed to make room.
const ROOM_WAIT: Duration = Duration::from_millis(20);

/// Why no server was leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LeaseError {
    /// No server can be reached, or no name has an address.
    #[error("no server of the origin can be reached")]
    NoServer {
        /// Until it is worth asking again.
        retry_after: Duration,
    },
    /// `queue_max` requests wait already.
    #[error("the origin's queue is full, raise queue_max or connections_max")]
    QueueFull,
    /// The wait was longer than `queue_timeout` or the request's deadline.
    #[error("waited too long for a connection to the origin")]
    QueueTimeout,
}

/// A place at one server, held until the answer is complete; dropping it gives the place back.
#[derive(Debug)]
pub struct Lease {
    connector: Connector,
    trial: bool,
    connection: Option<u64>,
    reported: bool,
}

impl Lease {
    pub(super) fn new(origin: Arc<Origin>, server: Arc<Server>, trial: bool) -> Self {
        Self {
            connector: Connector { origin, server },
            trial,
            connection: None,
            reported: false,
        }
    }

    /// Identity of the server, for the exclusions of a retry.
    #[must_use]
    pub fn server_id(&self) -> ServerId {
        self.connector.server.id
    }

    /// Name of the server in logs and metrics.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.connector.server.target.name
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.connector.server.target.address
    }

    /// Opens connections to this server under the cap.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Says which connection the request goes over, new or reused, by its descriptor. Once it is known
    /// when a connection is idle, it can be closed when it stands in the way of others.
    pub fn attach(&mut self, fd: RawFd) {
        let Connector { origin, server } = &self.connector;
        let mut state = origin.locked();
        if let Some(slot) = state.slot_mut(server.id) {
            let before = std::mem::replace(&mut self.connection, slot.held.attach(fd));
            if let Some(before) = before {
                slot.held.detach(before, Instant::now());
            }
        }
    }

    /// Says what became of the request. Feeds ejection, and with its first call
    /// `popgate_origin_requests_total`: a good header whose body breaks off later is reported again. A
    /// lease dropped without a report counts for nothing.
    pub fn report(&mut self, outcome: Outcome) {
        self.trial = false;
        let Connector { origin, server } = &self.connector;
        if !std::mem::replace(&mut self.reported, true) {
            origin.meters.outcome(outcome);
        }
        origin.report(server.id, outcome, Instant::now());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Connector { origin, server } = &self.connector;
        origin.release(server.id, self.connection, self.trial);
    }
}

/// Why no connection was opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The server's share of the cap stayed taken: idle connections that fit no request, mostly.
    #[error("no connection allowed: the origin's connections_max is used up")]
    Capped,
    /// The connect timeout passed.
    #[error("connect timed out")]
    Timeout,
    /// What the kernel said.
    #[error("connect failed: {0}")]
    Io(#[from] io::Error),
}

/// A connection and its place under the cap.
#[derive(Debug)]
pub struct Connection {
    /// The socket, before TLS.
    pub socket: Socket,
    /// Its place; keep it as long as the socket is open.
    pub guard: ConnectionGuard,
    /// It had been opened ahead.
    pub warm: bool,
}

/// Opens connections to one server; cheap to clone, and it may outlive the lease.
#[derive(Debug, Clone)]
pub struct Connector {
    pub(super) origin: Arc<Origin>,
    pub(super) server: Arc<Server>,
}

impl Connector {
    /// Whether one more connection may be opened now: connections that exist, warm and idle ones
    /// counted, are fewer than the server's share and than the cap.
    #[must_use]
    pub fn may_open(&self) -> bool {
        self.origin.locked().may_open(self.server.id)
    }

    /// Counts a connection that is about to be opened; `None` when the cap forbids it. Exact: between
    /// asking and counting nobody else gets the place.
    #[must_use]
    pub fn try_open(&self) -> Option<ConnectionGuard> {
        let mut state = self.origin.locked();
        if !state.may_open(self.server.id) {
            return None;
        }
        state.slot_mut(self.server.id)?.open += 1;
        self.origin.meters.publish(&state);
        drop(state);
        Some(ConnectionGuard::counted(self.clone()))
    }

    /// A warm connection if there is one, else a new one. When the cap is used up, an idle connection
    /// that the caller evidently cannot use is closed; the wait for that, and for connections just
    /// ending, is within `timeout`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self, timeout: Duration) -> Result<Connection, ConnectError> {
        let deadline = Instant::now() + timeout;
        if let Some((socket, guard)) = self.take_warm() {
            self.origin.meters.connected(true);
            return Ok(self.hold(socket, guard, true));
        }
        let result = self.open(deadline).await;
        match &result {
            Ok(_) => self.origin.meters.connected(false),
            Err(ConnectError::Capped) => self.origin.meters.connect_failed("capped"),
            Err(ConnectError::Timeout) => self.origin.meters.connect_failed("timeout"),
            Err(ConnectError::Io(_)) => self.origin.meters.connect_failed("refused"),
        }
        let (socket, guard) = result?;
        Ok(self.hold(socket, guard, false))
    }

    /// Remembers the socket, so that it can be closed when it is idle and in the way.
    fn hold(&self, socket: Socket, mut guard: ConnectionGuard, warm: bool) -> Connection {
        // Out of descriptors: the connection works without.
        if let Ok(handle) = socket.handle() {
            let mut state = self.origin.locked();
            let id = state.ticket();
            if let Some(slot) = state.slot_mut(self.server.id) {
                slot.held.add(id, socket.as_raw_fd(), handle);
                guard.held = Some(id);
            }
        }
        Connection { socket, guard, warm }
    }

    async fn open(&self, deadline: Instant) -> Result<(Socket, ConnectionGuard), ConnectError> {
        let guard = loop {
            let freed = self.origin.freed.notified();
            if let Some(guard) = self.try_open() {
                break guard;
            }
            let pause = deadline.min(Instant::now() + ROOM_WAIT);
            if tokio::time::timeout_at(pause, freed).await.is_err() {
                if pause == deadline {
                    return Err(ConnectError::Capped);
                }
                self.origin.locked().make_room(self.server.id);
            }
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match connect(&self.server.target.address, left).await {
            Ok(socket) => {
                self.reached();
                Ok((socket, guard))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(ConnectError::Timeout),
            Err(error) => Err(ConnectError::Io(error)),
        }
    }

    /// The server accepted a connection.
    pub(super) fn reached(&self) {
        let mut state = self.origin.locked();
        if let Some(slot) = state.slot_mut(self.server.id)
            && slot.breaker.unreachable()
        {
            slot.breaker.reached();
            self.origin.unlock(state);
        }
    }

    /// A connection whose guard was [handed over](ConnectionGuard::hand_over) is closed.
    pub fn closed(&self) {
        self.gone(None);
    }

    /// A counted connection is gone.
    fn gone(&self, held: Option<u64>) {
        let mut state = self.origin.locked();
        if let Some(slot) = state.slot_mut(self.server.id) {
            slot.open = slot.open.saturating_sub(1);
            if let Some(held) = held {
                slot.held.remove(held);
            }
        }
        state.forget_retired();
        self.origin.unlock(state);
        self.origin.freed.notify_waiters();
        self.origin.stock_low.notify_one();
    }
}

/// A connection's place under the cap. Drop it when the socket is closed, not before: dropping it gives
/// the place back.
#[derive(Debug)]
pub struct ConnectionGuard {
    connector: Option<Connector>,
    held: Option<u64>,
}

impl ConnectionGuard {
    /// For a place already counted.
    pub(super) fn counted(connector: Connector) -> Self {
        Self {
            connector: Some(connector),
            held: None,
        }
    }

    /// Leaves the place taken: whoever watches the connection calls [`Connector::closed`] at its end. The
    /// connection is not known any more, so it cannot be closed when it is in the way; keep the guard where
    /// that matters.
    pub fn hand_over(mut self) -> Option<Connector> {
        let connector = self.connector.take()?;
        if let Some(held) = self.held.take() {
            let mut state = connector.origin.locked();
            if let Some(slot) = state.slot_mut(connector.server.id) {
                slot.held.forget(held);
            }
        }
        Some(connector)
    }

    /// Leaves the place counted, for the caller to account for.
    pub(super) fn forget(mut self) {
        self.connector = None;
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Some(connector) = self.connector.take() {
            connector.gone(self.held);
        }
    }
}
