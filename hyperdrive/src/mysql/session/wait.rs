//! Between commands.

use std::time::Duration;

use bytes::Bytes;

use super::{End, Session};
use crate::mysql::consts::com;
use crate::mysql::packet::Err as ErrPacket;

/// How long a connection is kept for a question about the last statement before what it knows is fetched.
const HOLD: Duration = Duration::from_millis(50);
/// How long it is kept for a question about warnings while others wait for a connection.
const HOLD_WARNINGS: Duration = Duration::from_secs(1);

enum Event {
    Command(Result<Bytes, End>),
    Server,
    Killed,
    Closing,
    Time,
}

impl Session {
    /// The next command. Meanwhile the linked connection is watched, and time limits are kept.
    pub(super) async fn next_command(&mut self) -> Result<Bytes, End> {
        loop {
            let limit = self.pause();
            match self.event(limit).await {
                Event::Command(command) => return command,
                Event::Server => {
                    self.cut().await;
                    if self.pins.is_empty() && self.status & 1 == 0 {
                        continue;
                    }
                    return Err(End::Told(ErrPacket::new(
                        1158,
                        "08S01",
                        "Lost connection to MySQL server",
                    )));
                }
                Event::Killed => {
                    return Err(End::Told(ErrPacket::new(1317, "70100", "Connection was killed")));
                }
                Event::Closing => {
                    return Err(End::Told(ErrPacket::new(
                        1053,
                        "08S01",
                        "Server shutdown in progress",
                    )));
                }
                Event::Time if self.in_transaction() => {
                    self.database().observe(crate::observe::Event::Limit(
                        crate::observe::Limit::IdleInTransaction,
                    ));
                    return Err(End::Told(ErrPacket::new(
                        1927,
                        "70100",
                        "Connection was killed: idle in a transaction for too long (popgate: limits.idle_in_transaction)",
                    )));
                }
                Event::Time => self.hold_over().await?,
            }
        }
    }

    /// How long the client may pause; `None` as long as it likes.
    fn pause(&self) -> Option<Duration> {
        if self.in_transaction() {
            return Some(self.database().limits().idle_in_transaction);
        }
        if self.link.is_some() && self.pins.is_empty() {
            return Some(if self.last.warnings_there {
                HOLD_WARNINGS
            } else {
                HOLD
            });
        }
        None
    }

    async fn event(&mut self, limit: Option<Duration>) -> Event {
        let idle = !self.in_transaction();
        let time = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let server = async {
            match self.link.as_mut() {
                // Nothing is asked, so anything that comes is the end of it.
                Some(link) => drop(link.channel.fill().await),
                None => std::future::pending().await,
            }
        };
        let mut closing = self.door.closing.clone();
        let closing = async {
            if !idle || closing.wait_for(|closing| *closing).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = self.entry.killed.notified() => Event::Killed,
            command = self.client.command() => Event::Command(command.map_err(End::from)),
            () = server => Event::Server,
            () = closing => Event::Closing,
            () = time => Event::Time,
        }
    }

    /// Nobody asked about the last statement: what the connection knows of it is fetched, and it is let go.
    async fn hold_over(&mut self) -> Result<(), End> {
        if self.last.warnings_there && self.database().pool.snapshot().waiting == 0 {
            return Ok(());
        }
        self.last.warnings_there = false;
        self.fetch_insert_id().await?;
        self.settle().await
    }

    /// Asks the linked connection for the number it generated last.
    pub(super) async fn fetch_insert_id(&mut self) -> Result<(), End> {
        if !self.last.insert_id_there {
            return Ok(());
        }
        let limit = self.database().limits().query;
        let Some(link) = self.link.as_mut() else {
            return Ok(());
        };
        link.channel.put_command(com::QUERY, b"SELECT LAST_INSERT_ID()");
        let asked = async {
            link.channel.flush().await?;
            link.rows().await
        };
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(rows)) => {
                self.last.insert_id = super::query::number(&rows).unwrap_or(0);
                self.last.insert_id_there = false;
                Ok(())
            }
            Ok(Err(error)) => Err(self.lost(&error).await),
            Err(_) => {
                let error = crate::mysql::channel::ChannelError::Late(limit);
                Err(self.lost(&error).await)
            }
        }
    }
}
