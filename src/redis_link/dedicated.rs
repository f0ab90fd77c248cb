//! A connection of its own, for commands that wait (`XREAD BLOCK`) and for subscriptions.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, FromRedisValue, PushInfo, PushKind, RedisResult};
use tokio::sync::mpsc;

use super::connect::{Connection, Connector};
use super::{Cause, LinkError};

/// Push messages that may wait for their reader; one more ends the stream, so that the reader reconnects and
/// catches up instead of missing one.
const PUSHES_MAX: usize = 4096;

/// A connection nobody else uses. Dropping it closes it.
pub struct Dedicated {
    connection: Connection,
    pushes: mpsc::Receiver<PushInfo>,
}

impl std::fmt::Debug for Dedicated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dedicated").finish_non_exhaustive()
    }
}

impl Dedicated {
    pub(super) async fn open(connector: &Connector) -> RedisResult<Self> {
        let (sender, pushes) = mpsc::channel(PUSHES_MAX);
        let sender = Arc::new(Mutex::new(Some(sender)));
        let push = move |info: PushInfo| {
            let mut sender = sender.lock();
            let ended = info.kind == PushKind::Disconnection
                || sender
                    .as_ref()
                    .is_none_or(|sender| sender.try_send(info).is_err());
            if ended {
                *sender = None;
            }
            Ok(())
        };
        let connection = connector.connect_dedicated(push).await?;
        Ok(Self { connection, pushes })
    }

    /// Sends a command and waits at most `wait` for its answer. After a timeout the connection still owes
    /// that answer: drop it and ask for another.
    ///
    /// # Errors
    /// [`LinkError::Timeout`] or what Redis said.
    pub async fn query<T: FromRedisValue>(&mut self, command: &Cmd, wait: Duration) -> Result<T, LinkError> {
        match tokio::time::timeout(wait, command.query_async::<T>(&mut self.connection)).await {
            Err(_) => Err(LinkError::Timeout),
            Ok(Err(error)) if Cause::of(&error) == Cause::Timeout => Err(LinkError::Timeout),
            Ok(Err(error)) => Err(LinkError::Failed(error.to_string())),
            Ok(Ok(value)) => Ok(value),
        }
    }

    /// Subscribes to a channel; its messages come out of [`Dedicated::next_push`].
    ///
    /// # Errors
    /// As [`Dedicated::query`].
    pub async fn subscribe(&mut self, channel: &str, wait: Duration) -> Result<(), LinkError> {
        let connection = &mut self.connection;
        let attempt = async {
            match connection {
                Connection::One(connection) => connection.subscribe(channel).await,
                Connection::Cluster(connection) => connection.subscribe(channel).await,
            }
        };
        match tokio::time::timeout(wait, attempt).await {
            Err(_) => Err(LinkError::Timeout),
            Ok(result) => result.map_err(|error| LinkError::Failed(error.to_string())),
        }
    }

    /// The next push message; `None` once the connection ended or messages were lost.
    pub async fn next_push(&mut self) -> Option<PushInfo> {
        self.pushes.recv().await
    }
}
