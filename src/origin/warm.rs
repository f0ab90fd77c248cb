//! Connections opened ahead, so that a request need not wait for a handshake.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connect::{Socket, connect};
use super::lease::{ConnectionGuard, Connector};
use super::state::Slot;
use super::{Origin, Server};

/// A connection that nobody has used yet.
#[derive(Debug)]
pub(super) struct WarmSocket {
    pub socket: Socket,
    pub since: Instant,
}

impl Slot {
    /// Takes a warm connection that is still alive out of the stock; dead ones before it go.
    pub fn take_warm(&mut self) -> Option<Socket> {
        loop {
            match self.warm.pop_front() {
                Some(warm) if warm.socket.is_idle() => return Some(warm.socket),
                Some(_dead) => {}
                None => return None,
            }
        }
    }
}

impl Connector {
    /// Takes a warm connection that is still alive; its place under the cap goes with it.
    pub(super) fn take_warm(&self) -> Option<(Socket, ConnectionGuard)> {
        let mut state = self.origin.locked();
        let slot = state.slot_mut(self.server.id)?;
        let before = slot.warm.len();
        let socket = slot.take_warm();
        slot.open += usize::from(socket.is_some());
        if before > 0 {
            self.origin.unlock(state);
            self.origin.stock_low.notify_one();
        }
        Some((socket?, ConnectionGuard::counted(self.clone())))
    }

    /// Takes a place for a connection that no request asked for.
    pub(super) fn try_open_spare(&self) -> Option<ConnectionGuard> {
        let mut state = self.origin.locked();
        if !state.may_open_spare(self.server.id) {
            return None;
        }
        state.slot_mut(self.server.id)?.open += 1;
        self.origin.meters.publish(&state);
        drop(state);
        Some(ConnectionGuard::counted(self.clone()))
    }

    /// Puts a connection into the stock, keeping its place; drops it when the server is gone.
    fn stock(&self, socket: Socket, guard: ConnectionGuard) {
        let mut state = self.origin.locked();
        let live = state
            .slots
            .iter_mut()
            .find(|slot| slot.server.id == self.server.id);
        if let Some(slot) = live {
            guard.forget();
            slot.open = slot.open.saturating_sub(1);
            slot.warm.push_back(WarmSocket {
                socket,
                since: Instant::now(),
            });
        }
        self.origin.unlock(state);
        self.origin.freed.notify_waiters();
    }
}

impl Origin {
    /// Throws out dead and old warm connections; returns the servers that want more.
    fn sweep(self: &Arc<Self>, age_max: Duration, now: Instant) -> Vec<(Arc<Server>, usize)> {
        let mut state = self.locked();
        let idle_min = state.settings.idle_min;
        let before = state.connections();
        let mut wanted = Vec::new();
        for slot in &mut state.slots {
            slot.warm
                .retain(|warm| now.saturating_duration_since(warm.since) < age_max && warm.socket.is_idle());
            slot.warm.truncate(idle_min);
            if slot.share > 0 && slot.warm.len() < idle_min {
                wanted.push((slot.server.clone(), idle_min - slot.warm.len()));
            }
        }
        let freed = state.connections() < before;
        self.unlock(state);
        if freed {
            self.freed.notify_waiters();
        }
        wanted
    }

    /// Brings the stock up to `idle_min` per server, as far as the cap allows.
    pub(super) async fn refill(self: &Arc<Self>) {
        let settings = self.settings();
        let wanted = self.sweep(settings.timeouts.idle / 2, Instant::now());
        let opening = wanted.into_iter().map(|(server, count)| {
            let connector = Connector {
                origin: self.clone(),
                server,
            };
            let timeout = settings.timeouts.connect;
            async move {
                for _ in 0..count {
                    let Some(guard) = connector.try_open_spare() else {
                        break;
                    };
                    // A failure is no news: a server that is down is known from requests and checks.
                    let Ok(socket) = connect(&connector.server.target.address, timeout).await else {
                        break;
                    };
                    connector.reached();
                    connector.stock(socket, guard);
                }
            }
        });
        futures::future::join_all(opening).await;
    }

    /// Closes the whole stock.
    pub(super) fn empty_stock(self: &Arc<Self>) {
        let mut state = self.locked();
        state.slots.iter_mut().for_each(|slot| slot.warm.clear());
        self.unlock(state);
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
