//! The open database file, opened again after a disk error.
//!
//! redb refuses everything after an I/O error until the file is opened anew, even when the disk has room
//! again. Opening again also repairs, which reads the whole file, so it is tried once in a while only.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use redb::{Database, DatabaseError, Error};

use super::EmbeddedError;

/// redb's page cache; hot items are in the memory tier in front.
const PAGE_CACHE_BYTES: usize = 8 << 20;
/// Between two attempts to open the file again.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct File {
    path: PathBuf,
    /// Set by the first I/O error.
    broken: AtomicBool,
    open: RwLock<Open>,
}

struct Open {
    /// `None` while it cannot be opened again.
    database: Option<Database>,
    tried: Instant,
}

impl File {
    /// Opens or creates `folder/kv.redb`.
    pub(super) fn open(folder: &Path) -> Result<Self, EmbeddedError> {
        std::fs::create_dir_all(folder).map_err(|source| EmbeddedError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        let path = folder.join("kv.redb");
        let database = open(&path).map_err(|error| explain(&path, error.into()))?;
        let open = RwLock::new(Open {
            database: Some(database),
            tried: Instant::now(),
        });
        Ok(Self {
            path,
            broken: AtomicBool::new(false),
            open,
        })
    }

    /// An error of the database as one that names the file and the mend.
    pub(super) fn explain(&self, error: Error) -> EmbeddedError {
        explain(&self.path, error)
    }

    /// Works on the database; blocks. After an I/O error the file is opened again before the next work.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, Error> {
        if self.broken.load(Ordering::Acquire) {
            self.reopen();
        }
        let open = self.open.read();
        let result = work(open.database.as_ref().ok_or(Error::PreviousIo)?);
        if let Err(error @ (Error::Io(_) | Error::PreviousIo)) = &result
            && !self.broken.swap(true, Ordering::AcqRel)
        {
            tracing::warn!(file = %self.path.display(), %error, "kv database failed");
        }
        result
    }

    fn reopen(&self) {
        let mut file = self.open.write();
        if !self.broken.load(Ordering::Acquire) || file.tried.elapsed() < REOPEN_INTERVAL {
            return;
        }
        file.tried = Instant::now();
        // Closed first: its lock would keep us out.
        file.database = None;
        match open(&self.path) {
            Ok(database) => {
                file.database = Some(database);
                self.broken.store(false, Ordering::Release);
                tracing::info!(file = %self.path.display(), "kv database is open again");
            }
            Err(error) => tracing::debug!(file = %self.path.display(), %error, "kv database stays closed"),
        }
    }
}

fn open(path: &Path) -> Result<Database, DatabaseError> {
    redb::Builder::new().set_cache_size(PAGE_CACHE_BYTES).create(path)
}

fn explain(path: &Path, error: Error) -> EmbeddedError {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    let file = path.to_owned();
    match error {
        Error::DatabaseAlreadyOpen => EmbeddedError::Locked { file },
        Error::Io(source) if !matches!(source.kind(), InvalidData | UnexpectedEof) => {
            EmbeddedError::Unusable { file, source }
        }
        error => EmbeddedError::Corrupt {
            file,
            detail: error.to_string(),
        },
    }
}
