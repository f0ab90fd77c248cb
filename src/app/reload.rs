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
        for key in fixed_keys(&running.config, &config) {
            warn!(key, "change needs a restart, the running value stays");
        }
        // Origins go last: they are the only part that changes in place.
        let geo = self.geo.prepare(&config.geo).map_err(AppError::Geo)?;
        self.origins.replace(&config).map_err(AppError::Origin)?;
        let live = match Live::build(config, &self.origins) {
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

/// Keys that differ but are read at start only.
fn fixed_keys(old: &Config, new: &Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    if old.listen != new.listen {
        changed.push("listen");
    }
    if old.admin != new.admin {
        changed.push("admin");
    }
    if old.cache != new.cache {
        changed.push("cache");
    }
    if old.kv != new.kv {
        changed.push("kv");
    }
    if old.log != new.log {
        changed.push("log");
    }
    if old.pop != new.pop {
        changed.push("pop");
    }
    if old.threads != new.threads {
        changed.push("threads");
    }
    if old.limits.connections != new.limits.connections {
        changed.push("limits.connections");
    }
    changed
}
