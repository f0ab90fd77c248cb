//! Where an address is: mmdb databases of any vendor's layout, a static table in front, live replacement.
//!
//! The static `networks` table wins field by field; then the databases are asked in order and the first that
//! knows a field wins, except that a Tor exit known to any of them is `T1`. A look-up reads a snapshot and
//! takes no lock. [`Geo::poll`] looks for replaced files; one that cannot be read, is corrupt or is of
//! another kind than before leaves the old one in use.

mod layout;
pub mod mmdb;
mod networks;
mod validate;
mod watch;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use popgate_filters::GeoRecord;
use prometheus::IntCounter;

use crate::config;
use crate::telemetry::metrics::Metrics;

use layout::Fields;
use mmdb::Database;
use networks::Networks;
use watch::Watched;

/// Why a geo source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file cannot be opened or read.
    #[error("geo database {path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder, a device or something larger than any database.
    #[error("geo database {path}: {problem}; name an mmdb file")]
    NotADatabaseFile {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        problem: &'static str,
    },
    /// Truncated, damaged or not an mmdb at all.
    #[error("geo database {path}: corrupt or not an mmdb file: {problem}; download it again")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        problem: String,
    },
    /// Sound, but about something else.
    #[error("geo database {path}: type `{kind}` knows neither country, city, network number nor Tor exits")]
    NothingKnown {
        /// The file.
        path: PathBuf,
        /// `database_type` of its metadata.
        kind: String,
    },
    /// None of the databases knows countries, and the table names none.
    #[error(
        "geo database {path}: type `{kind}` gives no country and no other source does; add a country or city database"
    )]
    NoCountry {
        /// The first database.
        path: PathBuf,
        /// `database_type` of its metadata.
        kind: String,
    },
    /// The new file does not give what the old one gave.
    #[error(
        "geo database {path}: the new file of type `{kind}` no longer gives {lost}; is it the right one?"
    )]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// `database_type` of its metadata.
        kind: String,
        /// What went missing.
        lost: &'static str,
    },
}

/// The geo sources in use. Shared; look-ups take no lock.
#[derive(Debug)]
pub struct Geo {
    current: ArcSwap<Snapshot>,
    /// Held while the snapshot is replaced, so that `poll` and `commit` do not overtake each other.
    watched: Mutex<Vec<Watched>>,
    counters: Counters,
}

#[derive(Debug)]
struct Snapshot {
    networks: Networks,
    databases: Vec<Arc<Database>>,
}

/// Sources that were read and wait to be taken over.
#[derive(Debug)]
pub struct Prepared(Snapshot);

#[derive(Debug)]
struct Counters {
    network: IntCounter,
    database: IntCounter,
    unknown: IntCounter,
    reload_ok: IntCounter,
    reload_error: IntCounter,
}

impl Geo {
    /// Reads all sources. Reads whole files: call it where blocking is allowed.
    ///
    /// # Errors
    /// The first database that is missing, corrupt or of no use, named; see [`check`] for all of them.
    pub fn open(config: &config::Geo, metrics: Arc<Metrics>) -> Result<Self, GeoError> {
        let snapshot = Snapshot::open(config, &[])?;
        let lookups = |result: &str| metrics.geo_lookups.with_label_values(&[result]);
        let reloads = |result: &str| metrics.geo_reloads.with_label_values(&[result]);
        Ok(Self {
            watched: Mutex::new(snapshot.watched()),
            current: ArcSwap::from_pointee(snapshot),
            counters: Counters {
                network: lookups("network"),
                database: lookups("database"),
                unknown: lookups("unknown"),
                reload_ok: reloads("ok"),
                reload_error: reloads("error"),
            },
        })
    }

    /// Where `ip` is. `None`: no source is configured. A record without a country: the address is in no source.
    #[must_use]
    pub fn lookup(&self, ip: IpAddr) -> Option<GeoRecord> {
        let snapshot = self.current.load();
        if snapshot.networks.is_empty() && snapshot.databases.is_empty() {
            return None;
        }
        let ip = ip.to_canonical();
        let row = snapshot.networks.find(ip);
        let mut fields = Fields::default();
        for database in &snapshot.databases {
            if let Some(found) = database.find(ip) {
                fields.fill_from(found);
            }
        }
        let found = fields.into_record();
        match (row, found.is_empty()) {
            (Some(_), _) => self.counters.network.inc(),
            (None, false) => self.counters.database.inc(),
            (None, true) => self.counters.unknown.inc(),
        }
        match row {
            Some(row) => {
                let mut record = row.clone();
                record.fill_from(found);
                Some(record)
            }
            None => Some(found),
        }
    }

