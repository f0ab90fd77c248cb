//! `sites[].filters`: names and options as written; what they mean is the filter crate's to say.

use popgate_filters::{Chain, ChainError};
use serde_json::Value as Json;

use super::super::model::FilterSpec;
use super::super::reader::{Field, Map, join};
use super::super::yaml::{Node, Position, Value};

/// The filter every site has.
const GEO_HEADERS: &str = "geo_headers";

/// The filters in order, `geo_headers` in front unless it is named.
pub(super) fn filters(site: &Map<'_>) -> Vec<FilterSpec> {
    let items = site.list("filters");
    let mut written: Vec<(FilterSpec, Field<'_>)> = Vec::new();
    for item in items {
        if let Some(spec) = spec(&item) {
            written.push((spec, item));
        }
    }
    let implied = !written.iter().any(|(spec, _)| spec.name == GEO_HEADERS);
    let front = implied.then(|| FilterSpec {
        name: GEO_HEADERS.to_owned(),
        options: Json::Null,
        line: 0,
    });
    let offset = usize::from(implied);
    let (specs, fields): (Vec<_>, Vec<_>) = written.into_iter().unzip();
    let specs: Vec<FilterSpec> = front.into_iter().chain(specs).collect();
    let chain: Vec<(&str, &Json)> = specs
        .iter()
        .map(|spec| (spec.name.as_str(), &spec.options))
        .collect();
    for error in Chain::build(&chain).err().unwrap_or_default() {
        if let Some(field) = error
            .index
            .checked_sub(offset)
            .and_then(|index| fields.get(index))
        {
            complain(field, error);
        }
    }
    specs
}

/// Complains at the option that is wrong, or at the filter when it is meant as a whole.
fn complain(item: &Field<'_>, error: ChainError) {
    let option = match item.value() {
        Value::Map(entries) => entries.first().map(|entry| (entry, join(&item.path, &entry.key))),
        _ => None,
    };
    match option.filter(|_| !error.key.is_empty()) {
        Some((filter, path)) => {
            let at = place(&filter.value, &error.key).unwrap_or(filter.at);
            item.reader()
                .error(at, &join(&path, &error.key), error.problem, error.mend);
        }
        None => item.error(error.problem, error.mend),
    }
}

/// Where the value at a key path stands, or the nearest one above it.
fn place(node: &Node, path: &str) -> Option<Position> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let (entry, rest) = entries.iter().find_map(|entry| {
        let rest = path.strip_prefix(entry.key.as_str())?;
        let below = rest.is_empty() || rest.starts_with('.') || rest.starts_with('[');
        below.then(|| (entry, rest.trim_start_matches('.')))
    })?;
    place(&entry.value, rest).or(Some(entry.at))
}

fn spec(item: &Field<'_>) -> Option<FilterSpec> {
    let line = item.at.line;
    match item.value() {
        Value::Map(entries) if entries.len() == 1 => {
            let entry = entries.first()?;
            Some(FilterSpec {
                name: entry.key.clone(),
                options: json(&entry.value),
                line: entry.at.line,
            })
        }
        Value::Map(_) => {
            let mend = "write `- name` or `- name: { option: value }`, options indented below the name";
            item.error("a filter is one name with its options", mend);
            None
        }
        _ => item.text().map(|name| FilterSpec {
            name: name.to_owned(),
            options: Json::Null,
            line,
        }),
    }
}

/// A node as JSON. Plain scalars that look like numbers, booleans or null are such; quoted ones are text.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar { text, plain: false } => Json::String(text.clone()),
        Value::Scalar { text, plain: true } => plain_json(text),
        Value::List(items) => Json::Array(items.iter().map(|item| json(item)).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), json(&entry.value)))
                .collect(),
        ),
    }
}

fn plain_json(text: &str) -> Json {
    match text {
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        // The JSON grammar for numbers: `010`, `1_000` and `1e400` stay text.
        _ => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => Json::Number(number),
            Err(_) => Json::String(text.to_owned()),
        },
    }
}
