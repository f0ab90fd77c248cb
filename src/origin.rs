//! Origins: which server a request goes to, and how many connections that may take.
//!
//! A request asks its [`Origin`] for a [`Lease`]: a place at one server, balanced over those in order,
//! waited for in line when `connections_max` is used up. The lease's [`Connector`] opens connections
//! under that hard cap, from the warm stock when it can. What became of the request goes back by
//! [`Lease::report`], which puts failing servers aside and brings them back. Beside requests,
//! [`Origins::spawn`] keeps names resolved, servers checked and connections warm.
//!
//! Times here are monotonic (`tokio::time::Instant`): a jump of the wall clock moves no deadline.

pub mod balance;
pub mod eject;
pub mod health;
pub mod resolve;
pub mod retry;
pub mod share;
pub mod tls;

mod address;
mod background;
mod connect;
mod held;
mod lease;
mod metrics;
mod overview;
mod pool;
mod state;
mod warm;

#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::watch;

pub use address::{Address, Server, ServerId, Target};
pub use connect::Socket;
pub use eject::Outcome;
pub use lease::{ConnectError, Connection, ConnectionGuard, Connector, Lease, LeaseError};
pub use overview::{OriginOverview, ServerOverview};
pub use pool::Origin;
pub use state::STREAMS_PER_CONNECTION;

use crate::config::Config;
use crate::telemetry::metrics::Metrics;
use background::Background;
use resolve::{Resolve, SystemResolver};
use tls::OriginTlsConfig;

/// Why an origin cannot be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The CA file cannot be used.
    #[error("origins.{origin}.tls.ca: {path}: {reason}; give a PEM file with the CA's certificates", path = path.display())]
    Ca {
        /// The origin's name.
        origin: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("origins.{origin}.tls: {source}")]
    Tls {
        /// The origin's name.
        origin: String,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// All origins, by name.
#[derive(Debug)]
pub struct Origins {
    metrics: Arc<Metrics>,
    resolver: Arc<dyn Resolve>,
    by_name: ArcSwap<BTreeMap<String, Arc<Origin>>>,
    running: Mutex<Running>,
}

/// Background tasks by origin, and what new ones need.
#[derive(Debug, Default)]
struct Running {
    stop: Option<watch::Receiver<bool>>,
    runtime: Option<tokio::runtime::Handle>,
    tasks: BTreeMap<String, Background>,
}

impl Origins {
    /// Builds the origins of a configuration, with the system's resolver.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, BuildError> {
        Self::with_resolver(config, metrics, Arc::new(SystemResolver))
    }

    /// As [`Self::build`], with another resolver.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn with_resolver(
        config: &Config,
        metrics: &Arc<Metrics>,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, BuildError> {
        let origins = Self {
            metrics: metrics.clone(),
            resolver,
            by_name: ArcSwap::default(),
            running: Mutex::new(Running::default()),
        };
        origins.replace(config)?;
        Ok(origins)
    }

    /// The origin of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Origin>> {
        self.by_name.load().get(name).cloned()
    }

    /// All origins.
    #[must_use]
    pub fn all(&self) -> Arc<BTreeMap<String, Arc<Origin>>> {
        self.by_name.load_full()
    }

    /// Takes a new configuration. An origin that stays keeps its servers' health, ejections, leases,
    /// queue and connections; on an error nothing changes.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn replace(&self, config: &Config) -> Result<(), BuildError> {
        let mut running = self.running.lock();
        let old = self.by_name.load_full();
        let mut tls = BTreeMap::new();
        for (name, settings) in &config.origins {
            tls.insert(name.clone(), OriginTlsConfig::of(settings)?);
        }
        let mut new = BTreeMap::new();
        for (name, settings) in &config.origins {
            let tls = tls.remove(name).flatten();
            let origin = match old.get(name) {
                Some(origin) => {
                    if *origin.settings() != **settings {
                        origin.reconfigure(settings.clone(), tls);
                    }
                    origin.clone()
                }
                None => Origin::new(settings.clone(), tls, &self.metrics),
            };
            new.insert(name.clone(), origin);
        }
        for (name, origin) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
            running.tasks.remove(name);
            origin.close();
        }
        self.by_name.store(Arc::new(new));
        self.start(&mut running);
        Ok(())
    }

    /// Starts resolving, checking and warming on the current runtime, which must live as long as
    /// requests do: connections opened on it end with it. All of it ends when `stop` becomes true.
    pub fn spawn(&self, stop: watch::Receiver<bool>) {
        let mut running = self.running.lock();
        running.stop = Some(stop);
        running.runtime = Some(tokio::runtime::Handle::current());
        self.start(&mut running);
    }

    /// Resolves all names once, so that the first request finds servers; failures are tried again by
    /// the background.
    pub async fn resolve_all(&self) {
        let all = self.all();
        let asked = all
            .values()
            .map(|origin| origin.resolve_once(self.resolver.as_ref()));
        futures::future::join_all(asked).await;
    }

    fn start(&self, running: &mut Running) {
        let Running {
            stop: Some(stop),
            runtime: Some(runtime),
            tasks,
        } = running
        else {
            return;
        };
        let _entered = runtime.enter();
        for (name, origin) in self.by_name.load().iter() {
            tasks
                .entry(name.clone())
                .or_insert_with(|| Background::spawn(origin, &self.resolver, stop));
        }
    }
}

#[cfg(test)]
mod tests;
