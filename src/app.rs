//! Composition root: a checked configuration becomes the parts of a running popgate.
//!
//! What lives as long as the process (cache, KV, geo, origins, metrics) is in [`App`]; what a reload
//! replaces as one (configuration, sites) is in [`Live`], swapped atomically. A request takes one `Live`
//! and keeps it to its end.

mod background;
pub mod purge;
mod reload;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use ipnet::IpNet;
use popgate_filters::{Chain, ChainError};
use thiserror::Error;
use tracing::info;

use crate::admin::token::Token;
use crate::advise::Advisor;
use crate::cache::policy::vary::variant_slot;
use crate::cache::purge::{NewJournal, PurgeLimits, PurgeLog};
use crate::cache::tiered::Tiered;
use crate::clock::Clock;
use crate::config::{self, Config, model};
use crate::databases::Databases;
use crate::geo::{Geo, GeoError};
use crate::kv::{self, KvHandle, KvOpenError};
use crate::origin::{BuildError, Origin, Origins};
use crate::proxy::connect::{Roots, roots};
use crate::proxy::sentinel::Sentinel;
use crate::proxy::snoop::Snooping;
use crate::purging::vary_cookies::VaryCookies;
use crate::redis_link::{RedisLink, RedisLinkError};
use crate::refresh::{Refresher, SiteRefresh, Terms};
use crate::server::drain::{InFlight, Lifecycle};
use crate::site::SiteTable;
use crate::telemetry::{AccessLog, HitMetrics, Metrics};

pub use reload::ReloadError;
pub use requests::{Outcome, ReloadRequests};

/// The parts that live as long as the process.
pub struct App {
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// The wall clock.
    pub clock: Clock,
    /// Phases of the process.
    pub life: Arc<Lifecycle>,
    /// Requests in flight.
    pub in_flight: InFlight,
    /// Where visitors are.
    pub geo: Geo,
    /// The HTTP cache.
    pub cache: Arc<Tiered>,
    /// The KV store.
    kv: ArcSwap<KvHandle>,
    /// Origins by name.
    pub origins: Origins,
    /// Database pools.
    pub databases: Databases,
    /// What writes changed.
    pub snooping: Snooping,
    /// Which copies have leaked.
    pub sentinel: Sentinel,
    /// Which URLs are fetched again after a purge.
    pub refresher: Refresher,
    /// What lowers the hit ratio.
    pub advisor: Advisor,
    /// The access log.
    access_log: ArcSwap<AccessLog>,
    /// What the admin listener asks for.
    admin_token: ArcSwapOption<Token>,
    requests: ReloadRequests,
    /// What a reload replaces.
    live: ArcSwap<Live>,
}

/// What a reload replaces as one.
#[derive(Debug)]
pub struct Live {
    /// The configuration.
    pub config: Arc<Config>,
    /// Sites by host and path.
    pub sites: SiteTable<Arc<SiteRuntime>>,
    /// Hosts of purge APIs, and the sites that each can purge.
    pub purge_apis: HashMap<String, Vec<Arc<SiteRuntime>>>,
    /// Trusted proxies, shared with listeners.
    pub trusted: Arc<[IpNet]>,
}

/// A site at work.
#[derive(Debug)]
pub struct SiteRuntime {
    /// Its configuration.
    pub config: Arc<config::Site>,
    /// Its filters.
    pub chain: Chain,
    /// Its origin.
    pub origin: Option<SiteOrigin>,
    /// Counters of its hits.
    pub hits: HitMetrics,
    /// Cookies that choose its pages, as its origin has told.
    pub vary_cookies: VaryCookies,
    /// Which of its URLs are hot, where they are refreshed after a purge.
    pub refresh: Option<Arc<SiteRefresh>>,
}

/// A site's origin: its pool, and its CA certificates in Pingora's form.
#[derive(Clone)]
pub struct SiteOrigin {
    /// Servers, queue, caps.
    pub pool: Arc<Origin>,
    /// Own CA.
    pub roots: Option<Roots>,
}

impl std::fmt::Debug for SiteOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SiteOrigin({})", self.pool.name())
    }
}