    /// Looks whether a database file was replaced and reads it anew. One that is no good leaves the old one in
    /// use, is counted and logged once, and is read again when the file changes again. Blocks on disk reads.
    pub fn poll(&self) {
        let mut watched = self.watched.lock();
        let old = self.current.load_full();
        let mut databases = old.databases.clone();
        let mut changed = false;
        for (database, file) in databases.iter_mut().zip(watched.iter_mut()) {
            match file.poll(database) {
                None => {}
                Some(Ok(new)) => {
                    *database = Arc::new(new);
                    changed = true;
                    self.counters.reload_ok.inc();
                }
                Some(Err(())) => self.counters.reload_error.inc(),
            }
        }
        if changed {
            let networks = old.networks.clone();
            self.current.store(Arc::new(Snapshot { networks, databases }));
        }
    }

    /// Reads the sources of a new configuration, so that a reload of several parts can be given up as a whole.
    /// Files that did not change are not read again. Blocks on disk reads.
    ///
    /// # Errors
    /// As [`Geo::open`]; nothing changes until [`Geo::commit`].
    pub fn prepare(&self, config: &config::Geo) -> Result<Prepared, GeoError> {
        let old = self.current.load_full();
        Ok(Prepared(Snapshot::open(config, &old.databases)?))
    }

    /// Takes over what was prepared. A file replaced in between is noticed by the next [`Geo::poll`].
    pub fn commit(&self, prepared: Prepared) {
        let mut watched = self.watched.lock();
        *watched = prepared.0.watched();
        self.current.store(Arc::new(prepared.0));
    }

    /// [`Geo::prepare`] and [`Geo::commit`] in one.
    ///
    /// # Errors
    /// As [`Geo::open`]; the old sources stay in use.
    pub fn replace(&self, config: &config::Geo) -> Result<(), GeoError> {
        self.commit(self.prepare(config)?);
        Ok(())
    }
}

impl Snapshot {
    fn open(config: &config::Geo, reusable: &[Arc<Database>]) -> Result<Self, GeoError> {
        let mut databases = Vec::with_capacity(config.databases.len());
        for path in &config.databases {
            let unchanged = reusable
                .iter()
                .find(|database| database.path() == path && database.is_current());
            databases.push(match unchanged {
                Some(database) => Arc::clone(database),
                None => Arc::new(Database::open(path)?),
            });
        }
        let snapshot = Self {
            networks: Networks::new(&config.networks),
            databases,
        };
        match snapshot.without_country() {
            Some(error) => Err(error),
            None => Ok(snapshot),
        }
    }

    /// Databases were named, but `CF-IPCountry` would be `XX` for everybody.
    fn without_country(&self) -> Option<GeoError> {
        let first = self.databases.first()?;
        let known = self.databases.iter().any(|database| database.offers().country);
        (!known && !self.networks.name_a_country()).then(|| GeoError::NoCountry {
            path: first.path().to_owned(),
            kind: first.kind().to_owned(),
        })
    }

    fn watched(&self) -> Vec<Watched> {
        self.databases
            .iter()
            .map(|database| Watched::new(database))
            .collect()
    }
}

/// All that is wrong with the geo sources of a configuration; for `popgate check`.
#[must_use]
pub fn check(config: &config::Geo) -> Vec<GeoError> {
    let distinct: BTreeSet<_> = config.databases.iter().collect();
    let errors: Vec<_> = distinct
        .into_iter()
        .filter_map(|path| mmdb::check(path).err())
        .collect();
    if errors.is_empty() {
        return Snapshot::open(config, &[]).err().into_iter().collect();
    }
    errors
}

#[cfg(test)]
#[path = "../tests/support/mmdb_writer.rs"]
mod mmdb_writer;
#[cfg(test)]
mod tests;
