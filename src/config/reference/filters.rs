//! The filters' part of the reference, made from their registry.

use std::fmt::Write;

use popgate_filters::options::{Kind, OptionDoc};
use popgate_filters::registry::{FilterDoc, all};

pub(super) fn section(out: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "\n### Filters\n\nEntries of `sites[].filters`. A bare name takes every default."
    );
    for filter in all() {
        one(out, filter);
    }
}

fn one(out: &mut String, filter: &FilterDoc) {
    let _ = writeln!(
        out,
        "\n#### `{}`\n\n{}\n\n```yaml\nfilters:\n  - {}\n```",
        filter.name,
        filter.doc,
        filter.example.trim_end().replace('\n', "\n    ")
    );
    if filter.options.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n| option | value | default | meaning |\n|---|---|---|---|");
    rows(out, filter.options, "");
}

fn rows(out: &mut String, options: &[OptionDoc], above: &str) {
    for option in options {
        let default = match option.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let name = format!("{above}{}", option.name);
        let (value, doc) = (value(option.kind), option.doc.replace('|', "\\|"));
        let _ = writeln!(out, "| `{name}` | {value} | {default} | {doc} |");
        if let Kind::Table(below) = option.kind {
            rows(out, below, &format!("{name}."));
        }
    }
}

fn value(kind: Kind) -> String {
    match kind {
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Texts => "text or list of texts".to_owned(),
        Kind::Number(min, max) => format!("number, {min} to {max}"),
        Kind::Headers => "mapping of header names to values".to_owned(),
        Kind::Table(_) => "mapping".to_owned(),
    }
}
