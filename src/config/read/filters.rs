//! `sites[].filters`: names and options as written; what they mean is the filter crate's to say.

use serde_json::Value as Json;

use super::super::model::FilterSpec;
use super::super::reader::{Field, Map};
use super::super::yaml::{Node, Value};

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
    for (index, problem, mend) in check(&specs) {
        if let Some(field) = index.checked_sub(offset).and_then(|index| fields.get(index)) {
            field.error(problem, mend);
        }
    }
    specs
}

/// What is wrong with a chain: index, problem, mend.
fn check(specs: &[FilterSpec]) -> Vec<(usize, String, String)> {
    let mut wrong = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        if specs[..index].iter().any(|other| other.name == spec.name) {
            let problem = format!("the filter `{}` is here twice", spec.name);
            wrong.push((index, problem, "keep one of them".to_owned()));
        }
    }
    wrong
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
