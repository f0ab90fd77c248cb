//! `KILL`: numbers of clients here mean connections there, for as long as they are linked.

use std::sync::Arc;
use std::time::Duration;

use super::{End, Session};
use crate::mysql::packet::Err as ErrPacket;

/// Longest kill of a statement that was given up.
const KILL_MAX: Duration = Duration::from_secs(10);

impl Session {
    /// `KILL` and `COM_PROCESS_KILL`, for clients of the same user only.
    pub(super) async fn kill(&mut self, id: u64, query: bool) -> Result<(), End> {
        let entry = u32::try_from(id)
            .ok()
            .and_then(|id| self.database().sessions.lock().get(&id).cloned());
        let Some(entry) = entry else {
            return self
                .say_err(&ErrPacket::new(1094, "HY000", format!("Unknown thread id: {id}")))
                .await;
        };
        if entry.user != self.user.name {
            let said = format!("You are not owner of thread {id}");
            return self.say_err(&ErrPacket::new(1095, "HY000", said)).await;
        }
        if Arc::ptr_eq(&entry, &self.entry) {
            let said = if query {
                (1317, "Query execution was interrupted")
            } else {
                (1317, "Connection was killed")
            };
            let err = ErrPacket::new(said.0, "70100", said.1);
            return if query {
                self.say_err(&err).await
            } else {
                Err(End::Told(err))
            };
        }
        if query {
            // The gate keeps the connection with its client until the kill is done.
            let gate = entry.gate.lock().await;
            let linked = entry.linked.lock().clone();
            if let Some((server, thread)) = linked {
                self.database()
                    .kill(&server, thread, &self.user.origin_user)
                    .await;
            }
            drop(gate);
        } else {
            entry.killed.notify_one();
        }
        self.say_ok().await
    }

    /// Leaves a statement under way: its connection is closed and killed at the server, so that nothing
    /// goes on there.
    pub(super) fn abandon(&mut self) {
        *self.entry.linked.lock() = None;
        if let Some(mut lease) = self.link.take() {
            lease.abandoned = true;
            lease.recycle(KILL_MAX);
        }
    }
}
