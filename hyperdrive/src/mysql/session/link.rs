//! Linking a connection to a session and letting it go.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tracing::debug;

use super::{End, Last, Session};
use crate::mysql::channel::ChannelError;
use crate::mysql::consts::{com, status};
use crate::mysql::database::Database;
use crate::mysql::origin::{Key, TRACK, Want};
use crate::mysql::packet::Err as ErrPacket;
use crate::mysql::statement::Pin;
use crate::observe::Event;

/// Longest reset of a connection before it is closed instead.
const RESET_MAX: Duration = Duration::from_secs(5);

/// What is sent ahead of a command, in the same write.
#[derive(Debug, Default)]
pub(super) struct Prelude {
    /// Answers to expect, each OK.
    pub(super) answers: usize,
}

impl Session {
    /// Marks the connection as this client's own.
    pub(super) fn pin(&mut self, pin: Pin) {
        if self.pins.insert(pin) {
            let database = self.database();
            database.observe(Event::Pinned(pin.name()));
            debug!(database = %database.name, client = self.id, reason = pin.name(), "connection pinned");
        }
        if !matches!(pin, Pin::PreparedStatement | Pin::TableLock) {
            self.tainted = true;
        }
    }

    /// Links a connection, unless there is one.
    pub(super) async fn link(&mut self) -> Result<Result<(), ErrPacket>, End> {
        if self.link.is_some() {
            return Ok(Ok(()));
        }
        let want = Want {
            key: Key {
                user: self.user.origin_user.as_str().into(),
                caps: self.meaning(),
            },
            schema: self.schema.clone(),
            profile: self.profile.clone(),
        };
        let database = Arc::clone(self.database());
        match database.lease(&want).await {
            Ok(lease) => {
                *self.entry.linked.lock() = Some((lease.server.clone(), lease.thread));
                self.link = Some(lease);
                Ok(Ok(()))
            }
            Err(said) => Ok(Err(said)),
        }
    }

    /// Puts what makes the linked connection like this session in front of the next command.
    pub(super) fn prelude(&mut self, insert_id: bool) -> Prelude {
        let mut prelude = Prelude::default();
        let Some(link) = self.link.as_mut() else {
            return prelude;
        };
        let change = link.profile.change(&self.profile);
        let mut put = |link: &mut crate::mysql::origin::OriginConn, command: u8, argument: &[u8]| {
            link.channel.put_command(command, argument);
            prelude.answers += 1;
        };
        if change.reset {
            put(link, com::RESET_CONNECTION, b"");
            put(link, com::QUERY, TRACK.as_bytes());
        }
        for statement in &change.statements {
            put(link, com::QUERY, statement.as_bytes());
        }
        link.profile = self.profile.clone();
        if link.schema != self.schema
            && let Some(schema) = &self.schema
        {
            put(link, com::INIT_DB, schema);
            link.schema = Some(schema.clone());
        }
        if insert_id && !self.last.insert_id_there {
            let set = format!("SET SESSION last_insert_id={}", self.last.insert_id);
            put(link, com::QUERY, set.as_bytes());
        }
        prelude
    }

    /// Reads the answers to a prelude; the first error, when there is one.
    pub(super) async fn prelude_through(
        &mut self,
        prelude: &Prelude,
    ) -> Result<Option<ErrPacket>, ChannelError> {
        let limit = self.database().limits().query;
        let Some(link) = self.link.as_mut() else {
            return Ok(None);
        };
        for _ in 0..prelude.answers {
            let read = tokio::time::timeout(limit, link.simple()).await;
            if let Some(err) = read.map_err(|_| ChannelError::Late(limit))?? {
                return Ok(Some(err));
            }
        }
        Ok(None)
    }

    /// After a command: lets the connection go when nothing holds it.
    pub(super) async fn settle(&mut self) -> Result<(), End> {
        if self.prepared.is_empty() {
            self.pins.remove(&Pin::PreparedStatement);
        }
        if self.link.is_some()
            && self.pins.is_empty()
            && self.status & status::IN_TRANS == 0
            && !self.last.needs_link()
        {
            self.release().await;
        }
        Ok(())
    }

    /// Gives the connection back; everything asked of it has been answered.
    pub(super) async fn release(&mut self) {
        // Whoever kills this client's statement now must be through before somebody else's runs here.
        let gate = self.entry.gate.lock().await;
        *self.entry.linked.lock() = None;
        drop(gate);
        if let Some(lease) = self.link.take() {
            lease.release();
        }
    }

    /// Closes the connection: something is under way on it, or nobody knows.
    pub(super) async fn cut(&mut self) {
        let gate = self.entry.gate.lock().await;
        *self.entry.linked.lock() = None;
        drop(gate);
        self.link = None;
    }

    /// Parts with the connection at the end of the session: it is reset when it holds state or an open
    /// transaction, which rolls that back.
    pub(super) fn part(&mut self) {
        *self.entry.linked.lock() = None;
        let dirty = self.tainted || !self.pins.is_empty() || !self.prepared.is_empty();
        let open = self.status & status::IN_TRANS != 0;
        let Some(mut lease) = self.link.take() else { return };
        if dirty || open {
            lease.dirty = true;
            lease.recycle(RESET_MAX);
        } else {
            lease.release();
        }
    }

    /// Forgets everything the session has gathered since its login.
    pub(super) fn forget(&mut self) {
        self.pins.retain(|pin| *pin == Pin::SessionMode);
        self.tainted = false;
        self.prepared.clear();
        self.profile = Arc::clone(&self.initial);
        self.status = status::AUTOCOMMIT;
        self.last = Last::fresh();
    }

    /// Makes `schema` the database in use: here when the server has allowed it before, else by asking.
    pub(super) async fn choose(&mut self, schema: Bytes) -> Result<Result<(), ErrPacket>, End> {
        let known = Database::chosen(&self.user, &schema);
        if self.link.is_none() && self.database().accepts(&known) {
            self.schema = Some(schema);
            return Ok(Ok(()));
        }
        if let Err(err) = self.link().await? {
            return Ok(Err(err));
        }
        let before = self.schema.replace(schema.clone());
        let prelude = self.prelude(false);
        let asked = async {
            if let Some(link) = self.link.as_mut() {
                link.channel.flush().await?;
            }
            self.prelude_through(&prelude).await
        };
        match asked.await {
            Ok(None) => {
                self.database().accepted(known);
                Ok(Ok(()))
            }
            Ok(Some(err)) => {
                self.schema = before;
                // What it had before is still chosen there, but it may have been the settings that failed.
                if self.pins.is_empty() && !self.in_transaction() {
                    self.cut().await;
                } else if let (Some(link), Some(before)) = (self.link.as_mut(), self.schema.clone()) {
                    link.schema = Some(before);
                } else if let Some(link) = self.link.as_mut() {
                    link.schema = None;
                }
                Ok(Err(err))
            }
            Err(error) => Err(self.lost(&error).await),
        }
    }

    /// The server went away; the client is told, and closed. Never 2006, at which clients run a statement
    /// again that may have been executed; and no number from 2000 on, which clients keep for their own.
    pub(super) async fn lost(&mut self, error: &ChannelError) -> End {
        self.database().observe(Event::Lost);
        debug!(database = %self.database().name, client = self.id, %error, "database connection lost");
        self.cut().await;
        End::Told(ErrPacket::new(
            1158,
            "08S01",
            "Lost connection to MySQL server during query",
        ))
    }
}
