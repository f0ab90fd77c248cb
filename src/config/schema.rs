//! JSON Schema (2020-12) of the configuration, made from the declared keys.
//!
//! Editors complete and check files with it. It says what a value looks like; what belongs together
//! (origins, files, hosts taken twice) is `popgate check`'s to say.

use serde_json::{Map, Value, json};

use super::keys::{Absent, Key, Kind, ROOT, TABLES, Table};

const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
const SIZE: &str = "^[0-9]+(B|KiB|MiB|GiB|TiB)$";

/// The schema, as `config/schema.json` holds it.
pub fn json() -> Value {
    let mut schema = table(&ROOT);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".into(), json!("popgate configuration, version 1"));
        let definitions: Map<String, Value> = TABLES
            .iter()
            .filter(|table| table.name != ROOT.name)
            .map(|other| (definition(other), table(other)))
            .collect();
        schema.insert("$defs".into(), Value::Object(definitions));
    }
    schema
}

/// `sites[].cache` as a name for `$defs`.
fn definition(table: &Table) -> String {
    table
        .name
        .replace("[]", "")
        .replace(['<', '>'], "")
        .replace('.', "_")
}

fn table(table: &Table) -> Value {
    let properties: Map<String, Value> = table
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|key| key.default == Absent::Required)
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "description": table.doc,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("required".into(), json!(required));
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), json!(key.doc));
        if let Absent::Value(default) = key.default {
            schema.insert("default".into(), default_json(&key.kind, default));
        }
        if key.default == Absent::Required && matches!(key.kind, Kind::List(_)) {
            schema.insert("minItems".into(), json!(1));
        }
    }
    schema
}

fn default_json(kind: &Kind, default: &str) -> Value {
    match kind {
        Kind::Flag | Kind::Integer { .. } => serde_json::from_str(default).unwrap_or_else(|_| json!(default)),
        Kind::Either(kinds) if kinds.iter().any(|kind| matches!(kind, Kind::Flag)) => {
            default_json(&Kind::Flag, default)
        }
        Kind::List(_) => {
            let items = default
                .trim_matches(['[', ']'])
                .split(", ")
                .filter(|item| !item.is_empty());
            Value::Array(items.map(|item| json!(item)).collect())
        }
        _ => json!(default),
    }
}

fn kind(kind_of: &Kind) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match kind_of {
        // A plain `pop: 12` or `postal_code: 10000` is a number to YAML readers and text to popgate.
        Kind::Text => json!({ "type": ["string", "number"] }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Decimal { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Duration { .. } => text(DURATION),
        Kind::Size { .. } => text(SIZE),
        Kind::Socket => text("^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+$"),
        Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Cidr => text("^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::HostPattern => text("^(\\*|(\\*\\.)?[A-Za-z0-9_.-]+|\\[[0-9A-Fa-f:.]+\\])$"),
        Kind::UrlPath => text("^/[^?#]*$"),
        Kind::Server => json!({ "type": "string", "minLength": 1 }),
        Kind::Statuses => {
            json!({ "type": ["string", "integer"], "pattern": "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$" })
        }
        Kind::RedisUrl => text("^rediss?(\\+sentinel|\\+cluster)?://"),
        Kind::OriginName => json!({ "type": "string" }),
        Kind::Filter => filter(),
        Kind::Word(word) => word_schema(word),
        Kind::List(item) => json!({ "type": "array", "items": kind(item) }),
        Kind::Map(table) => json!({ "$ref": format!("#/$defs/{}", definition(table)) }),
        Kind::Named { table, .. } => json!({
            "type": "object",
            "additionalProperties": { "$ref": format!("#/$defs/{}", definition(table)) },
        }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
    }
}

/// `off` is `false` to YAML 1.1 readers, which is accepted too.
fn word_schema(word: &str) -> Value {
    match word {
        "off" => json!({ "enum": ["off", false] }),
        word => json!({ "const": word }),
    }
}

/// A filter's name alone, or with its options.
fn filter() -> Value {
    let all = popgate_filters::registry::all();
    let names: Vec<&str> = all.iter().map(|filter| filter.name).collect();
    let with_options: Map<String, Value> = all
        .iter()
        .map(|filter| (filter.name.to_owned(), filter.schema()))
        .collect();
    json!({ "anyOf": [
        { "enum": names },
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
            "properties": with_options,
        },
    ]})
}
