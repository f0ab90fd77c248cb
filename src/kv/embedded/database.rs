//! The redb file: two tables, blocking calls only.

use std::ops::Bound;
use std::path::Path;
use std::time::SystemTime;

use redb::{Error, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition};

use super::file::File;
use super::{EmbeddedError, frame};
use crate::kv::store::Write;
use crate::kv::{Cursor, Item, Key, Page};

/// Key to framed item.
const ITEMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("items");
/// Expiry in milliseconds and key: what a sweep walks.
const EXPIRY: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("expiry");
type Items<'t> = Table<'t, &'static str, &'static [u8]>;
type Expiries<'t> = Table<'t, (u64, &'static str), ()>;
/// Keys looked at for one page of a list, expired ones counted.
const LIST_SCAN_MAX: usize = 10_000;

pub(super) struct Database {
    file: File,
}

impl Database {
    /// Opens or creates the database in `folder`.
    pub(super) fn open(folder: &Path) -> Result<Self, EmbeddedError> {
        let file = File::open(folder)?;
        file.with(|database| {
            let transaction = database.begin_write()?;
            transaction.open_table(ITEMS)?;
            transaction.open_table(EXPIRY)?;
            transaction.commit()?;
            Ok(())
        })
        .map_err(|error| file.explain(error))?;
        Ok(Self { file })
    }

    /// The item under `key` unless it is expired at `now`.
    pub(super) fn get(&self, key: &Key, now: SystemTime) -> Result<Option<Item>, Error> {
        self.file.with(|database| {
            let items = database.begin_read()?.open_table(ITEMS)?;
            let frame = items.get(key.as_str())?;
            let item = frame.and_then(|frame| frame::decode(frame.value()));
            Ok(item.filter(|item| !item.is_expired(now)))
        })
    }

    /// All writes in one transaction; for each, whether it changed something.
    pub(super) fn write(&self, writes: &[Write], now: SystemTime) -> Result<Vec<bool>, Error> {
        self.file.with(|database| {
            let transaction = database.begin_write()?;
            let changed = {
                let mut items = transaction.open_table(ITEMS)?;
                let mut expiry = transaction.open_table(EXPIRY)?;
                let carried_out = writes
                    .iter()
                    .map(|write| carry_out(&mut items, &mut expiry, write, now));
                carried_out.collect::<Result<Vec<bool>, Error>>()?
            };
            transaction.commit()?;
            Ok(changed)
        })
    }

    /// Sorted keys with `prefix` after `after`.
    pub(super) fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: SystemTime,
    ) -> Result<Page, Error> {
        self.file.with(|database| {
            let items = database.begin_read()?.open_table(ITEMS)?;
            let start = match after.filter(|after| *after >= prefix) {
                Some(after) => Bound::Excluded(after),
                None => Bound::Included(prefix),
            };
            page(
                items.range::<&str>((start, Bound::Unbounded))?,
                prefix,
                limit,
                now,
            )
        })
    }

    /// Removes at most `max` items that have expired at `now`; how many.
    pub(super) fn sweep(&self, now: SystemTime, max: usize) -> Result<usize, Error> {
        self.file.with(|database| {
            let due = due(&database.begin_read()?.open_table(EXPIRY)?, now, max)?;
            if due.is_empty() {
                return Ok(0);
            }
            let transaction = database.begin_write()?;
            {
                let mut items = transaction.open_table(ITEMS)?;
                let mut expiry = transaction.open_table(EXPIRY)?;
                for (millis, key) in &due {
                    expiry.remove((*millis, key.as_str()))?;
                    // A newer value of the same key has another expiry.
                    if expiry_of(&items, key)? == Some(*millis) {
                        items.remove(key.as_str())?;
                    }
                }
            }
            transaction.commit()?;
            Ok(due.len())
        })
    }
}

/// One write; whether it changed something.
fn carry_out(
    items: &mut Items<'_>,
    expiry: &mut Expiries<'_>,
    write: &Write,
    now: SystemTime,
) -> Result<bool, Error> {
    let key = write.key().as_str();
    let old = expiry_of(items, key)?;
    let alive = old.is_some_and(|expiry| !frame::is_due(expiry, now));
    if alive
        && matches!(
            write,
            Write::Put {
                only_if_absent: true,
                ..
            }
        )
    {
        return Ok(false);
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
            Ok(true)
        }
        Write::Delete { .. } => {
            items.remove(key)?;
            Ok(alive)
        }
    }
}

/// A stored item's expiry; 0 when it never expires, or is of a version that this one does not know.
fn expiry_of(items: &Items<'_>, key: &str) -> Result<Option<u64>, Error> {
    Ok(items
        .get(key)?
        .map(|frame| frame::expiry_millis(frame.value()).unwrap_or(0)))
}

fn page(
    entries: redb::Range<'_, &'static str, &'static [u8]>,
    prefix: &str,
    limit: usize,
    now: SystemTime,
) -> Result<Page, Error> {
    let mut page = Page::default();
    let mut last = String::new();
    for (seen, entry) in entries.enumerate() {
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

/// The first `max` entries of the index that have come due.
fn due(
    expiry: &ReadOnlyTable<(u64, &'static str), ()>,
    now: SystemTime,
    max: usize,
) -> Result<Vec<(u64, String)>, Error> {
    let end = (frame::whole_millis(now).saturating_add(1), "");
    let mut due = Vec::new();
    for entry in expiry.range(..end)?.take(max) {
        let (entry, _) = entry?;
        let (millis, key) = entry.value();
        due.push((millis, key.to_owned()));
    }
    Ok(due)
}
