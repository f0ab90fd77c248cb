//! One client: its login, its messages, and the connection it has for as long as it needs one.
//!
//! What a session is (settings, prepared statements) is kept here and not in a connection. A connection is
//! linked for a transaction and released behind it, unless the session is pinned.

mod client;
mod link;
mod login;
mod server;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::debug;

use super::facts::{Change, Facts};
use super::front::{Postgres, Ticket};
use super::message::Fault;
use super::origin::{Origin, Settings, Want};
use super::wire::{Moved, Wire, step};
use crate::config::{Database, PoolMode};
use crate::listener::Door;
use crate::net::BoxIo;
use crate::observe::{Event, Limit};
use crate::pool::Lease;
use crate::sql::Pin;

/// Longest time to make a connection clean behind a client that left.
const RECYCLE: Duration = Duration::from_secs(5);
/// Longest time for a server to end what it was told to cancel.
const CANCELLED: Duration = Duration::from_secs(5);
/// Longest wait for a client to take its last message.
const PARTING: Duration = Duration::from_secs(5);

/// Why a session ends.
#[derive(Debug)]
enum End {
    /// The client said goodbye, or went.
    Left,
    /// It is told this, and closed.
    Told(Fault),
}

/// A prepared statement of a client.
#[derive(Debug)]
struct Prepared {
    /// Text, zero byte and parameter types, as they came: the whole of what it is.
    body: Bytes,
    facts: Arc<Facts>,
}

/// An answer that is still to come, in order.
#[derive(Debug)]
enum Expect {
    /// All up to `ReadyForQuery`, of a `Query` or function call.
    Simple(Arc<Facts>),
    /// The same of the PoP's own setting statement: not passed on.
    Fixup,
    /// `ReadyForQuery`, of a `Sync`.
    Sync,
    /// `ParseComplete`.
    Parse {
        /// What is prepared by it.
        body: Bytes,
        /// Whose name it is at the client; `None` for the PoP's own, which is not passed on.
        name: Option<Bytes>,
        /// It has no name at the server.
        unnamed: bool,
    },
    /// `BindComplete` or `CloseComplete`.
    One,
    /// `CloseComplete` of the PoP's own: not passed on.
    OwnClose,
    /// `RowDescription` or `NoData`.
    Describe,
    /// All of a portal's rows.
    Execute(Arc<Facts>),
    /// Not from the server: this.
    Local(Bytes),
}

/// A client that is logged in.
struct Session {
    front: Arc<Postgres>,
    config: Arc<Database>,
    closing: watch::Receiver<bool>,
    client: Wire,
    want: Want,
    ticket: Ticket,
    /// Settings it started with, and has now.
    startup: Settings,
    settings: Settings,
    /// What the client has been told about settings.
    told: BTreeMap<String, String>,
    statements: HashMap<Bytes, Arc<Prepared>>,
    portals: HashMap<Bytes, Arc<Facts>>,
    link: Option<Lease<Origin>>,
    queue: VecDeque<Expect>,
    pins: Vec<Pin>,
    /// What takes effect when the transaction is committed.
    pending: Vec<Change>,
    /// Transaction state as the client knows it.
    status: u8,
    /// Messages of the extended protocol have been sent since the last `Sync`.
    batch: bool,
    /// The server passes over everything up to `Sync`.
    skipping: bool,
    /// So does the PoP, for lack of a connection.
    local_skip: bool,
    /// An error was seen since the last `ReadyForQuery`.
    failed: bool,
    /// The server expects rows.
    copy_in: bool,
    /// Bytes of a server's message that are still to be passed on.
    passing: usize,
    /// Bytes of a client's message that are still to be passed on.
    sending: usize,
    /// The client knows the settings that were reported at first.
    welcomed: bool,
}

/// Serves a client to its end.
pub(super) async fn serve(front: Arc<Postgres>, io: BoxIo, door: Door) {
    let Some(mut session) = login::login(&front, io, &door).await else {
        return;
    };
    let end = match session.welcome().await {
        Ok(()) => session.run().await,
        Err(end) => end,
    };
    debug!(database = %session.config.name, ?end, "client ends");
    session.part(end).await;
}

