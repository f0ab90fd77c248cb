//! A mapping with declared keys.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::super::keys::{Absent, Key, Kind, Table};
use super::super::nearest::{did_you_mean, listed};
use super::super::value::{self, Wrong, quoted};
use super::super::yaml::{Entry, Node, Position, Value};
use super::{Field, Reader, join};

/// A mapping that is in the file, or stands for one that is not: then every key is absent.
pub(crate) struct Map<'r> {
    reader: &'r Reader<'r>,
    table: &'static Table,
    /// Key path.
    pub(crate) path: String,
    /// Where it starts; complaints about missing keys point here.
    pub(crate) at: Position,
    entries: &'r [Entry],
    /// What is there is no mapping, which has been said: nothing more about missing keys.
    broken: bool,
}

impl<'r> Map<'r> {
    pub(super) fn new(field: &Field<'r>, table: &'static Table) -> Self {
        let entries = match &field.node.value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        let map = Map {
            reader: field.reader,
            table,
            path: field.path.clone(),
            at: field.at,
            entries,
            broken: false,
        };
        map.check_keys();
        map
    }

    pub(super) fn broken(field: &Field<'r>, table: &'static Table) -> Self {
        Map {
            reader: field.reader,
            table,
            path: field.path.clone(),
            at: field.at,
            entries: &[],
            broken: true,
        }
    }

    fn check_keys(&self) {
        for entry in self.entries {
            if let Some(key) = self.table.key(&entry.key) {
                self.reader
                    .written
                    .borrow_mut()
                    .insert((self.table.name, key.name));
                continue;
            }
            let (problem, mend) = unknown(self.table, &entry.key);
            self.reader
                .error(entry.at, &join(&self.path, &entry.key), problem, mend);
        }
    }

    /// The reader.
    pub(crate) fn reader(&self) -> &'r Reader<'r> {
        self.reader
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        let key = self.table.key(name);
        debug_assert!(key.is_some(), "`{name}` is not declared in `{}`", self.table.name);
        if let Some(key) = key {
            self.reader.read.borrow_mut().insert((self.table.name, key.name));
        }
        key
    }

