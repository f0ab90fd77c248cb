//! Commands: answered here, refused, or passed on.

use bytes::{Buf as _, Bytes};

use super::{End, Session};
use crate::config::PoolMode;
use crate::mysql::consts::com;
use crate::mysql::packet::Err as ErrPacket;
use crate::mysql::response::Asked;
use crate::mysql::statement::Pin;
use crate::mysql::wire::Reader;

/// The error for state that `pool.mode: transaction` does not keep.
pub(super) fn unpinned(pin: Pin) -> ErrPacket {
    let said = format!(
        "popgate: this needs a connection of its own ({}), which pool.mode transaction refuses",
        pin.name()
    );
    ErrPacket::new(1235, "42000", said)
}

impl Session {
    /// One command.
    pub(super) async fn command(&mut self, packet: Bytes) -> Result<(), End> {
        let Some(&code) = packet.first() else {
            return self.unknown().await;
        };
        match code {
            com::QUIT => Err(End::Left),
            com::QUERY => self.query(packet.slice(1..)).await,
            com::INIT_DB => self.use_schema(packet.slice(1..)).await,
            com::PING => self.say_ok().await,
            com::PROCESS_KILL => match Reader(&packet[1..]).u32() {
                Some(id) => self.kill(id.into(), false).await,
                None => self.unknown().await,
            },
            com::RESET_CONNECTION => {
                self.part();
                self.forget();
                self.say_ok().await
            }
            com::CHANGE_USER => self.change_user(&packet).await,
            com::STATISTICS => self.forward(&packet, Asked::Line).await,
            com::FIELD_LIST => self.forward(&packet, Asked::FieldList).await,
            com::STMT_PREPARE => {
                if self.mode == PoolMode::Transaction {
                    return self.say_err(&unpinned(Pin::PreparedStatement)).await;
                }
                self.pin(Pin::PreparedStatement);
                self.forward(&packet, Asked::Prepare).await
            }
            com::STMT_EXECUTE | com::STMT_BULK_EXECUTE => self.prepared(&packet, Asked::Statement).await,
            com::STMT_FETCH => self.prepared(&packet, Asked::Fetch).await,
            com::STMT_RESET => self.prepared(&packet, Asked::Statement).await,
            com::STMT_SEND_LONG_DATA | com::STMT_CLOSE => self.silent(&packet).await,
            // Several statements are allowed or not at login, and a connection cannot be changed for one client.
            _ => self.unknown().await,
        }
    }

    async fn unknown(&mut self) -> Result<(), End> {
        self.say_err(&ErrPacket::new(1047, "08S01", "Unknown command"))
            .await
    }

    /// `USE` and `COM_INIT_DB`.
    pub(super) async fn use_schema(&mut self, schema: Bytes) -> Result<(), End> {
        if schema.is_empty() {
            return self
                .say_err(&ErrPacket::new(1046, "3D000", "No database selected"))
                .await;
        }
        self.last.row_count = 0;
        match self.choose(schema).await? {
            Ok(()) => self.say_ok().await,
            Err(err) => self.say_err(&err).await,
        }
    }

    fn statement(packet: &Bytes) -> Option<u32> {
        Reader(packet.get(1..)?).u32()
    }

    async fn prepared(&mut self, packet: &Bytes, asked: Asked) -> Result<(), End> {
        match Self::statement(packet) {
            Some(id) if self.prepared.contains(&id) => self.forward(packet, asked).await,
            _ => {
                let said = "Unknown prepared statement handler given to the server";
                self.say_err(&ErrPacket::new(1243, "HY000", said)).await
            }
        }
    }

    /// Commands without an answer.
    async fn silent(&mut self, packet: &Bytes) -> Result<(), End> {
        let Some(id) = Self::statement(packet).filter(|id| self.prepared.contains(id)) else {
            return Ok(());
        };
        let mut argument = packet.clone();
        argument.advance(1);
        if packet[0] == com::STMT_CLOSE {
            self.prepared.remove(&id);
        }
        let Some(link) = self.link.as_mut() else {
            return Ok(());
        };
        link.channel.put_command(packet[0], &argument);
        match link.channel.flush().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.lost(&error.into()).await),
        }
    }
}
