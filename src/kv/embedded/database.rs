//! The redb file: two tables, blocking calls only.

use std::ops::Bound;
use std::path::Path;
use std::time::SystemTime;

use redb::{DatabaseError, Error, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use super::EmbeddedError;
use super::frame;
use crate::kv::store::Write;
use crate::kv::{Cursor, Item, Key, Page};

/// Key to framed item.
const ITEMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("items");
/// Expiry in milliseconds and key: what a sweep walks.
const EXPIRY: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("expiry");
/// redb's page cache; hot items are in the memory tier in front.
const PAGE_CACHE_BYTES: usize = 8 << 20;
/// Keys looked at for one page of a list, expired ones counted.
const LIST_SCAN_MAX: usize = 10_000;

pub(super) struct Database(redb::Database);

impl Database {
    /// Opens or creates `folder/kv.redb`.
    pub(super) fn open(folder: &Path) -> Result<Self, EmbeddedError> {
        std::fs::create_dir_all(folder).map_err(|source| EmbeddedError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        let file = folder.join("kv.redb");
        let opened = redb::Builder::new()
            .set_cache_size(PAGE_CACHE_BYTES)
            .create(&file);
        let database = opened.map_err(|error| explain(&file, error)).map(Self)?;
        database.create_tables().map_err(|error| match error {
            Error::Io(source) => EmbeddedError::Unusable { file, source },
            error => EmbeddedError::Corrupt {
                file,
                detail: error.to_string(),
            },
        })?;
        Ok(database)
    }

    fn create_tables(&self) -> Result<(), Error> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(ITEMS)?;
        transaction.open_table(EXPIRY)?;
        transaction.commit()?;
        Ok(())
    }

    /// The item under `key` unless it is expired at `now`.
    pub(super) fn get(&self, key: &Key, now: SystemTime) -> Result<Option<Item>, Error> {
        let items = self.0.begin_read()?.open_table(ITEMS)?;
        let frame = items.get(key.as_str())?;
        let item = frame.and_then(|frame| frame::decode(frame.value()));
        Ok(item.filter(|item| !item.is_expired(now)))
    }

    /// All writes in one transaction; for each, whether it changed something.
    pub(super) fn write(&self, writes: &[Write], now: SystemTime) -> Result<Vec<bool>, Error> {
        let transaction = self.0.begin_write()?;
        let mut changed = Vec::with_capacity(writes.len());
        {
            let mut items = transaction.open_table(ITEMS)?;
            let mut expiry = transaction.open_table(EXPIRY)?;
            for write in writes {
                let key = write.key().as_str();
                // Some(0): there and never expiring, or of a version that this one does not know.
                let old = items
                    .get(key)?
                    .map(|frame| frame::expiry_millis(frame.value()).unwrap_or(0));
                let alive = old.is_some_and(|expiry| !frame::is_due(expiry, now));
                if let Write::Put {
                    only_if_absent: true, ..
                } = write
                    && alive
                {
                    changed.push(false);
                    continue;
                }
                if let Some(millis) = old.filter(|millis| *millis != 0) {
                    expiry.remove((millis, key))?;
                }
                match write {
                    Write::Put { item, .. } => {
                        if let Some(at) = item.expires_at {
                            expiry.insert((frame::millis(at), key), ())?;
                        }
                        items.insert(key, frame::encode(item).as_slice())?;
                        changed.push(true);
                    }
                    Write::Delete { .. } => {
                        items.remove(key)?;
                        changed.push(alive);
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(changed)
    }

    /// Sorted keys with `prefix` after `after`.
    pub(super) fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: SystemTime,
    ) -> Result<Page, Error> {
        let items = self.0.begin_read()?.open_table(ITEMS)?;
        let start = match after.filter(|after| *after >= prefix) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let mut page = Page::default();
        let mut last = String::new();
        for (seen, entry) in items.range::<&str>((start, Bound::Unbounded))?.enumerate() {
            let (key, frame) = entry?;
            if !key.value().starts_with(prefix) {
                return Ok(page);
            }
            if page.keys.len() == limit || seen == LIST_SCAN_MAX {
                page.next = Some(Cursor(last));
                return Ok(page);
            }
            key.value().clone_into(&mut last);
            let expires = frame::expiry_millis(frame.value()).unwrap_or(0);
            if !frame::is_due(expires, now)
                && let Ok(key) = Key::new(key.value())
            {
                page.keys.push(key);
            }
        }
        Ok(page)
    }

    /// Removes at most `max` items that have expired at `now`; how many.
    pub(super) fn sweep(&self, now: SystemTime, max: usize) -> Result<usize, Error> {
        let due = self.due(now, max)?;
        if due.is_empty() {
            return Ok(0);
        }
        let transaction = self.0.begin_write()?;
        {
            let mut items = transaction.open_table(ITEMS)?;
            let mut expiry = transaction.open_table(EXPIRY)?;
            for (millis, key) in &due {
                expiry.remove((*millis, key.as_str()))?;
                // A newer value of the same key has another expiry.
                let same = items
                    .get(key.as_str())?
                    .is_some_and(|frame| frame::expiry_millis(frame.value()) == Some(*millis));
                if same {
                    items.remove(key.as_str())?;
                }
            }
        }
        transaction.commit()?;
        Ok(due.len())
    }

    fn due(&self, now: SystemTime, max: usize) -> Result<Vec<(u64, String)>, Error> {
        let expiry = self.0.begin_read()?.open_table(EXPIRY)?;
        let mut due = Vec::new();
        for entry in expiry
            .range(..(frame::whole_millis(now).saturating_add(1), ""))?
            .take(max)
        {
            let (key, ()) = entry.map(|(key, _)| (key, ()))?;
            let (millis, key) = key.value();
            due.push((millis, key.to_owned()));
        }
        Ok(due)
    }
}

fn explain(file: &Path, error: DatabaseError) -> EmbeddedError {
    let file = file.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => EmbeddedError::Locked { file },
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(
                source.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            EmbeddedError::Unusable { file, source }
        }
        error => EmbeddedError::Corrupt {
            file,
            detail: error.to_string(),
        },
    }
}
