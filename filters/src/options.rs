//! Strict reading of a filter's options: every key is declared, every unknown one is an error with the
//! nearest known key.

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// One option as documented and checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionDoc {
    /// Key.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Value when it is left out, as YAML; empty when there is none.
    pub default: &'static str,
    /// One line on what it does.
    pub doc: &'static str,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// A whole number in this range, both ends included.
    Number(u64, u64),
    /// Header names to values.
    Headers,
    /// A table of options.
    Table(&'static [OptionDoc]),
}

/// What is wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError {
    /// Key path below the filter, such as `response.set.X-Frame-Options`; empty: the options as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub mend: String,
}

/// A table of options being read. Reading collects errors and goes on with defaults, so that all are
/// reported at once.
#[derive(Debug)]
pub struct Options<'a> {
    table: Option<&'a Map<String, Value>>,
    path: String,
    errors: Vec<OptionError>,
}

impl<'a> Options<'a> {
    /// Starts to read a filter's options; `Null` (a bare name) is an empty table.
    #[must_use]
    pub fn new(value: &'a Value, known: &[OptionDoc]) -> Self {
        Self::below(value, known, String::new())
    }

    fn below(value: &'a Value, known: &[OptionDoc], path: String) -> Self {
        let mut options = Self {
            table: None,
            path,
            errors: Vec::new(),
        };
        match value {
            Value::Null => {}
            Value::Object(table) => {
                options.table = Some(table);
                for key in table.keys() {
                    if !known.iter().any(|option| option.name == key) {
                        options.unknown(key, known);
                    }
                }
            }
            _ => {
                let names: Vec<_> = known.iter().map(|option| option.name).collect();
                let mend = match names.as_slice() {
                    [] => "it takes no options".to_owned(),
                    names => format!("its options are {}", names.join(", ")),
                };
                options.error("", format!("expected a table, found {}", describe(value)), mend);
            }
        }
        options
    }

    fn unknown(&mut self, key: &str, known: &[OptionDoc]) {
        let mend = match nearest(key, known.iter().map(|option| option.name)) {
            Some(name) => format!("did you mean `{name}`?"),
            None if known.is_empty() => "remove it: there are no options here".to_owned(),
            None => {
                let names: Vec<_> = known.iter().map(|option| option.name).collect();
                format!("known here: {}", names.join(", "))
            }
        };
        self.error(key, format!("unknown option `{key}`"), mend);
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.table?.get(key).filter(|value| !value.is_null())
    }

