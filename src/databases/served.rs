//! A database at work, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use popgate_hyperdrive::config::{Address, Database, Protocol};
use popgate_hyperdrive::listener::{Door, Front, Task};
use popgate_hyperdrive::net::{BoxIo, TlsError};
use popgate_hyperdrive::pool::Snapshot;
use tokio::sync::watch;

use super::counts::Counts;
use crate::server::drain::InFlight;
use crate::server::tls::Certificates;

/// Longest wait for clients that are cut off to be gone.
const CUT: Duration = Duration::from_secs(1);

/// A database that is served.
pub(super) struct Running {
    pub(super) protocol: Protocol,
    pub(super) front: Arc<dyn Front>,
    pub(super) counts: Arc<Counts>,
    /// Everybody who is connected.
    pub(super) clients: InFlight,
    pub(super) closing: watch::Sender<bool>,
    pub(super) cut: watch::Sender<bool>,
    /// Those of its sockets, by address.
    pub(super) certificates: Vec<(Address, Arc<Certificates>)>,
}

impl Running {
    /// Takes no more clients, lets those that are there finish, up to `grace`, and cuts the rest off; how many
    /// those were.
    pub(super) async fn part(&self, grace: Duration) -> usize {
        self.closing.send_replace(true);
        let mut left = 0;
        if !self.clients.drained(grace).await {
            left = self.clients.count();
            self.cut.send_replace(true);
            let _ = self.clients.drained(CUT).await;
        }
        self.front.close();
        left
    }
}

/// The side towards clients, of whom each is counted and can be cut off.
pub(super) struct Served {
    pub(super) front: Arc<dyn Front>,
    pub(super) clients: InFlight,
    pub(super) cut: watch::Receiver<bool>,
}

impl Front for Served {
    fn serve(self: Arc<Self>, io: BoxIo, door: Door) -> Task {
        let client = self.clients.enter();
        let mut cut = self.cut.clone();
        let session = Arc::clone(&self.front).serve(io, door);
        Box::pin(async move {
            tokio::select! {
                biased;
                () = session => {}
                _ = cut.wait_for(|cut| *cut) => {}
            }
            drop(client);
        })
    }

    fn settings(&self) -> Arc<Database> {
        self.front.settings()
    }

    fn reload(&self, settings: Arc<Database>) -> Result<(), TlsError> {
        self.front.reload(settings)
    }

    fn keep(self: Arc<Self>) -> Task {
        Arc::clone(&self.front).keep()
    }

    fn clients(&self) -> usize {
        self.front.clients()
    }

    fn snapshot(&self) -> Snapshot {
        self.front.snapshot()
    }

    fn pause(self: Arc<Self>) -> Task {
        Arc::clone(&self.front).pause()
    }

    fn resume(&self) {
        self.front.resume();
    }

    fn close(&self) {
        self.front.close();
    }
}
