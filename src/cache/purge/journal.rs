//! The file that keeps purges over a restart.
//!
//! In a log of one's own it holds the last purges. In a shared log it holds those that are not in Redis yet:
//! a line is written before a purge is announced, and the file is emptied when nothing waits any more. One
//! line a purge: place, milliseconds since the epoch, record. A file that grew too large starts anew; in a
//! shared log with a purge of everything, which stands for all that were in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::record::Record;
use super::request::Scope;
use super::stream_id::StreamId;

/// Bytes after which a file starts anew.
const BYTES_MAX: u64 = 4 << 20;

/// One purge in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its place here.
    pub(super) place: StreamId,
    /// When it was made.
    pub(super) at: SystemTime,
    /// What it purges.
    pub(super) record: Record,
}

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    open: Mutex<Open>,
    shared: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// A write failed and it was said.
    failing: bool,
}

impl Journal {
    /// Opens the file, making it and its folder when they are missing, and reads it. Lines that cannot be
    /// read purge everything softly, as records in Redis do.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub(super) fn open(path: &Path, shared: bool) -> io::Result<(Self, Vec<Line>)> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut bytes = Vec::new();
        (&mut file).take(2 * BYTES_MAX).read_to_end(&mut bytes)?;
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(Line::read)
            .collect();
        file.seek(SeekFrom::End(0))?;
        let bytes = file.metadata()?.len();
        let open = Mutex::new(Open {
            file,
            bytes,
            failing: false,
        });
        Ok((Self { open, shared }, lines))
    }

    /// Adds a purge.
    pub(super) fn append(&self, line: &Line) {
        let mut open = self.open.lock();
        let result = if open.bytes > BYTES_MAX {
            let first = if self.shared { line.widened() } else { line.clone() };
            open.start_anew(first.text().as_bytes())
        } else {
            open.write(line.text().as_bytes())
        };
        open.say(result);
    }

    /// Empties the file: nothing in it is needed any more.
    pub(super) fn clear(&self) {
        let mut open = self.open.lock();
        if open.bytes > 0 {
            let result = open.start_anew(b"");
            open.say(result);
        }
    }

    /// Waits until what was added is on the disk.
    pub(super) fn sync(&self) {
        let mut open = self.open.lock();
        let result = open.file.sync_data();
        open.say(result);
    }
}

impl Open {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.write_all(text)?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn start_anew(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.bytes = 0;
        self.write(text)
    }

    /// Once per bad time.
    fn say(&mut self, result: io::Result<()>) {
        if let Err(error) = &result
            && !self.failing
        {
            tracing::warn!(%error, "purges cannot be written to cache.purge_log: a restart would forget those that wait");
        }
        self.failing = result.is_err();
    }
}

impl Line {
    fn text(&self) -> String {
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        format!("{} {at} {}\n", self.place, self.record.to_json())
    }

    /// A line that stands for all before it, too.
    fn widened(&self) -> Self {
        Self {
            record: Record {
                by: self.record.by,
                hard: true,
                scopes: vec![Scope::Everything],
            },
            ..self.clone()
        }
    }

    fn read(text: &[u8]) -> Self {
        Self::parse(text).unwrap_or_else(|| Self {
            place: StreamId::default(),
            at: UNIX_EPOCH,
            record: Record::unknown(),
        })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(3, |byte| *byte == b' ');
        let place = StreamId::parse(parts.next()?)?;
        let millis = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
        Some(Self {
            place,
            at: UNIX_EPOCH.checked_add(Duration::from_millis(millis))?,
            record: Record::from_json(parts.next()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u64, scope: Scope) -> Line {
        Line {
            place: StreamId::parse(format!("1700000000000-{n}").as_bytes()).unwrap(),
            at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + n),
            record: Record {
                by: 7,
                hard: false,
                scopes: vec![scope],
            },
        }
    }

    #[test]
    fn what_was_added_is_there_after_a_restart_until_it_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/purges");
        let lines = [line(1, Scope::Tag("a".into())), line(2, Scope::Host("b".into()))];
        let (journal, none) = Journal::open(&path, true).unwrap();
        assert_eq!(none, []);
        lines.iter().for_each(|line| journal.append(line));
        journal.sync();
        let (again, read) = Journal::open(&path, true).unwrap();
        assert_eq!(read, lines);
        again.append(&line(3, Scope::Tag("c".into())));
        assert_eq!(Journal::open(&path, true).unwrap().1.len(), 3);
        again.clear();
        assert_eq!(Journal::open(&path, true).unwrap().1, []);
    }

    #[test]
    fn a_line_that_was_cut_purges_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("purges");
        std::fs::write(&path, "1700000000000-1 17000\ngarbage\n").unwrap();
        let (_, read) = Journal::open(&path, true).unwrap();
        assert_eq!(read.len(), 2);
        assert!(read.iter().all(|line| line.record == Record::unknown()));
    }

    #[test]
    fn a_file_that_grew_too_large_stands_for_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("purges");
        let (journal, _) = Journal::open(&path, true).unwrap();
        let long = line(1, Scope::Tag("t".repeat(60_000).into()));
        for _ in 0..100 {
            journal.append(&long);
        }
        assert!(std::fs::metadata(&path).unwrap().len() <= BYTES_MAX + 70_000);
        let (_, read) = Journal::open(&path, true).unwrap();
        assert!(read[0].record.deletes_everything());
    }
}
