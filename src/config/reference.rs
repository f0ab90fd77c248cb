//! The key reference of `docs/configuration.md`, made from the declared keys.

mod filters;

use std::fmt::Write;

use super::keys::{Absent, Key, Kind, TABLES, Table};
use super::value::bytes_text;

/// What stands before and after the generated part of the page.
pub const MARKERS: (&str, &str) = ("<!-- generated:keys -->", "<!-- /generated:keys -->");

/// The generated part, without its markers.
pub fn markdown() -> String {
    let mut out = String::new();
    for table in TABLES {
        section(&mut out, table);
    }
    filters::section(&mut out);
    out
}

fn section(out: &mut String, table: &Table) {
    let title = if table.name == "top level" {
        "Top level".to_owned()
    } else {
        format!("`{}`", table.name)
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n### {title}\n\n{}\n", table.doc);
    let _ = writeln!(out, "| key | value | default | meaning |\n|---|---|---|---|");
    for key in table.keys {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            key.name,
            kind(&key.kind).replace('|', "\\|"),
            default(key),
            key.doc.replace('|', "\\|")
        );
    }
}

fn default(key: &Key) -> String {
    match key.default {
        Absent::Required => "required".to_owned(),
        Absent::Nothing => "".to_owned(),
        Absent::Value(value) => format!("`{value}`"),
        Absent::Told(told) => told.to_owned(),
    }
}

fn kind(kind_of: &Kind) -> String {
    match kind_of {
        Kind::Text => "text".to_owned(),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Integer { min, max } => format!("number, {min} to {max}"),
        Kind::Decimal { min, max } => format!("number, {min} to {max}"),
        Kind::Duration { zero: true } => "duration or `0s`".to_owned(),
        Kind::Duration { zero: false } => "duration".to_owned(),
        Kind::Size { min, max } => format!("size, {} to {}", bytes_text(*min), bytes_text(*max)),
        Kind::Socket => "address:port".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Cidr => "network".to_owned(),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::HostPattern => "host pattern".to_owned(),
        Kind::UrlPath => "URL path".to_owned(),
        Kind::Server => "server".to_owned(),
        Kind::Statuses => "status or range".to_owned(),
        Kind::RedisUrl => "Redis URL".to_owned(),
        Kind::OriginName => "name of an origin".to_owned(),
        Kind::Filter => "filter".to_owned(),
        Kind::Word(word) => format!("`{word}`"),
        Kind::List(item) => format!("list: {}", kind(item)),
        Kind::Map(table) => format!("mapping: {}", link(table)),
        Kind::Named { names, table } => format!("mapping of {names} to {}", link(table)),
        Kind::Either(kinds) => kinds.iter().map(kind).collect::<Vec<_>>().join(" or "),
    }
}

/// A link to a table's section, by the anchor that renderers make of its heading.
fn link(table: &Table) -> String {
    let anchor: String = table
        .name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .collect();
    format!("[`{}`](#{anchor})", table.name)
}
