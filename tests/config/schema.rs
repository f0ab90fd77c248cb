//! The schema takes what popgate takes: every example passes it, misspelt keys and wrong units do not.
//!
//! A validator of the few keywords the schema uses; an unknown keyword fails the test.

use popgate::config::schema;
use popgate::config::yaml::{self, Node, Value as Yaml};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::files::{root, yaml_files};

/// The value as an editor's YAML reader sees it.
fn value(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Scalar { text, plain: true } => match serde_json::from_str(text) {
            Ok(found @ (Value::Bool(_) | Value::Number(_))) => found,
            _ => json!(text),
        },
        Yaml::Scalar { text, .. } => json!(text),
        Yaml::List(items) => items.iter().map(|item| value(item)).collect(),
        Yaml::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), value(&entry.value)))
            .collect(),
    }
}

fn accepts(schema: &Value, found: &Value) -> bool {
    let keywords: &Map<String, Value> = schema.as_object().unwrap();
    keywords
        .iter()
        .all(|(keyword, wanted)| keyword_accepts(keyword, wanted, schema, found))
}

fn keyword_accepts(keyword: &str, wanted: &Value, schema: &Value, found: &Value) -> bool {
    let count = found.as_array().map(Vec::len).or(found.as_object().map(Map::len));
    match keyword {
        "$schema" | "$defs" | "title" | "description" | "default" => true,
        "$ref" => accepts(&definition(wanted.as_str().unwrap()), found),
        "type" if wanted.is_array() => wanted
            .as_array()
            .unwrap()
            .iter()
            .any(|kind| is_a(kind.as_str().unwrap(), found)),
        "type" => is_a(wanted.as_str().unwrap(), found),
        "enum" => wanted.as_array().unwrap().contains(found),
        "const" => wanted == found,
        "anyOf" => wanted
            .as_array()
            .unwrap()
            .iter()
            .any(|schema| accepts(schema, found)),
        "pattern" => found
            .as_str()
            .is_none_or(|text| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)),
        "minimum" => found
            .as_f64()
            .is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => found
            .as_f64()
            .is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "minLength" => found.as_str().is_none_or(|text| !text.is_empty()),
        "minItems" | "minProperties" => count.is_none_or(|count| count >= 1),
        "maxProperties" => count.is_none_or(|count| count <= 1),
        "items" => found
            .as_array()
            .is_none_or(|items| items.iter().all(|item| accepts(wanted, item))),
        "required" => wanted
            .as_array()
            .unwrap()
            .iter()
            .all(|key| found.get(key.as_str().unwrap()).is_some()),
        "properties" => {
            let known =
                |(key, schema): (&String, &Value)| found.get(key).is_none_or(|found| accepts(schema, found));
            wanted.as_object().unwrap().iter().all(known)
        }
        "additionalProperties" => {
            let other = |key: &String| schema["properties"].get(key).is_none();
            let good = |found: &Value| wanted.as_bool().unwrap_or_else(|| accepts(wanted, found));
            found
                .as_object()
                .is_none_or(|keys| keys.iter().all(|(key, found)| !other(key) || good(found)))
        }
        other => panic!("unknown keyword {other}"),
    }
}

fn definition(reference: &str) -> Value {
    schema::json()["$defs"][reference.strip_prefix("#/$defs/").unwrap()].clone()
}

fn is_a(kind: &str, found: &Value) -> bool {
    match kind {
        "object" => found.is_object(),
        "array" => found.is_array(),
        "string" => found.is_string(),
        "boolean" => found.is_boolean(),
        "number" => found.is_number(),
        "integer" => found.is_u64() || found.is_i64(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn the_schema_takes_every_example() {
    let mut files = yaml_files(&root().join("config/examples"));
    files.push(root().join("config/popgate.yaml"));
    for file in files {
        let (node, _) = yaml::parse(&std::fs::read(&file).unwrap());
        assert!(
            accepts(&schema::json(), &value(&node.unwrap())),
            "{}",
            file.display()
        );
    }
}

#[test]
fn the_schema_refuses_unknown_keys_and_wrong_values() {
    let good = json!({
        "listen": [{ "address": "[::1]:80" }],
        "sites": [{ "hosts": ["*"], "cache": { "ttl": "5m" }, "filters": [{ "strip_query": { "sort": true } }] }],
    });
    assert!(accepts(&schema::json(), &good));
    let changes = [
        ("/sites/0/cache/ttl", json!(5)),
        ("/sites/0/cache/ttl", json!("5 minutes")),
        ("/sites/0/cache", json!({ "tll": "5m" })),
        ("/sites/0/hosts", json!([])),
        ("/sites/0/filters/0", json!("strip_querry")),
        ("/sites/0/filters/0", json!({ "strip_query": { "sorted": true } })),
        ("/listen/0", json!({})),
        ("/listen/0/address", json!(80)),
    ];
    for (place, wrong) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = wrong.clone();
        assert!(!accepts(&schema::json(), &bad), "{place}: {wrong}");
    }
}
