//! Purge records as they lie in the stream: JSON, so that an operator can read them there.
//!
//! A record that cannot be read says that something was purged, but not what: it counts as a soft
//! purge of everything.

use serde::{Deserialize, Serialize};

use super::request::Scope;
use crate::cache::key::KeyHash;

/// Field of a stream entry that holds the record.
pub(super) const FIELD: &str = "purge";
/// Most scopes in one record.
pub(super) const SCOPES_MAX: usize = 256;

const VERSION: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    /// The log that announced it.
    #[serde(default)]
    by: u64,
    hard: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    everything: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<(Box<str>, Box<str>)>,
    /// Key in hex, host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    urls: Vec<(String, Box<str>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Box<str>>,
    /// Host, tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    host_tags: Vec<(Box<str>, Box<str>)>,
    /// Host, path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    paths: Vec<(Box<str>, Box<str>)>,
    /// Host, regular expression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<(Box<str>, Box<str>)>,
}

/// What one record purges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the log that announced it; zero when none did.
    pub by: u64,
    /// Delete instead of marking stale.
    pub hard: bool,
    /// What is purged.
    pub scopes: Vec<Scope>,
}

impl Record {
    /// What stands for a record that cannot be read or was never seen.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            by: 0,
            hard: false,
            scopes: vec![Scope::Everything],
        }
    }

    /// Whether it deletes everything.
    #[must_use]
    pub fn deletes_everything(&self) -> bool {
        self.hard && self.scopes.contains(&Scope::Everything)
    }

    /// The record in the stream.
    pub(super) fn to_json(&self) -> String {
        let mut wire = Wire {
            v: VERSION,
            by: self.by,
            hard: self.hard,
            everything: false,
            hosts: Vec::new(),
            prefixes: Vec::new(),
            urls: Vec::new(),
            tags: Vec::new(),
            host_tags: Vec::new(),
            paths: Vec::new(),
            patterns: Vec::new(),
        };
        for scope in self.scopes.iter().cloned() {
            match scope {
                Scope::Everything => wire.everything = true,
                Scope::Host(host) => wire.hosts.push(host),
                Scope::Prefix { host, path } => wire.prefixes.push((host, path)),
                Scope::Url { base, host } => wire.urls.push((base.to_string(), host)),
                Scope::Tag(tag) => wire.tags.push(tag),
                Scope::HostTag { host, tag } => wire.host_tags.push((host, tag)),
                Scope::Path { host, path } => wire.paths.push((host, path)),
                Scope::Pattern { host, pattern } => wire.patterns.push((host, pattern)),
            }
        }
        // Strings and numbers always serialise.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a record; [`Record::unknown`] when it cannot be read.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Self {
        Self::parse(json).unwrap_or_else(Self::unknown)
    }

    fn parse(json: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(json).ok()?;
        if wire.v != VERSION {
            return None;
        }
        let mut scopes = Vec::new();
        if wire.everything {
            scopes.push(Scope::Everything);
        }
        scopes.extend(wire.hosts.into_iter().map(Scope::Host));
        scopes.extend(
            wire.prefixes
                .into_iter()
                .map(|(host, path)| Scope::Prefix { host, path }),
        );
        for (key, host) in wire.urls {
            if key.len() != 32 {
                return None;
            }
            let base = KeyHash(u128::from_str_radix(&key, 16).ok()?);
            scopes.push(Scope::Url { base, host });
        }
        scopes.extend(wire.tags.into_iter().map(Scope::Tag));
        scopes.extend(
            wire.host_tags
                .into_iter()
                .map(|(host, tag)| Scope::HostTag { host, tag }),
        );
        scopes.extend(
            wire.paths
                .into_iter()
                .map(|(host, path)| Scope::Path { host, path }),
        );
        scopes.extend(
            wire.patterns
                .into_iter()
                .map(|(host, pattern)| Scope::Pattern { host, pattern }),
        );
        if scopes.is_empty() {
            None
        } else {
            Some(Self {
                by: wire.by,
                hard: wire.hard,
                scopes,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> impl Strategy<Value = Scope> {
        let text = || "[a-z0-9./\"\\\\é-]{0,12}".prop_map(String::into_boxed_str);
        prop_oneof![
            Just(Scope::Everything),
            text().prop_map(Scope::Host),
            (text(), text()).prop_map(|(host, path)| Scope::Prefix { host, path }),
            (any::<u128>(), text()).prop_map(|(base, host)| Scope::Url {
                base: KeyHash(base),
                host
            }),
            text().prop_map(Scope::Tag),
            (text(), text()).prop_map(|(host, tag)| Scope::HostTag { host, tag }),
            (text(), text()).prop_map(|(host, path)| Scope::Path { host, path }),
            (text(), text()).prop_map(|(host, pattern)| Scope::Pattern { host, pattern }),
        ]
    }

    proptest! {
        #[test]
        fn a_record_names_the_same_when_it_comes_back(
            by: u64, hard: bool, scopes in prop::collection::hash_set(scope(), 1..20)
        ) {
            let record = Record { by, hard, scopes: scopes.iter().cloned().collect() };
            let back = Record::from_json(record.to_json().as_bytes());
            prop_assert_eq!((back.by, back.hard), (by, hard));
            prop_assert_eq!(back.scopes.into_iter().collect::<std::collections::HashSet<_>>(), scopes);
        }

        #[test]
        fn any_bytes_are_a_record(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!Record::from_json(&bytes).scopes.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_read_purges_everything_softly() {
        for json in [
            "",
            "{}",
            r#"{"v":2,"hard":true,"hosts":["a"]}"#,
            r#"{"v":1,"hard":true}"#,
            r#"{"v":1,"hard":true,"urls":[["zz","a"]]}"#,
            r#"{"v":1,"hard":true,"hosts":["a"],"new":1}"#,
        ] {
            assert_eq!(Record::from_json(json.as_bytes()), Record::unknown(), "{json}");
        }
    }
}
