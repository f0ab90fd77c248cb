//! Taking a new configuration while serving: all of it or none.

use std::sync::Arc;

use thiserror::Error;
use tracing::warn;

use super::{App, AppError, Live, admin_token, journal, purge_limits, redis_link};
use crate::admin::token::Token;
use crate::cache::purge::NewJournal;
use crate::cache::tiered::Renewal;
use crate::config::{self, Config, Diagnostic, model};
use crate::databases;
use crate::kv::{self, KvHandle};
use crate::redis_link::RedisLink;
use crate::telemetry::{AccessLog, traces};

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

/// Parts of a new configuration that can fail, made before anything is touched.
struct Prepared {
    kv: Option<Arc<KvHandle>>,
    access_log: Option<AccessLog>,
    admin_token: Option<Arc<Token>>,
    cache: PreparedCache,
}

struct PreparedCache {
    link: Option<Option<Arc<RedisLink>>>,
    other_stream: bool,
    journal: Option<NewJournal>,
}

impl App {
    /// Puts a configuration in force: all of it, or on an error nothing. What belongs to listeners and to the
    /// process (`listen`, `admin.address`, `databases.listen`, `threads`) keeps its running value, is named in a warning and returned. Must be
    /// called within the runtime that serves requests.
    ///
    /// # Errors
    /// [`ReloadError`].
    pub fn reload(&self, config: Config) -> Result<Vec<&'static str>, ReloadError> {
        let running = self.live();
        let mut config = config;
        let kept = keep_fixed(&running.config, &mut config);
        for key in &kept {
            warn!(key, "change needs a restart, the running value stays");
        }
        let geo = self.geo.prepare(&config.geo).map_err(AppError::Geo)?;
        let prepared = self.prepare(&running.config, &config)?;
        // Origins go last: they are the only part that changes in place.
        self.origins.replace(&config).map_err(AppError::Origin)?;
        let live = match Live::build(config, (&self.origins, &self.refresher), &self.metrics) {
            Ok(live) => live,
            Err(error) => {
                // The old origins were valid a moment ago.
                self.origins.replace(&running.config).map_err(AppError::Origin)?;
                return Err(error.into());
            }
        };
        self.geo.commit(geo);
        self.commit(&running.config, prepared, live);
        Ok(kept)
    }

    fn prepare(&self, running: &Config, new: &Config) -> Result<Prepared, AppError> {
        let kv = if running.kv == new.kv {
            None
        } else {
            let (metrics, clock) = (Arc::clone(&self.metrics), self.clock.clone());
            Some(kv::reopen(&self.kv(), &running.kv, &new.kv, metrics, clock)?)
        };
        let access = |log: &config::Log| (log.access.clone(), log.queue_max);
        let access_log = if access(&running.log) == access(&new.log) {
            None
        } else {
            Some(AccessLog::open(&new.log, Arc::clone(&self.metrics)).map_err(AppError::AccessLog)?)
        };
        let token = admin_token(new)?;
        if let (Some(address), None) = (new.admin.address, &token)
            && !address.ip().to_canonical().is_loopback()
        {
            return Err(AppError::OpenAdmin(address));
        }
        Ok(Prepared {
            kv,
            access_log,
            admin_token: token,
            cache: self.prepare_cache(&running.cache, &new.cache)?,
        })
    }

    fn prepare_cache(&self, running: &model::Cache, new: &model::Cache) -> Result<PreparedCache, AppError> {
        let stream = |cache: &model::Cache| {
            let redis = cache.redis.as_ref();
            redis.map(|redis| (redis.target.clone(), redis.prefix.clone()))
        };
        let link = if running.redis == new.redis {
            None
        } else {
            Some(redis_link(new, &self.metrics)?)
        };
        let kept_in = |cache: &model::Cache| (cache.purge_log.clone(), cache.redis.is_some());
        let journal = if kept_in(running) == kept_in(new) {
            None
        } else {
            Some(journal(new)?)
        };
        Ok(PreparedCache {
            link,
            other_stream: stream(running) != stream(new),
            journal,
        })
    }

    /// Cannot fail, so that all of it happens.
    fn commit(&self, running: &Config, prepared: Prepared, live: Live) {
        let config = Arc::clone(&live.config);
        let cache = prepared.cache;
        self.cache.renew(Renewal {
            pop: &config.pop,
            cache: &config.cache,
            link: cache.link,
            other_stream: cache.other_stream,
            journal: cache.journal,
            limits: purge_limits(&config),
            metrics: &self.metrics,
        });
        if let Some(kv) = prepared.kv {
            self.kv.store(kv);
        }
        if let Some(log) = prepared.access_log {
            self.access_log.store(Arc::new(log));
        }
        self.admin_token.store(prepared.admin_token);
        traces::change(&config.log.level, config.log.json);
        if running.pop != config.pop {
            self.metrics.show_build(&config.pop);
        }
        self.refresher
            .renew(|site| live.refresh_terms(&self.origins, site));
        self.live.store(Arc::new(live));
    }
}

/// Gives `new` the running values of what is read at start only, so that it says what runs, and names what it
/// had otherwise.
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
    if running.admin.address.is_some() && new.admin.address.is_none() {
        // The listener stays until a restart, and so does its token.
        new.admin.token_file.clone_from(&running.admin.token_file);
    }
    kept(
        "admin.address",
        keep(&running.admin.address, &mut new.admin.address),
    );
    kept(
        "databases.listen",
        databases::keep_sockets(&running.databases, &mut new.databases),
    );
    kept("threads", keep(&running.threads, &mut new.threads));
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
