//! Taking a new configuration while serving: all of it or none.

use std::sync::Arc;

use thiserror::Error;
use tracing::warn;

use super::{App, AppError, Live};
use crate::config::{Config, Diagnostic};

/// Why the running configuration stays.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The file is wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Diagnostic>),
    /// A part cannot be built from it.
    #[error("{0}")]
    App(#[from] AppError),
}

impl App {
    /// Puts a configuration in force. What cannot change while running (listeners, cache sizes, KV, logs)
    /// keeps its old value and is named in a warning; on an error everything stays as it was.
    ///
    /// # Errors
    /// [`ReloadError`].
    pub fn reload(&self, config: Config) -> Result<(), ReloadError> {
        let running = self.live();
        let mut config = config;
        for key in keep_fixed(&running.config, &mut config) {
            warn!(key, "change needs a restart, the running value stays");
        }
        // Origins go last: they are the only part that changes in place.
        let geo = self.geo.prepare(&config.geo).map_err(AppError::Geo)?;
        self.origins.replace(&config).map_err(AppError::Origin)?;
        let live = match Live::build(config, &self.origins, &self.metrics) {
            Ok(live) => live,
            Err(error) => {
                // The old origins were valid a moment ago.
                self.origins.replace(&running.config).map_err(AppError::Origin)?;
                return Err(error.into());
            }
        };
        self.geo.commit(geo);
        self.live.store(Arc::new(live));
        Ok(())
    }
}

/// Gives `new` the running values of everything that is read at start only, so that it says what runs, and
/// names what it had otherwise.
fn keep_fixed(running: &Config, new: &mut Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    let mut kept = |key, differs| {
        if differs {
            changed.push(key);
        }
    };
    let certificates = new.listen.clone();
    let listen = std::mem::replace(&mut new.listen, running.listen.clone());
    for (mine, theirs) in new.listen.iter_mut().zip(&certificates) {
        // Certificates are read again with each reload.
        if let (Some(mine), Some(theirs)) = (&mut mine.tls, &theirs.tls) {
            mine.certificates.clone_from(&theirs.certificates);
        }
    }
    kept("listen", listen != new.listen);
    kept("admin", keep(&running.admin, &mut new.admin));
    kept("cache", keep(&running.cache, &mut new.cache));
    kept("kv", keep(&running.kv, &mut new.kv));
    kept("log", keep(&running.log, &mut new.log));
    kept("pop", keep(&running.pop, &mut new.pop));
    kept("threads", keep(&running.threads, &mut new.threads));
    let (old, limits) = (&running.limits, &mut new.limits);
    kept(
        "limits.connections",
        keep(&old.connections, &mut limits.connections),
    );
    kept("limits.h2_streams", keep(&old.h2_streams, &mut limits.h2_streams));
    changed
}

/// Puts the running value in place of the new one; whether they differ.
fn keep<T: Clone + PartialEq>(running: &T, new: &mut T) -> bool {
    let differs = running != new;
    if differs {
        new.clone_from(running);
    }
    differs
}
