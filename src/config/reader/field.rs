//! One value and its place.

use std::path::PathBuf;

use super::super::keys::Table;
use super::super::value::{Wrong, quoted};
use super::super::yaml::{Node, Position, Value};
use super::{Map, Reader, join};

/// A value that is in the file.
#[derive(Clone)]
pub(crate) struct Field<'r> {
    pub(super) reader: &'r Reader<'r>,
    /// Key path, such as `sites[0].cache.ttl`.
    pub(crate) path: String,
    /// Where complaints about it point to.
    pub(crate) at: Position,
    pub(super) node: &'r Node,
}

impl<'r> Field<'r> {
    /// The top of a file.
    pub(crate) fn top(reader: &'r Reader<'r>, node: &'r Node) -> Self {
        Field {
            reader,
            path: String::new(),
            at: node.at,
            node,
        }
    }

    /// The value below `key`; where there is none, complaints point at the key.
    pub(super) fn below(&self, path: String, key_at: Position, node: &'r Node) -> Self {
        let at = if matches!(node.value, Value::Null) {
            key_at
        } else {
            node.at
        };
        Field {
            reader: self.reader,
            path,
            at,
            node,
        }
    }

    /// The reader.
    pub(crate) fn reader(&self) -> &'r Reader<'r> {
        self.reader
    }

    /// The YAML value.
    pub(crate) fn value(&self) -> &'r Value {
        &self.node.value
    }

    /// Notes an error here.
    pub(crate) fn error(&self, problem: impl Into<String>, mend: impl Into<String>) {
        self.reader.error(self.at, &self.path, problem, mend);
    }

    /// Notes a warning here.
    pub(crate) fn warn(&self, problem: impl Into<String>, mend: impl Into<String>) {
        self.reader.warn(self.at, &self.path, problem, mend);
    }

    /// Notes why a text is not the value it should be.
    pub(crate) fn wrong(&self, wrong: Wrong) {
        self.error(wrong.problem, wrong.mend);
    }

    /// The text, when it is one; no complaint otherwise.
    pub(crate) fn word(&self) -> Option<&'r str> {
        match &self.node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is `off`, or the `false` that some tools make of it.
    pub(crate) fn is_off(&self) -> bool {
        self.word().is_some_and(|word| matches!(word, "off" | "false"))
    }

    /// The text, which must not be empty.
    pub(crate) fn text(&self) -> Option<&'r str> {
        match &self.node.value {
            Value::Scalar { text, .. } if text.is_empty() => {
                self.error("is empty", "write a value, or remove the key")
            }
            Value::Scalar { text, .. } => return Some(text),
            Value::Null => self.error("has no value", "write a value, or remove the key"),
            Value::List(_) | Value::Map(_) => {
                let problem = format!("must be a single value, not {}", self.node.kind());
                self.error(problem, "write it behind the colon, on the same line");
            }
        }
        None
    }

    /// The text, read by `parse`.
    pub(crate) fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        match parse(self.text()?) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.wrong(wrong);
                None
            }
        }
    }

    /// A path, relative to the configuration file's folder.
    pub(crate) fn file_path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        if text.starts_with("~/") || text == "~" {
            let problem = format!("{} starts with `~`, which is not expanded here", quoted(text));
            self.error(problem, "write the whole path");
            return None;
        }
        Some(self.reader.base().join(text))
    }

    /// The items of a list; nothing at all counts as an empty one.
    pub(crate) fn items(&self) -> Vec<Field<'r>> {
        match &self.node.value {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, node)| self.below(format!("{}[{index}]", self.path), node.at, node))
                .collect(),
            Value::Null => Vec::new(),
            Value::Scalar { .. } | Value::Map(_) => {
                let problem = format!("must be a list, not {}", self.node.kind());
                self.error(
                    problem,
                    "write each item on its own line behind `- `, or all of them within `[ ]`",
                );
                Vec::new()
            }
        }
    }

    /// The keys of a mapping that the operator names freely, each with its own place.
    pub(crate) fn entries(&self) -> Vec<(&'r str, Position, Field<'r>)> {
        match &self.node.value {
            Value::Map(entries) => entries
                .iter()
                .map(|entry| {
                    let field = self.below(join(&self.path, &entry.key), entry.at, &entry.value);
                    (entry.key.as_str(), entry.at, field)
                })
                .collect(),
            Value::Null => Vec::new(),
            Value::Scalar { .. } | Value::List(_) => {
                self.not_a_mapping();
                Vec::new()
            }
        }
    }

    /// A mapping with the keys of `table`.
    pub(crate) fn map(&self, table: &'static Table) -> Map<'r> {
        if !matches!(self.node.value, Value::Map(_) | Value::Null) {
            self.not_a_mapping();
            return Map::broken(self, table);
        }
        Map::new(self, table)
    }

    fn not_a_mapping(&self) {
        let problem = format!("must be a mapping, not {}", self.node.kind());
        self.error(problem, "write `key: value` lines below it, indented");
    }
}