    /// Records an error about `key` (empty: the table itself).
    pub fn error(&mut self, key: &str, problem: String, mend: String) {
        let key = match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        };
        self.errors.push(OptionError { key, problem, mend });
    }

    fn wrong(&mut self, key: &str, found: &Value, mend: &str) {
        self.error(key, format!("wrong value {}", describe(found)), mend.to_owned());
    }

    /// A flag.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.value(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.wrong(key, other, "write true or false");
                default
            }
        }
    }

    /// A string.
    pub fn text(&mut self, key: &str) -> Option<&'a str> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong(key, other, "write a string, in quotes");
                None
            }
        }
    }

    /// A whole number between `min` and `max`.
    pub fn number(&mut self, key: &str, min: u64, max: u64) -> Option<u64> {
        let value = self.value(key)?;
        match value.as_u64() {
            Some(number) if (min..=max).contains(&number) => Some(number),
            _ => {
                self.wrong(key, value, &format!("write a whole number from {min} to {max}"));
                None
            }
        }
    }

    /// A list of strings; one string alone counts as a list of one.
    pub fn texts(&mut self, key: &str) -> Vec<&'a str> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match item {
                        Value::String(text) => texts.push(text.as_str()),
                        other => self.wrong(key, other, "write a list of strings"),
                    }
                }
                texts
            }
            Some(other) => {
                self.wrong(key, other, "write a list of strings");
                Vec::new()
            }
        }
    }

    /// A list of header names.
    pub fn header_names(&mut self, key: &str) -> Vec<HeaderName> {
        let texts = self.texts(key);
        texts
            .into_iter()
            .filter_map(|text| self.header_name(key, text))
            .collect()
    }

    /// A table of header names and values (a value may be a list of strings).
    pub fn headers(&mut self, key: &str) -> Vec<(HeaderName, HeaderValue)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Value::Object(table) = value else {
            self.wrong(key, value, "write a table of header names and values");
            return Vec::new();
        };
        let mut headers = Vec::with_capacity(table.len());
        for (text, value) in table {
            let line = format!("{key}.{text}");
            let Some(name) = self.header_name(&line, text) else {
                continue;
            };
            let values = match value {
                Value::Array(values) => values.as_slice(),
                one => std::slice::from_ref(one),
            };
            for value in values {
                if let Some(value) = self.header_value(&line, value) {
                    headers.push((name.clone(), value));
                }
            }
        }
        headers
    }

    fn header_name(&mut self, key: &str, text: &str) -> Option<HeaderName> {
        let name = HeaderName::from_bytes(text.as_bytes()).ok();
        if name.is_none() {
            let mend = "write letters, digits and `-` only".to_owned();
            self.error(key, format!("`{text}` is not a header name"), mend);
        }
        name
    }

    fn header_value(&mut self, key: &str, value: &Value) -> Option<HeaderValue> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => {
                self.wrong(key, other, "write the header's value as a string");
                return None;
            }
        };
        let value = HeaderValue::from_bytes(text.as_bytes()).ok();
        if value.is_none() {
            let problem = "a header value cannot hold control characters".to_owned();
            self.error(key, problem, "remove line breaks and the like".to_owned());
        }
        value
    }

    /// Reads a table below this one.
    pub fn table<T>(
        &mut self,
        key: &str,
        known: &[OptionDoc],
        read: impl FnOnce(&mut Options<'_>) -> T,
    ) -> Option<T> {
        let path = match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        };
        let mut below = Options::below(self.value(key)?, known, path);
        let result = read(&mut below);
        self.errors.append(&mut below.errors);
        Some(result)
    }

    /// The filter built from these options, or all that is wrong with them.
    ///
    /// # Errors
    /// When anything read was wrong.
    pub fn finish<T>(self, filter: T) -> Result<T, Vec<OptionError>> {
        if self.errors.is_empty() {
            Ok(filter)
        } else {
            Err(self.errors)
        }
    }
}

/// The known name nearest to `name`, when one is near enough to be meant.
pub fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_ascii_lowercase().replace('-', "_");
    known
        .map(|candidate| (strsim::jaro_winkler(&lower, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .map(|(_, candidate)| candidate)
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        other => {
            let text: String = other.to_string().chars().take(40).collect();
            format!("`{text}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: &[OptionDoc] = &[
        OptionDoc {
            name: "ignore",
            kind: Kind::Texts,
            default: "[]",
            doc: "",
        },
        OptionDoc {
            name: "set",
            kind: Kind::Headers,
            default: "{}",
            doc: "",
        },
    ];

    fn errors(value: &Value) -> Vec<OptionError> {
        let mut options = Options::new(value, KNOWN);
        options.texts("ignore");
        options.headers("set");
        options.finish(()).err().unwrap_or_default()
    }

    #[test]
    fn a_bare_name_has_no_options() {
        assert!(errors(&Value::Null).is_empty());
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let errors = errors(&json!({"ingore": []}));
        assert_eq!(errors[0].key, "ingore");
        assert_eq!(errors[0].mend, "did you mean `ignore`?");
    }

    #[test]
    fn all_errors_are_reported_at_once_with_their_paths() {
        let errors = errors(&json!({"ignore": 5, "set": {"b@d": "x", "X-Ok": true, "X-Line": "a\nb"}}));
        let keys: Vec<_> = errors.iter().map(|error| error.key.as_str()).collect();
        assert_eq!(keys, ["ignore", "set.b@d", "set.X-Ok", "set.X-Line"]);
        assert!(errors.iter().all(|error| !error.mend.is_empty()));
    }

    #[test]
    fn options_are_a_table() {
        assert!(errors(&json!([1]))[0].problem.contains("expected a table"));
    }
}
