//! YAML text to a tree that knows the line and column of every key and value.
//!
//! Parsing is `saphyr-parser`'s; this file adds what a configuration needs on top of its events:
//! places, duplicate keys, one document only, and limits. A file is bounded in bytes, depth and
//! nodes, aliases counted as what they expand to, so no file can cost more than a few tens of MiB.
//! Nothing is interpreted here: scalars stay text, `on`, `NO` and `010` included.

mod build;

use std::rc::Rc;

use saphyr_parser::{Parser, ScanError};

use build::Builder;

/// Largest configuration file, in bytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting of mappings and lists.
pub const DEPTH_MAX: usize = 32;
/// Most nodes, aliases expanded; 64 bytes of text count as one node.
pub const NODES_MAX: usize = 1_000_000;

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Column, from 1; 0 when the whole line is meant.
    pub column: usize,
}

/// One value.
#[derive(Debug)]
pub struct Node {
    /// Where it starts.
    pub at: Position,
    /// What it is.
    pub value: Value,
    /// Nodes it expands to.
    weight: usize,
    /// Levels below and including it.
    depth: usize,
}

/// The kinds of value.
#[derive(Debug)]
pub enum Value {
    /// Nothing after the colon, `~` or `null`.
    Null,
    /// Text as written, quotes and escapes resolved.
    Scalar {
        /// The text.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping in file order; no key twice.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key starts.
    pub at: Position,
    /// Its value.
    pub value: Rc<Node>,
}

/// What is wrong with the YAML itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Position,
    /// Key path such as `sites[0].cache`; empty where there is none.
    pub key: String,
    /// What.
    pub problem: String,
    /// The mend; may be empty.
    pub mend: String,
}

impl Fault {
    fn new(at: Position, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Fault {
            at,
            key: String::new(),
            problem: problem.into(),
            mend: mend.into(),
        }
    }
}

impl Node {
    /// "a list", "a mapping" …, for messages; never the text itself, which may be a secret.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads one document. `None` stands for a file that could not be read at all; with `Some`, the
/// faults (duplicate keys) do not hide what else there is to say about the file.
pub fn parse(bytes: &[u8]) -> (Option<Rc<Node>>, Vec<Fault>) {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err(fault) => return (None, vec![fault]),
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => builder.event(event, span.start),
            Err(error) => Err(syntax(text, &error)),
        };
        if let Err(fault) = step {
            let mut faults = builder.into_faults();
            faults.push(fault);
            return (None, faults);
        }
    }
    builder.finish()
}

/// UTF-8 text without a byte order mark, of a bearable size.
fn decode(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Fault::new(
            Position::default(),
            format!("the file has more than {} MiB", FILE_BYTES_MAX / 1024 / 1024),
            "move long tables into files of their own (geo databases, for one)",
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::new(
            Position { line: 1, column: 1 },
            "the file is UTF-16",
            "save it as UTF-8",
        ));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        Fault::new(
            end_of(&good),
            "the file is not UTF-8",
            "save it as UTF-8; this byte is in another encoding",
        )
    })?;
    match text.find(|c: char| c == '\0' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}'))) {
        Some(index) => Err(Fault::new(
            end_of(&text[..index]),
            "a control character stands in the file",
            "remove it; in a value write it as an escape in double quotes",
        )),
        None => Ok(text),
    }
}

/// The position just behind `text`.
fn end_of(text: &str) -> Position {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position { line, column }
}

/// A scanner error in this house's words, with a mend where the cause is a common one.
fn syntax(text: &str, error: &ScanError) -> Fault {
    let marker = error.marker();
    let at = Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    };
    let info = error.info();
    let line = text.lines().nth(at.line - 1).unwrap_or_default();
    let before = at
        .line
        .checked_sub(2)
        .and_then(|above| text.lines().nth(above))
        .unwrap_or_default();
    let indented_by_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    if info.contains("tab") || indented_by_tab(line) || indented_by_tab(before) {
        return Fault::new(
            at,
            "a tab is used as indentation",
            "indent with spaces; YAML allows no tabs there",
        );
    }
    let mend = match info {
        i if i.contains("unexpected character") => "put the value in double quotes",
        i if i.contains("unknown anchor") => "define the anchor with `&name` above this line",
        i if i.contains("quoted scalar") => "close the quotes, and double a backslash in double quotes",
        i if i.contains("in flow construct") => "close the bracket that an earlier line opens",
        i if i.contains("flow") || i.contains("bracket") => "check the brackets and commas",
        i if i.contains("while scanning an anchor or alias") => {
            "put a value that starts with `*` or `&` in quotes"
        }
        i if i.contains("mapping values are not allowed") => {
            "check the indentation, and put a value that contains `: ` in quotes"
        }
        i if i.contains("recursion limit") => "nest less deeply",
        _ => "check the indentation of this line and the one above",
    };
    Fault::new(at, format!("not valid YAML: {info}"), mend)
}

#[cfg(test)]
mod tests;