    /// The value of a key, when it is there.
    pub(crate) fn field(&self, name: &str) -> Option<Field<'r>> {
        self.key(name)?;
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        let path = join(&self.path, name);
        let node: &'r Node = &entry.value;
        let at = match node.value {
            Value::Scalar { .. } => node.at,
            _ => entry.at,
        };
        Some(Field {
            reader: self.reader,
            path,
            at,
            node,
        })
    }

    /// Notes that a key the file must have is not there.
    pub(crate) fn require(&self, name: &str, mend: &str) {
        if !self.broken {
            self.reader
                .error(self.at, &join(&self.path, name), "is missing", mend);
        }
    }

    /// A value by its row: what the file says, else the row's default. After a complaint the default
    /// stands in, so that reading can go on.
    fn read<T>(&self, name: &str, parse: impl Fn(&Kind, &str) -> Result<T, Wrong>) -> Option<T> {
        let key = self.key(name)?;
        let field = self.field(name);
        let written = field
            .as_ref()
            .and_then(|field| field.parse(|text| parse(&key.kind, text)));
        match (written, key.default) {
            (Some(value), _) => Some(value),
            (None, Absent::Value(default)) => parse(&key.kind, default).ok(),
            (None, Absent::Required) if field.is_none() => {
                self.require(name, &format!("write `{name}: {}`", example(&key.kind)));
                None
            }
            (None, _) => None,
        }
    }

    /// Text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.read(name, |_, text| Ok(text.to_owned()))
    }

    /// Text read by `parse`.
    pub(crate) fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        self.read(name, |_, text| parse(text))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.read(name, |_, text| value::flag(text)).unwrap_or_default()
    }

    /// A whole number.
    pub(crate) fn integer(&self, name: &str) -> Option<u64> {
        self.read(name, |kind, text| match *kind {
            Kind::Integer { min, max } => value::integer(text, min, max),
            _ => value::integer(text, 0, u64::MAX),
        })
    }

    /// A whole number for counting.
    pub(crate) fn count(&self, name: &str) -> usize {
        usize::try_from(self.integer(name).unwrap_or_default()).unwrap_or(usize::MAX)
    }

    /// A small whole number.
    pub(crate) fn number(&self, name: &str) -> u32 {
        u32::try_from(self.integer(name).unwrap_or_default()).unwrap_or(u32::MAX)
    }

    /// A decimal number.
    pub(crate) fn decimal(&self, name: &str) -> Option<f64> {
        self.read(name, |kind, text| match *kind {
            Kind::Decimal { min, max } => value::decimal(text, min, max),
            _ => value::decimal(text, f64::MIN, f64::MAX),
        })
    }

    /// A duration.
    pub(crate) fn duration(&self, name: &str) -> Duration {
        self.duration_or(name, Duration::ZERO)
    }

    /// A duration whose default depends on something else.
    pub(crate) fn duration_or(&self, name: &str, default: Duration) -> Duration {
        let read = self.read(name, |kind, text| match value::duration(text)? {
            Duration::ZERO if matches!(kind, Kind::Duration { zero: false }) => Err(Wrong::new(
                "must be longer than zero",
                "write a duration such as `100ms`",
            )),
            duration => Ok(duration),
        });
        read.unwrap_or(default)
    }

    /// A size in bytes.
    pub(crate) fn size(&self, name: &str) -> u64 {
        let read = self.read(name, |kind, text| {
            let bytes = value::size(text)?;
            let kind = match kind {
                Kind::Either(kinds) => kinds
                    .iter()
                    .find(|kind| matches!(kind, Kind::Size { .. }))
                    .unwrap_or(kind),
                kind => kind,
            };
            match *kind {
                Kind::Size { min, max } if !(min..=max).contains(&bytes) => Err(Wrong::new(
                    format!("{} is out of range", quoted(text)),
                    format!(
                        "write a size from {} to {}",
                        value::bytes_text(min),
                        value::bytes_text(max)
                    ),
                )),
                _ => Ok(bytes),
            }
        });
        read.unwrap_or_default()
    }

    /// One of the row's words.
    pub(crate) fn choice(&self, name: &str) -> Option<&'static str> {
        let Some(Kind::Choice(words)) = self.key(name).map(|key| &key.kind) else {
            return None;
        };
        self.read(name, |_, text| choice(words, text))
    }

    /// A path, with the field it was written in.
    pub(crate) fn path(&self, name: &str) -> Option<(PathBuf, Field<'r>)> {
        let field = self.field(name);
        if field.is_none() && self.key(name).is_some_and(|key| key.default == Absent::Required) {
            self.require(name, &format!("write `{name}: FILE`"));
        }
        let field = field?;
        Some((field.file_path()?, field))
    }

    /// The items of a list; absent is an empty one.
    pub(crate) fn list(&self, name: &str) -> Vec<Field<'r>> {
        self.field(name).map(|field| field.items()).unwrap_or_default()
    }

    /// The items of a list that must have at least one.
    pub(crate) fn list_of_some(&self, name: &str, mend: &str) -> Vec<Field<'r>> {
        let Some(field) = self.field(name) else {
            self.require(name, mend);
            return Vec::new();
        };
        if matches!(field.value(), Value::Null)
            || matches!(field.value(), Value::List(items) if items.is_empty())
        {
            field.error("is empty", mend);
        }
        field.items()
    }

    /// The items of a list of single values, read by `parse`; absent, those of the row's default.
    pub(crate) fn values<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Vec<T> {
        if let Some(field) = self.field(name) {
            return field
                .items()
                .iter()
                .filter_map(|item| item.parse(&parse))
                .collect();
        }
        let Some(Absent::Value(default)) = self.key(name).map(|key| key.default) else {
            return Vec::new();
        };
        let items = default
            .trim_matches(['[', ']'])
            .split(", ")
            .filter(|item| !item.is_empty());
        items.filter_map(|item| parse(item).ok()).collect()
    }

    /// A mapping below this one; absent, it is one without keys.
    pub(crate) fn map(&self, name: &str, table: &'static Table) -> Map<'r> {
        match self.field(name) {
            Some(field) => field.map(table),
            None => self.absent(name, table),
        }
    }

    /// The mapping that stands for an absent one.
    pub(crate) fn absent(&self, name: &str, table: &'static Table) -> Map<'r> {
        let path = join(&self.path, name);
        Map {
            reader: self.reader,
            table,
            path,
            at: self.at,
            entries: &[],
            broken: self.broken,
        }
    }
}

/// One of `words`.
pub(crate) fn choice(words: &[&'static str], text: &str) -> Result<&'static str, Wrong> {
    words.iter().find(|word| **word == text).copied().ok_or_else(|| {
        let mend = match did_you_mean(text, words) {
            like if like.starts_with("did") && words.len() > 1 => {
                format!("{like} (one of {})", listed(words))
            }
            other => other,
        };
        Wrong::new(format!("{} is not known here", quoted(text)), mend)
    })
}

fn unknown(table: &Table, name: &str) -> (String, String) {
    match (table.name, name) {
        ("databases.<name>", "cache") => {
            return (
                "the cache of results is not available yet".to_owned(),
                "remove `cache`; every statement goes to the database".to_owned(),
            );
        }
        (_, "<<") => {
            return (
                "merge keys are not supported".to_owned(),
                "write the keys out".to_owned(),
            );
        }
        _ => {}
    }
    let mend = match table.nearest(name) {
        Some(key) => format!("did you mean `{key}`?"),
        None => {
            let mut known: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
            if let Some(elsewhere) = elsewhere(table, name) {
                return (
                    "unknown key".to_owned(),
                    format!("`{name}` belongs to `{elsewhere}`"),
                );
            }
            known.sort_unstable();
            format!("known here are {}", listed(&known))
        }
    };
    ("unknown key".to_owned(), mend)
}

/// The one other mapping that has a key of this name.
fn elsewhere(table: &Table, name: &str) -> Option<&'static str> {
    let tables: BTreeSet<&str> = super::super::keys::TABLES
        .iter()
        .filter(|other| other.name != table.name && other.key(name).is_some())
        .map(|other| other.name)
        .collect();
    if tables.len() == 1 {
        tables.into_iter().next()
    } else {
        None
    }
}

/// A value as it might be written.
fn example(kind: &Kind) -> &'static str {
    match kind {
        Kind::Socket => "127.0.0.1:8080",
        Kind::Duration { .. } => "10s",
        Kind::Size { .. } => "1MiB",
        Kind::Path => "FILE",
        _ => "VALUE",
    }
}
