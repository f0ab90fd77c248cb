//! One mmdb file, held in memory as a whole. It is never mapped: a file that is cut short under a mapping
//! kills the process.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::Reader;

use super::GeoError;
use super::layout::Fields;
use super::validate;
use super::watch::Stamp;

/// Largest file that is read: 2 GiB, several times the largest database sold.
const BYTES_MAX: u64 = 2 << 30;

/// An open database.
pub struct Database {
    path: PathBuf,
    stamp: Stamp,
    reader: Reader<Vec<u8>>,
    offers: Offers,
}

/// What a database can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offers {
    /// Countries.
    pub country: bool,
    /// Cities, regions, positions, postal codes or time zones.
    pub place: bool,
    /// Autonomous system numbers.
    pub asn: bool,
    /// Tor exits.
    pub tor: bool,
}

impl Offers {
    /// Whether it can tell nothing that popgate asks for.
    #[must_use]
    pub fn nothing(self) -> bool {
        self == Self::default()
    }

    /// What `new` lacks of this, places not counted: a country database may follow a city database.
    fn lost_in(self, new: Self) -> Option<&'static str> {
        match (self, new) {
            (old, new) if old.country && !new.country => Some("a country"),
            (old, new) if old.asn && !new.asn => Some("a network number"),
            (old, new) if old.tor && !new.tor => Some("Tor exits"),
            _ => None,
        }
    }
}

/// What `popgate check` says about a good file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// `database_type` of its metadata.
    pub kind: String,
    /// When it was built, in seconds since the epoch.
    pub built: u64,
    /// What it can tell.
    pub offers: Offers,
}

/// Reads and validates a file as [`super::Geo::open`] does.
///
/// # Errors
/// When it is missing, corrupt or of no use.
pub fn check(path: &Path) -> Result<Summary, GeoError> {
    let database = Database::open(path)?;
    Ok(Summary {
        kind: database.kind().to_owned(),
        built: database.reader.metadata().build_epoch,
        offers: database.offers,
    })
}

/// Validates the bytes of a file: separator, every record of the tree, look-ups over the address space.
///
/// # Errors
/// What does not hold.
pub fn validate(bytes: &[u8]) -> Result<Offers, String> {
    validate::database(bytes)
}

impl Database {
    /// Reads a file and validates it: metadata, tree bounds, sample look-ups over the whole address space.
    ///
    /// # Errors
    /// When it is missing, corrupt or of no use.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let (bytes, stamp) = read(path)?;
        let corrupt = |problem: String| GeoError::Corrupt {
            path: path.to_owned(),
            problem,
        };
        if bytes.is_empty() {
            return Err(corrupt("it is empty".to_owned()));
        }
        let offers = validate(&bytes).map_err(corrupt)?;
        let reader = Reader::from_source(bytes).map_err(|error| corrupt(error.to_string()))?;
        let database = Self {
            path: path.to_owned(),
            stamp,
            reader,
            offers,
        };
        if offers.nothing() {
            return Err(GeoError::NothingKnown {
                path: database.path.clone(),
                kind: database.kind().to_owned(),
            });
        }
        Ok(database)
    }

    /// Reads the file anew; refuses one that no longer gives what this one gives.
    ///
    /// # Errors
    /// As [`Database::open`], and when the new file is of another kind.
    pub fn reopen(&self) -> Result<Self, GeoError> {
        let new = Self::open(&self.path)?;
        match self.offers.lost_in(new.offers) {
            Some(lost) => Err(GeoError::OtherKind {
                path: self.path.clone(),
                kind: new.kind().to_owned(),
                lost,
            }),
            None => Ok(new),
        }
    }

    /// What it says about `ip`; `None` also for IPv6 in an IPv4 database and for a record that does not decode.
    #[must_use]
    pub fn find(&self, ip: IpAddr) -> Option<Fields<'_>> {
        self.reader.lookup(ip).ok()?.decode().ok()?
    }

    /// What it can tell.
    #[must_use]
    pub fn offers(&self) -> Offers {
        self.offers
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `database_type` of its metadata.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// Identity of the file it was read from.
    #[must_use]
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Whether the file is still the one it was read from.
    #[must_use]
    pub fn is_current(&self) -> bool {
        Stamp::of(&self.path).as_ref() == Some(&self.stamp)
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .field("kind", &self.kind())
            .field("offers", &self.offers)
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<(Vec<u8>, Stamp), GeoError> {
    let failed = |source| GeoError::Read {
        path: path.to_owned(),
        source,
    };
    let refused = |problem| GeoError::NotADatabaseFile {
        path: path.to_owned(),
        problem,
    };
    // Opening a pipe would wait for its writer, so the kind of file comes first.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(refused("not a regular file"));
    }
    let mut file = File::open(path).map_err(failed)?;
    let before = file.metadata().map_err(failed)?;
    if before.len() > BYTES_MAX {
        return Err(refused("larger than 2 GiB"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0) + 1);
    file.by_ref()
        .take(BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let stamp = Stamp::from_metadata(&before);
    if stamp != Stamp::from_metadata(&file.metadata().map_err(failed)?) {
        return Err(GeoError::Corrupt {
            path: path.to_owned(),
            problem: "it changed while it was read".to_owned(),
        });
    }
    Ok((bytes, stamp))
}
