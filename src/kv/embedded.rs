//! The embedded store: one redb file in a folder.
//!
//! A commit is on disk before its writers hear of it, so kill -9 loses nothing that was acknowledged. redb
//! has one writer at a time; the handle's writer gives it many writes per transaction. Expired items are
//! invisible at once and removed by a sweep over an index ordered by expiry, a bounded batch per
//! transaction. All file access happens on threads of its own.

mod database;
mod file;
mod frame;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::store::{Store, Write, Written};
use super::{Cursor, Item, Key, KvError, Page};
use crate::clock::Clock;
use database::Database;
use threads::{Threads, blocking};

/// Between two sweeps that found nothing left to do.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// Items removed in one transaction, so that writers never wait long behind a sweep.
const SWEEP_BATCH: usize = 1000;
/// Reads on their way to a thread at the same time; more wait in line, within their own timeout.
const READS_MAX: usize = 32;

/// Why the embedded store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The folder cannot be made.
    #[error("cannot create the kv folder {}: {source}; create it for popgate's user or name another in kv.path", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the kv database {} is in use by another process; stop that one or name another folder in kv.path", file.display())]
    Locked {
        /// The database file.
        file: PathBuf,
    },
    /// No more threads.
    #[error(
        "cannot start the threads of the kv database: {0}; raise the limit of threads (TasksMax of the unit)"
    )]
    Threads(std::io::Error),
    /// No permission, a full or read-only disk.
    #[error("cannot open the kv database {}: {source}; it must be readable and writable by popgate's user", file.display())]
    Unusable {
        /// The database file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a database, or a damaged one.
    #[error("the kv database {} is damaged ({detail}); restore it, or move it away to start empty", file.display())]
    Corrupt {
        /// The database file.
        file: PathBuf,
        /// What redb says.
        detail: String,
    },
}

pub(super) struct EmbeddedStore {
    database: Arc<Database>,
    clock: Clock,
    reads: Semaphore,
    sweeper: AbortHandle,
    threads: Threads,
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl EmbeddedStore {
    /// Opens or creates `folder/kv.redb`, repairing it after a crash.
    pub(super) fn open(folder: &Path, clock: Clock) -> Result<Arc<Self>, EmbeddedError> {
        let database = Arc::new(Database::open(folder)?);
        let threads = Threads::new().map_err(EmbeddedError::Threads)?;
        let sweeping = sweep(Arc::downgrade(&database), clock.clone(), threads.handle().clone());
        let sweeper = tokio::spawn(sweeping).abort_handle();
        Ok(Arc::new(Self {
            database,
            clock,
            reads: Semaphore::new(READS_MAX),
            sweeper,
            threads,
        }))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database, SystemTime) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, KvError> {
        let _permit = self.reads.acquire().await.map_err(|_| KvError::Closed)?;
        let database = Arc::clone(&self.database);
        let now = self.clock.now();
        blocking(self.threads.handle(), move || read(&database, now)).await
    }
}

/// Holds the database only while it works, so that dropping the store closes the file.
async fn sweep(database: Weak<Database>, clock: Clock, threads: Handle) {
    let mut failing = false;
    while let Some(database) = database.upgrade() {
        let now = clock.now();
        let swept = blocking(&threads, move || database.sweep(now, SWEEP_BATCH)).await;
        match &swept {
            Err(error) if !failing => tracing::warn!(%error, "expired kv items cannot be removed"),
            _ => {}
        }
        failing = swept.is_err();
        if swept.unwrap_or(0) < SWEEP_BATCH {
            tokio::time::sleep(SWEEP_INTERVAL).await;
        }
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, KvError> {
        let key = key.clone();
        self.read(move |database, now| database.get(&key, now)).await
    }

    async fn write(&self, writes: Vec<Write>) -> Vec<Written> {
        let database = Arc::clone(&self.database);
        let now = self.clock.now();
        let count = writes.len();
        match blocking(self.threads.handle(), move || database.write(&writes, now)).await {
            Ok(changed) => changed.into_iter().map(Ok).collect(),
            // One transaction: none of them happened.
            Err(error) => vec![Err(error); count],
        }
    }

    async fn list(&self, prefix: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Page, KvError> {
        let prefix = prefix.to_owned();
        let after = cursor.map(|cursor| cursor.0.clone());
        self.read(move |database, now| database.list(&prefix, after.as_deref(), limit, now))
            .await
    }
}

#[cfg(test)]
mod tests;
