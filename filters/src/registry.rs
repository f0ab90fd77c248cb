//! All filters by name: the one place to add a line to.

use serde_json::{Value, json};

use crate::builtin;
use crate::filter::Filter;
use crate::options::{Kind, OptionDoc, OptionError};

/// A filter as it is found in YAML and in the documentation.
#[derive(Debug, Clone, Copy)]
pub struct FilterDoc {
    /// Name in YAML.
    pub name: &'static str,
    /// One line on what it does.
    pub doc: &'static str,
    /// Its options.
    pub options: &'static [OptionDoc],
    /// An entry of `filters` as one writes it, in YAML.
    pub example: &'static str,
    /// Builds it from its options.
    pub build: Build,
}

/// Builds a filter from its options, or says all that is wrong with them.
pub type Build = fn(&Value) -> Result<Box<dyn Filter>, Vec<OptionError>>;

const ALL: &[FilterDoc] = &[
    builtin::geo_headers::DOC,
    builtin::strip_query::DOC,
    builtin::headers::DOC,
    builtin::key_by::DOC,
    builtin::allow_methods::DOC,
    builtin::redirect_https::DOC,
    builtin::respond::DOC,
];

/// Every filter, in the order of the documentation.
#[must_use]
pub fn all() -> &'static [FilterDoc] {
    ALL
}

/// The filter of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static FilterDoc> {
    ALL.iter().find(|filter| filter.name == name)
}

/// JSON schema of one entry of `filters`: a bare name, or a table of one name and its options.
#[must_use]
pub fn entry_schema() -> Value {
    let names: Vec<_> = ALL.iter().map(|filter| filter.name).collect();
    let tables: serde_json::Map<String, Value> = ALL
        .iter()
        .map(|filter| (filter.name.to_owned(), filter.schema()))
        .collect();
    json!({"anyOf": [
        {"type": "string", "enum": names},
        {
            "type": "object",
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": tables,
        },
    ]})
}

impl FilterDoc {
    /// JSON schema of the options.
    #[must_use]
    pub fn schema(&self) -> Value {
        let mut schema = table_schema(self.options);
        schema["description"] = json!(self.doc);
        schema
    }
}

fn table_schema(options: &[OptionDoc]) -> Value {
    let properties: serde_json::Map<String, Value> = options
        .iter()
        .map(|option| {
            let mut schema = kind_schema(option.kind);
            schema["description"] = json!(match option.default {
                "" => option.doc.to_owned(),
                default => format!("{} Default: {default}.", option.doc),
            });
            (option.name.to_owned(), schema)
        })
        .collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn kind_schema(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Text => json!({"type": "string"}),
        Kind::Texts => json!({"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "string"},
        ]}),
        Kind::Number(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Headers => json!({"type": "object", "additionalProperties": {"anyOf": [
            {"type": ["string", "number"]},
            {"type": "array", "items": {"type": ["string", "number"]}},
        ]}}),
        Kind::Table(options) => table_schema(options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        for (index, filter) in ALL.iter().enumerate() {
            assert!(
                ALL[index + 1..].iter().all(|other| other.name != filter.name),
                "{}",
                filter.name
            );
            assert!(
                filter.doc.ends_with('.') && !filter.example.is_empty(),
                "{}",
                filter.name
            );
            assert!(
                filter.options.iter().all(|option| option.doc.ends_with('.')),
                "{}",
                filter.name
            );
        }
    }

    #[test]
    fn a_built_filter_has_the_name_it_is_registered_under() {
        for filter in ALL {
            let options = match filter.name {
                "key_by" => json!({"country": true}),
                "allow_methods" => json!({"methods": ["GET"]}),
                "headers" => json!({"response": {"remove": ["X-Powered-By"]}}),
                _ => Value::Null,
            };
            assert_eq!((filter.build)(&options).unwrap().name(), filter.name);
        }
    }

    #[test]
    fn every_filter_refuses_unknown_options() {
        for filter in ALL {
            let errors = (filter.build)(&json!({"no_such_option": 1})).unwrap_err();
            assert!(errors[0].problem.contains("no_such_option"), "{}", filter.name);
        }
    }

    #[test]
    fn the_entry_schema_knows_every_filter() {
        let schema = entry_schema();
        assert_eq!(schema["anyOf"][0]["enum"].as_array().unwrap().len(), ALL.len());
        assert!(schema["anyOf"][1]["properties"]["strip_query"]["properties"]["ignore"].is_object());
    }

    #[test]
    fn schemas_are_strict() {
        for filter in ALL {
            assert_eq!(
                filter.schema()["additionalProperties"],
                json!(false),
                "{}",
                filter.name
            );
        }
    }
}