/// Why the parts cannot be put together.
#[derive(Debug, Error)]
pub enum AppError {
    /// A metric cannot be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A geo database cannot be used.
    #[error("{0}")]
    Geo(#[from] GeoError),
    /// The file of the purge log cannot be used.
    #[error("cache.purge_log: {}: {error}; make its folder writable for popgate's user, or write `off`", path.display())]
    PurgeLog {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Redis cannot be set up.
    #[error("cache.redis: {0}")]
    Redis(#[from] RedisLinkError),
    /// The KV store cannot be opened.
    #[error("{0}")]
    Kv(#[from] KvOpenError),
    /// An origin cannot be set up.
    #[error("{0}")]
    Origin(#[from] BuildError),
    /// The CA of an origin cannot be used.
    #[error(
        "origins.{0}.tls.ca: the certificates cannot be parsed; give a PEM file with the CA's certificates"
    )]
    Roots(String),
    /// A site's filters do not fit together.
    #[error("site {site}: {error}")]
    Filters {
        /// The site.
        site: String,
        /// What is wrong.
        error: ChainError,
    },
    /// The token of the admin listener cannot be read.
    #[error("admin.token_file: {0}")]
    AdminToken(String),
    /// The running admin listener may not be without a token.
    #[error(
        "admin.token_file: the admin listener runs on {0}, which is not loopback, until a restart; keep a token until then"
    )]
    OpenAdmin(std::net::SocketAddr),
    /// The access log cannot be opened.
    #[error("log.access: {0}; make the folder writable for popgate's user")]
    AccessLog(std::io::Error),
}

impl App {
    /// Builds all parts. Must run inside the runtime that serves requests: connections live there.
    ///
    /// # Errors
    /// Names the part of the configuration that cannot be used.
    pub async fn build(config: Config, clock: Clock) -> Result<Arc<Self>, AppError> {
        let metrics = Metrics::new()?;
        metrics.show_build(&config.pop);
        let geo = Geo::open(&config.geo, Arc::clone(&metrics))?;
        let link = redis_link(&config.cache, &metrics)?;
        let purges = purge_log(&config, &clock, &metrics)?;
        let cache = Tiered::new(
            &config.pop,
            &config.cache,
            link,
            purges,
            &metrics,
            clock.clone(),
            variant_slot,
        );
        let kv = kv::open(&config.kv, Arc::clone(&metrics), clock.clone())?;
        let origins = Origins::build(&config, &metrics)?;
        let access_log = AccessLog::open(&config.log, Arc::clone(&metrics)).map_err(AppError::AccessLog)?;
        let admin_token = admin_token(&config)?;
        let refresher = Refresher::default();
        let live = Live::build(config, (&origins, &refresher), &metrics)?;
        refresher.renew(|site| live.refresh_terms(&origins, site));
        Ok(Arc::new(Self {
            databases: Databases::new(Arc::clone(&metrics)),
            metrics,
            clock,
            life: Arc::default(),
            in_flight: InFlight::default(),
            geo,
            cache,
            kv: ArcSwap::new(kv),
            origins,
            snooping: Snooping::default(),
            sentinel: Sentinel::default(),
            refresher,
            advisor: Advisor::default(),
            access_log: ArcSwap::from_pointee(access_log),
            admin_token: ArcSwapOption::new(admin_token),
            requests: ReloadRequests::default(),
            live: ArcSwap::from_pointee(live),
        }))
    }

    /// [`Self::live`] for a moment: cheaper, but not to be held across a wait.
    #[must_use]
    pub fn live_now(&self) -> Guard<Arc<Live>> {
        self.live.load()
    }

    /// The configuration in force.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// The KV store.
    #[must_use]
    pub fn kv(&self) -> Arc<KvHandle> {
        self.kv.load_full()
    }

    /// The access log.
    #[must_use]
    pub fn access_log(&self) -> arc_swap::Guard<Arc<AccessLog>> {
        self.access_log.load()
    }

    /// What the admin listener asks for; `None`: nothing.
    #[must_use]
    pub fn admin_token(&self) -> Option<Arc<Token>> {
        self.admin_token.load_full()
    }

    /// Brings gauges that are sampled up to date, before a scrape.
    pub fn refresh_gauges(&self) {
        let stats = self.cache.stats();
        let bytes = i64::try_from(stats.memory_bytes).unwrap_or(i64::MAX);
        self.metrics.cache_bytes.with_label_values(&["memory"]).set(bytes);
        self.databases.show();
        let names = i64::try_from(self.advisor.names()).unwrap_or(i64::MAX);
        self.metrics.advise_names.set(names);
    }

    /// Starts what runs beside requests. Must run inside the runtime that serves requests.
    pub fn spawn_background(self: &Arc<Self>) {
        background::spawn(self);
    }

