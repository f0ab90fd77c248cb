//! Databases at the PoP: the pools of `popgate_hyperdrive` behind sockets of the configuration.
//!
//! A database lives from the start, or the reload that adds it, to the reload that removes it. A reload gives
//! the others their new settings and leaves their clients alone; their sockets stay as they are. When a
//! database goes, or the process, idle clients are told at once and the rest finish what they are at, up to
//! `shutdown.grace`.

mod counts;
mod open;
mod report;
mod served;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use popgate_hyperdrive::config::{Address, Listen, ListenTls};
use tracing::{error, info, warn};

use crate::config::{Config, Database};
use crate::server::tls::{Certificates, Loaded};
use crate::telemetry::Metrics;
pub use open::{Bound, bind_all};
use open::{Ready, certificates, open};
pub use report::Report;
use served::Running;

/// Databases by name.
type Settings = BTreeMap<String, Arc<Database>>;

/// Longest wait for connections to come back when a pause is asked for.
const PAUSE: Duration = Duration::from_secs(5);

/// The databases that are served.
pub struct Databases {
    metrics: Arc<Metrics>,
    running: RwLock<BTreeMap<String, Arc<Running>>>,
}

/// What a reload needs, made without touching what runs.
pub struct Prepared {
    added: Vec<Ready>,
    certificates: Vec<(Arc<Certificates>, Loaded)>,
}

/// What came of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// No connection is in use.
    Idle,
    /// No connection is handed out, and some are still in use.
    Busy,
}

impl Databases {
    /// None yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            running: RwLock::default(),
        }
    }

    /// Serves all of `bound`. Must run inside the runtime that serves requests.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn start(&self, bound: Vec<Bound>) -> Result<(), String> {
        let ready: Vec<Ready> = bound
            .into_iter()
            .map(|bound| open(bound, &self.metrics))
            .collect::<Result<_, _>>()?;
        self.serve(ready);
        Ok(())
    }

    fn serve(&self, ready: Vec<Ready>) {
        let mut running = self.running.write();
        for ready in ready {
            running.insert(ready.name().to_owned(), ready.serve());
        }
    }

    /// Binds the sockets of databases that a new configuration adds, and reads the certificates of the others.
    ///
    /// # Errors
    /// Names what cannot be used, and the mend; nothing has changed then.
    pub fn prepare(&self, config: &Config) -> Result<Prepared, String> {
        let running = self.running.read();
        let mut prepared = Prepared {
            added: Vec::new(),
            certificates: Vec::new(),
        };
        for (name, database) in &config.databases {
            match running.get(name) {
                None => prepared.added.push(open(Bound::new(database)?, &self.metrics)?),
                Some(running) if running.protocol != database.protocol => {
                    return Err(format!(
                        "databases.{name}.protocol: a running database keeps its protocol; give the other one another name"
                    ));
                }
                Some(running) => {
                    for (address, in_use) in &running.certificates {
                        if let Some(tls) = tls_at(&database.listen, address) {
                            prepared
                                .certificates
                                .push((Arc::clone(in_use), certificates(tls)?));
                        }
                    }
                }
            }
        }
        Ok(prepared)
    }

    /// Puts in use what has been prepared for `config`, which has been through [`keep_sockets`].
    pub fn commit(&self, prepared: Prepared, config: &Config) {
        for (in_use, loaded) in prepared.certificates {
            in_use.replace(loaded);
        }
        let removed = {
            let mut running = self.running.write();
            let (kept, removed): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut *running)
                .into_iter()
                .partition(|(name, _)| config.databases.contains_key(name));
            *running = kept;
            removed
        };
        for (name, running) in removed {
            info!(database = name, "database removed");
            let grace = config.shutdown.grace;
            counts::forget(&self.metrics, &name);
            tokio::spawn(async move {
                running.part(grace).await;
            });
        }
        for (name, running) in &*self.running.read() {
            let Some(settings) = config.databases.get(name) else {
                continue;
            };
            if let Err(error) = running.front.reload(Arc::clone(settings)) {
                error!(database = name, %error, "settings of a database cannot be used, the running ones stay");
            }
        }
        self.serve(prepared.added);
    }

    /// Hands out no connection of a database, and waits for those in use for a moment; `None` when there is no
    /// such database.
    pub async fn pause(&self, name: &str) -> Option<Paused> {
        let running = self.running.read().get(name).cloned()?;
        info!(database = name, "database paused");
        let pause = tokio::time::timeout(PAUSE, Arc::clone(&running.front).pause()).await;
        Some(match pause {
            Ok(()) => Paused::Idle,
            Err(_) => Paused::Busy,
        })
    }

    /// Ends a pause; false when there is no such database.
    pub fn resume(&self, name: &str) -> bool {
        let Some(running) = self.running.read().get(name).cloned() else {
            return false;
        };
        running.front.resume();
        info!(database = name, "database resumed");
        true
    }

    /// What they are at.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::new(self.running.read().iter())
    }

    /// Brings what is sampled up to date, before a scrape.
    pub fn show(&self) {
        for (name, running) in &*self.running.read() {
            running.counts.show(name, running.front.as_ref());
        }
    }

    /// Takes no more clients and lets those that are there finish, up to `grace`: the process stops.
    pub async fn drain(&self, grace: Duration) {
        let all: Vec<_> = self
            .running
            .read()
            .iter()
            .map(|(name, running)| (name.clone(), Arc::clone(running)))
            .collect();
        let parting = all.into_iter().map(|(name, running)| async move {
            let left = running.part(grace).await;
            if left > 0 {
                warn!(
                    database = name,
                    left, "database clients cut off at the end of the grace period"
                );
            }
        });
        futures::future::join_all(parting).await;
    }
}

/// TLS of the socket with this address.
fn tls_at<'a>(sockets: &'a [Listen], address: &Address) -> Option<&'a ListenTls> {
    let same = sockets.iter().find(|listen| listen.address == *address);
    same.and_then(|listen| listen.tls.as_ref())
}

/// Gives databases that run their running sockets, since those are bound at the start only; whether one had
/// others. Files of certificates are those of the new settings.
pub fn keep_sockets(running: &Settings, new: &mut Settings) -> bool {
    let mut differs = false;
    for (name, database) in new {
        let Some(running) = running.get(name) else {
            continue;
        };
        let mut kept = running.listen.clone();
        for listen in &mut kept {
            let theirs = tls_at(&database.listen, &listen.address);
            if let (Some(mine), Some(theirs)) = (&mut listen.tls, theirs) {
                mine.certificate.clone_from(&theirs.certificate);
                mine.key.clone_from(&theirs.key);
            }
        }
        if database.listen != kept {
            differs = true;
            Arc::make_mut(database).listen = kept;
        }
    }
    differs
}