impl Session {
    async fn run(&mut self) -> End {
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    /// Handles all that has been read, then waits for more.
    async fn turn(&mut self) -> Result<(), End> {
        self.handle().await?;
        self.config = self.front.pool.backend().settings();
        let deadline = self.deadline();
        let closing = &mut self.closing;
        let server = self.link.as_mut().map(|lease| &mut lease.wire);
        let linked = server.is_some();
        let moved = tokio::select! {
            moved = step(&mut self.client, server) => Some(moved),
            () = until(deadline) => None,
            _ = closing.wait_for(|closing| *closing), if !linked => {
                return Err(End::Told(Fault::fatal("57P01", "terminating connection: popgate is about to stop")));
            }
        };
        let Some(moved) = moved else {
            return self.late(deadline.map(|(_, limit)| limit)).await;
        };
        match moved {
            Moved::Read { .. } => Ok(()),
            Moved::ClientGone => Err(End::Left),
            Moved::ServerGone => self.lost(),
        }
    }

    /// What has been read is handled, with a connection if it needs one, until no more can be done.
    async fn handle(&mut self) -> Result<(), End> {
        loop {
            self.server_messages()?;
            let wants = self.client_messages()?;
            if let Some(tag) = wants {
                match self.link().await {
                    Ok(()) => {}
                    Err(fault) if fault.severity == super::message::Severity::Fatal => {
                        return Err(End::Told(fault));
                    }
                    Err(fault) => self.refuse(tag, &fault),
                }
                continue;
            }
            if !self.is_done() {
                return Ok(());
            }
            self.release().await;
        }
    }

    fn deadline(&self) -> Option<(Instant, Limit)> {
        self.link.as_ref()?;
        let (limit, name) = if !self.queue.is_empty() && !self.copy_in {
            (self.config.limits.query, Limit::Query)
        } else if self.status != b'I' || self.batch || self.copy_in {
            (self.config.limits.idle_in_transaction, Limit::IdleInTransaction)
        } else {
            return None;
        };
        Some((Instant::now() + limit, name))
    }

    async fn late(&mut self, limit: Option<Limit>) -> Result<(), End> {
        let limit = limit.unwrap_or(Limit::Query);
        self.front.observe(Event::Limit(limit));
        if limit == Limit::IdleInTransaction {
            let message = "terminating connection due to idle-in-transaction timeout (popgate: limits.idle_in_transaction)";
            return Err(End::Told(Fault::fatal("25P03", message)));
        }
        if let Some(lease) = &self.link {
            lease.target.cancel().await;
        }
        let server = self.link.as_mut().map(|lease| &mut lease.wire);
        match tokio::time::timeout(CANCELLED, step(&mut self.client, server)).await {
            Ok(Moved::Read { .. }) => Ok(()),
            Ok(Moved::ClientGone) => Err(End::Left),
            Ok(Moved::ServerGone) => self.lost(),
            Err(_) => {
                let message = "terminating connection due to statement timeout (popgate: limits.query)";
                Err(End::Told(Fault::fatal("57014", message)))
            }
        }
    }

    /// The server has gone: what it said last is passed on, and the client is told.
    fn lost(&mut self) -> Result<(), End> {
        self.server_messages()?;
        self.front.observe(Event::Lost);
        if let Some(mut lease) = self.link.take() {
            lease.status = b'X';
        }
        Err(End::Told(Fault::fatal(
            "08006",
            "the connection to the database was lost",
        )))
    }

    /// Ends the session: the connection becomes clean behind it or is closed.
    async fn part(mut self, end: End) {
        *self.ticket.slot.lock().await = None;
        if let Some(mut lease) = self.link.take() {
            lease.busy = !self.queue.is_empty()
                || self.batch
                || self.copy_in
                || self.passing > 0
                || self.sending > 0
                || !lease.wire.output.is_empty();
            lease.status = if lease.status == b'X' { b'X' } else { self.status };
            lease.recycle(RECYCLE);
        }
        if let End::Told(fault) = end {
            fault.put(&mut self.client.output);
            let _ = tokio::time::timeout(PARTING, self.client.flush()).await;
        }
    }

    /// Nothing is under way and nothing keeps the connection here.
    fn is_done(&self) -> bool {
        let Some(lease) = &self.link else { return false };
        let quiet = self.queue.is_empty()
            && self.status == b'I'
            && !(self.batch || self.copy_in)
            && self.passing == 0
            && self.sending == 0
            && lease.wire.input.is_empty()
            && lease.wire.output.is_empty();
        quiet && self.pins.is_empty() && self.config.pool.mode != PoolMode::Session
    }

    fn pin(&mut self, pin: Pin) {
        if !self.pins.contains(&pin) {
            self.pins.push(pin);
            self.front.observe(Event::Pinned(reason(pin)));
        }
        if let Some(lease) = &mut self.link {
            lease.tainted = true;
        }
    }
}

async fn until(deadline: Option<(Instant, Limit)>) {
    match deadline {
        Some((at, _)) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The word for the metric.
fn reason(pin: Pin) -> &'static str {
    match pin {
        Pin::TemporaryTable => "temporary_table",
        Pin::AdvisoryLock => "advisory_lock",
        Pin::Listen => "listen",
        Pin::PreparedText => "prepared_text",
        Pin::HoldCursor => "hold_cursor",
        Pin::Variable => "variable",
        Pin::Role => "role",
        Pin::SetConfig => "set_config",
        Pin::TwoPhase => "two_phase",
        Pin::Library => "library",
        Pin::StoredProgram => "stored_program",
        Pin::UnknownFunction => "unknown_function",
        Pin::Unknown => "unknown",
        _ => "other",
    }
}