    /// Finishes background writes, within `deadline`.
    pub async fn drain(&self, deadline: std::time::Duration) {
        let kv = self.kv();
        tokio::join!(kv.drain(deadline), self.cache.drain(deadline));
        self.access_log().flush(deadline);
        info!("background writes drained");
    }
}

impl Live {
    /// Sites with their filters and origins.
    fn build(
        config: Config,
        (origins, refresher): (&Origins, &Refresher),
        metrics: &Metrics,
    ) -> Result<Self, AppError> {
        let mut sites = SiteTable::default();
        let mut purge_apis: HashMap<String, Vec<Arc<SiteRuntime>>> = HashMap::new();
        for site in &config.sites {
            let runtime = Arc::new(SiteRuntime {
                hits: HitMetrics::new(metrics, &site.name),
                config: Arc::clone(site),
                chain: chain(site)?,
                origin: site
                    .origin
                    .as_ref()
                    .and_then(|name| origins.get(name))
                    .map(site_origin)
                    .transpose()?,
                vary_cookies: VaryCookies::default(),
                refresh: refreshes(site).map(|_| refresher.site(&site.name)),
            });
            for host in &site.purge.api_hosts {
                purge_apis
                    .entry(host.clone())
                    .or_default()
                    .push(Arc::clone(&runtime));
            }
            for host in &site.hosts {
                sites.add(host, &site.path, Arc::clone(&runtime));
            }
        }
        Ok(Self {
            trusted: config.trusted_proxies.clone().into(),
            config: Arc::new(config),
            sites,
            purge_apis,
        })
    }

    /// What the site of this name allows to be refreshed after a purge.
    fn refresh_terms(&self, origins: &Origins, site: &str) -> Option<Terms> {
        let site = self.config.sites.iter().find(|known| known.name == site)?;
        let refresh = refreshes(site)?;
        Some(Terms {
            urls: refresh.urls,
            concurrent: refresh.concurrent,
            origin: Some(origins.get(site.origin.as_ref()?)?),
        })
    }
}

/// What a site wants refreshed after a purge, where that can be.
fn refreshes(site: &config::Site) -> Option<model::RefreshAfterPurge> {
    let refresh = site.cache.refresh_after_purge;
    refresh.filter(|_| site.cache.enabled && site.origin.is_some())
}

fn redis_link(cache: &model::Cache, metrics: &Arc<Metrics>) -> Result<Option<Arc<RedisLink>>, AppError> {
    let Some(redis) = &cache.redis else {
        return Ok(None);
    };
    Ok(Some(crate::cache::redis::link(redis, metrics)?))
}

fn admin_token(config: &Config) -> Result<Option<Arc<Token>>, AppError> {
    let Some(file) = &config.admin.token_file else {
        return Ok(None);
    };
    let token = Token::read(file).map_err(|error| AppError::AdminToken(error.to_string()))?;
    Ok(Some(Arc::new(token)))
}

/// The purge log, kept in a file where one is given.
fn purge_log(config: &Config, clock: &Clock, metrics: &Arc<Metrics>) -> Result<Arc<PurgeLog>, AppError> {
    let log = PurgeLog::new(purge_limits(config), clock.clone(), Arc::clone(metrics));
    log.set_journal(journal(&config.cache)?);
    Ok(log)
}

/// The file of the purge log.
fn journal(cache: &model::Cache) -> Result<NewJournal, AppError> {
    let path = cache.purge_log.as_deref();
    NewJournal::open(path, cache.redis.is_some()).map_err(|error| AppError::PurgeLog {
        path: cache.purge_log.clone().unwrap_or_default(),
        error,
    })
}

/// How long purges are remembered: as long as anything stored before them can live.
fn purge_limits(config: &Config) -> PurgeLimits {
    let life = config
        .sites
        .iter()
        .map(|site| site.cache.ttl_max + site.cache.stale_while_revalidate.max(site.cache.stale_if_error))
        .max()
        .unwrap_or_default();
    PurgeLimits {
        records: config.cache.purges_max,
        life,
        shared: config.cache.redis.is_some(),
        blind: config
            .cache
            .redis
            .as_ref()
            .map_or(config::model::BLIND_MAX, |redis| redis.blind_max),
    }
}

fn chain(site: &config::Site) -> Result<Chain, AppError> {
    let specs: Vec<_> = site
        .filters
        .iter()
        .map(|spec| (spec.name.as_str(), &spec.options))
        .collect();
    Chain::build(&specs).map_err(|errors| AppError::Filters {
        site: site.name.clone(),
        error: errors.into_iter().next().unwrap_or(ChainError {
            index: 0,
            key: String::new(),
            problem: "cannot be built".to_owned(),
            mend: String::new(),
        }),
    })
}

fn site_origin(pool: Arc<Origin>) -> Result<SiteOrigin, AppError> {
    let tls = pool.tls();
    let roots = match tls.as_ref().as_ref().and_then(|tls| tls.ca.as_ref()) {
        Some(certificates) => {
            Some(roots(certificates).ok_or_else(|| AppError::Roots(pool.name().to_owned()))?)
        }
        None => None,
    };
    Ok(SiteOrigin { pool, roots })
}
