//! One client: its login, its commands, and the connection it has for as long as it needs one.
//!
//! What a session is (settings, database, what it may ask about its last statement) is kept here and not in a
//! connection. A connection is linked for a statement and released behind it, unless a transaction is open or
//! the verdict on a statement pins it.

mod command;
mod kill;
mod link;
mod login;
mod query;
mod wait;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tracing::debug;

use super::channel::{Channel, ChannelError};
use super::consts::{cap, status};
use super::database::{Database, Entry};
use super::origin::{Facts, Origin};
use super::packet::{Err as ErrPacket, Ok as OkPacket};
use super::profile::Profile;
use super::statement::Pin;
use crate::config::{PoolMode, User};
use crate::listener::Door;
use crate::net::BoxIo;
use crate::observe::{self, Event, Login};
use crate::pool::Lease;

/// Longest wait for a client that takes no bytes.
const STALL: Duration = Duration::from_secs(60);

/// Why a session ends.
#[derive(Debug)]
pub enum End {
    /// The client said goodbye, or went.
    Left,
    /// Its bytes cannot be understood, or broke off.
    Client(ChannelError),
    /// It is told this, and closed.
    Told(ErrPacket),
}

impl From<ChannelError> for End {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Io(_) => Self::Left,
            ChannelError::Frame(super::frame::FrameError::TooLarge(_)) => Self::Told(ErrPacket::new(
                1153,
                "08S01",
                "Got a packet bigger than 'max_allowed_packet' bytes (popgate: limits.packet_max)",
            )),
            ChannelError::Frame(super::frame::FrameError::OutOfOrder) => {
                Self::Told(ErrPacket::new(1156, "08S01", "Got packets out of order"))
            }
            other => Self::Client(other),
        }
    }
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Left
    }
}

/// A client that is logged in.
pub struct Session {
    door: Door,
    database: Arc<Database>,
    client: Channel,
    id: u32,
    entry: Arc<Entry>,
    user: User,
    facts: Arc<Facts>,
    caps: u32,
    mode: PoolMode,
    /// Settings now, and after a reset.
    profile: Arc<Profile>,
    initial: Arc<Profile>,
    schema: Option<Bytes>,
    link: Option<Lease<Origin>>,
    pins: BTreeSet<Pin>,
    /// The linked connection holds state that a reset must clear.
    tainted: bool,
    /// Open prepared statements of the protocol.
    prepared: BTreeSet<u32>,
    /// Flags of the last answer.
    status: u16,
    last: Last,
}

/// What a client may ask about its last statements.
#[derive(Debug, Default, Clone, Copy)]
struct Last {
    insert_id: u64,
    /// The linked connection knows a newer one.
    insert_id_there: bool,
    found_rows: u64,
    row_count: i64,
    /// The linked connection holds warnings.
    warnings_there: bool,
}

impl Last {
    fn fresh() -> Self {
        Self {
            row_count: 0,
            ..Self::default()
        }
    }

    fn needs_link(self) -> bool {
        self.insert_id_there || self.warnings_there
    }
}

/// Serves one client to its end.
pub(super) async fn serve(io: BoxIo, door: Door, database: Arc<Database>) {
    let limit = database.limits().login;
    let logged_in = tokio::time::timeout(limit, login::login(io, door, Arc::clone(&database))).await;
    let mut session = match logged_in {
        Ok(Ok(session)) => {
            database.observe(Event::Login(Login::Ok));
            session
        }
        Ok(Err(refused)) => return database.observe(Event::Login(refused)),
        Err(_) => return database.observe(Event::Login(Login::Late)),
    };
    let end = session.run().await;
    session.finish(end).await;
}

impl Session {
    async fn run(&mut self) -> End {
        loop {
            let command = match self.next_command().await {
                Ok(command) => command,
                Err(end) => return end,
            };
            if let Err(end) = self.command(command).await {
                return end;
            }
            if let Err(end) = self.settle().await {
                return end;
            }
        }
    }

    /// Says the last words, and gives the connection back in a state others can use, or not at all.
    async fn finish(mut self, end: End) {
        self.database().sessions.lock().remove(&self.id);
        match end {
            End::Left => {}
            End::Client(error) => {
                self.database().observe(Event::Malformed);
                debug!(database = %self.database().name, client = self.id, %error, "client closed");
                let said = ErrPacket::new(1835, "HY000", format!("Malformed communication packet ({error})"));
                let _ = tokio::time::timeout(Duration::from_secs(1), self.client.send(&said.payload())).await;
            }
            End::Told(said) => {
                let _ = tokio::time::timeout(Duration::from_secs(1), self.client.send(&said.payload())).await;
            }
        }
        self.part();
    }

    fn database(&self) -> &Arc<Database> {
        &self.database
    }

    fn in_transaction(&self) -> bool {
        self.link.is_some() && self.status & status::IN_TRANS != 0
    }

    fn answered(&self, whence: observe::From) {
        self.database().observe(Event::Answered(whence));
    }

    /// Flags of an answer that is given here.
    fn flags(&self) -> u16 {
        let kept = self.status
            & (status::NO_BACKSLASH_ESCAPES | if self.link.is_some() { status::IN_TRANS } else { 0 });
        kept | if self.profile.autocommit() {
            status::AUTOCOMMIT
        } else {
            0
        }
    }

    async fn say_ok(&mut self) -> Result<(), End> {
        self.answered(observe::From::Here);
        let ok = OkPacket {
            status: self.flags(),
            ..OkPacket::default()
        };
        self.say(&ok.payload()).await
    }

    async fn say_err(&mut self, err: &ErrPacket) -> Result<(), End> {
        self.last.row_count = -1;
        self.say(&err.payload()).await
    }

    async fn say(&mut self, payload: &[u8]) -> Result<(), End> {
        self.client.put(payload);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        match tokio::time::timeout(STALL, self.client.flush()).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(End::Left),
        }
    }

    fn backslash(&self) -> bool {
        self.status & status::NO_BACKSLASH_ESCAPES == 0 && !self.profile.has_mode("NO_BACKSLASH_ESCAPES")
    }

    fn meaning(&self) -> u32 {
        self.caps & cap::MEANING
    }
}
