//! Notices that a file was replaced or rewritten.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::mmdb::Database;

/// Identity of a file's content as far as the file system tells: replaced, rewritten or touched, it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Modification and status change, seconds and nanoseconds. The latter also moves when a file of the same
    /// length is written over with its old modification time kept.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file at `path`, links followed; `None` when there is none.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path)
            .ok()
            .map(|metadata| Self::from_metadata(&metadata))
    }

    /// The stamp of an open file.
    #[must_use]
    pub fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What was last tried with a file. Each state of a file is read once.
#[derive(Debug)]
pub struct Watched {
    tried: Option<Stamp>,
    failed: bool,
}

impl Watched {
    /// The file as it was when `database` was read from it.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            tried: Some(database.stamp().clone()),
            failed: false,
        }
    }

    /// Reads the file of `current` anew when it changed since the last try: the new database, or an error
    /// that has been logged.
    pub fn poll(&mut self, current: &Database) -> Option<Result<Database, ()>> {
        let path = current.path();
        let stamp = Stamp::of(path);
        if stamp == self.tried {
            return None;
        }
        if stamp.as_ref() == Some(current.stamp()) {
            // The very file in use is back.
            self.tried = stamp;
            self.recovered(path, current.kind());
            return None;
        }
        self.tried = stamp;
        match current.reopen() {
            Ok(new) => {
                self.tried = Some(new.stamp().clone());
                self.failed = false;
                tracing::info!(path = %path.display(), kind = new.kind(), "geo database replaced");
                Some(Ok(new))
            }
            Err(error) => {
                self.failed = true;
                tracing::error!(%error, "geo database not replaced, the old one stays in use");
                Some(Err(()))
            }
        }
    }

    fn recovered(&mut self, path: &Path, kind: &str) {
        if std::mem::take(&mut self.failed) {
            tracing::info!(path = %path.display(), kind, "geo database is back");
        }
    }
}
