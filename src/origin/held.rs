//! Connections in use or idle in the engine's pool, and how an idle one is told to go.
//!
//! The pool that keeps idle connections is not ours and cannot be asked to let one go, but an idle
//! connection counts under the cap. So a second handle on its socket is kept here: shutting that down
//! looks to the pool like the origin closing, which it answers by closing. Needed when an idle
//! connection is in the way of a request that cannot use it: another TLS name, a server that left,
//! changed TLS settings.

use std::net::Shutdown;
use std::os::fd::RawFd;

use socket2::Socket as Handle;
use tokio::time::Instant;

/// One open connection.
#[derive(Debug)]
struct Held {
    id: u64,
    fd: RawFd,
    handle: Handle,
    users: usize,
    /// Since when nobody uses it; `None` before its first use is over.
    idle_since: Option<Instant>,
    /// To be closed when it falls idle.
    unwanted: bool,
    closing: bool,
}

impl Held {
    fn is_idle(&self) -> bool {
        self.users == 0 && self.idle_since.is_some() && !self.closing
    }

    fn close(&mut self) {
        self.closing = true;
        // It may be closed already, which is what is wanted.
        let _ = self.handle.shutdown(Shutdown::Both);
    }
}

/// The connections of one server whose sockets are known.
#[derive(Debug, Default)]
pub(super) struct HeldSet(Vec<Held>);

impl HeldSet {
    pub fn add(&mut self, id: u64, fd: RawFd, handle: Handle) {
        self.0.push(Held {
            id,
            fd,
            handle,
            users: 0,
            idle_since: None,
            unwanted: false,
            closing: false,
        });
    }

    /// The connection ends. It is shut down before its place is given back, so that the origin learns of
    /// its end before it sees the next one.
    pub fn remove(&mut self, id: u64) {
        if let Some(index) = self.0.iter().position(|held| held.id == id) {
            self.0.swap_remove(index).close();
        }
    }

    /// Forgets the connection without touching it.
    pub fn forget(&mut self, id: u64) {
        self.0.retain(|held| held.id != id);
    }

    /// A request starts to use the connection with this descriptor; its identity when it is known.
    pub fn attach(&mut self, fd: RawFd) -> Option<u64> {
        let held = self.0.iter_mut().rev().find(|held| held.fd == fd)?;
        held.users += 1;
        Some(held.id)
    }

    /// A request is done with the connection.
    pub fn detach(&mut self, id: u64, now: Instant) {
        if let Some(held) = self.0.iter_mut().find(|held| held.id == id) {
            held.users = held.users.saturating_sub(1);
            if held.users == 0 {
                held.idle_since = Some(now);
                if held.unwanted {
                    held.close();
                }
            }
        }
    }

    /// Closes the connection that has been idle longest; false when there is none.
    pub fn close_oldest_idle(&mut self) -> bool {
        let idle = self.0.iter_mut().filter(|held| held.is_idle());
        idle.min_by_key(|held| held.idle_since).map(Held::close).is_some()
    }

    /// Closes idle connections now and the others when they fall idle.
    pub fn close_all(&mut self) {
        for held in &mut self.0 {
            held.unwanted = true;
            if held.is_idle() {
                held.close();
            }
        }
    }
}

#[cfg(test)]
mod tests;
