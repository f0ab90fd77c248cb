//! The parts of a cache key, before they are hashed.

use std::collections::BTreeMap;

/// Most extras a key takes; the next is ignored.
pub const EXTRAS_MAX: usize = 32;

/// What makes two requests the same request. Filters may add named extras and drop scheme or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyParts {
    scheme: Option<String>,
    host: String,
    path: String,
    query: Option<String>,
    extras: BTreeMap<String, Vec<u8>>,
}

impl KeyParts {
    /// The key of RFC 9111 section 2: the target URI. `host` is lower case and without a default port.
    #[must_use]
    pub fn new(scheme: &str, host: &str, path: &str, query: Option<&str>) -> Self {
        Self {
            scheme: Some(scheme.to_owned()),
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            extras: BTreeMap::new(),
        }
    }

    /// Adds or replaces an extra. At most [`EXTRAS_MAX`] names.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        if self.extras.len() < EXTRAS_MAX || self.extras.contains_key(name) {
            self.extras.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Removes an extra.
    pub fn remove(&mut self, name: &str) {
        self.extras.remove(name);
    }

    /// http and https share objects.
    pub fn drop_scheme(&mut self) {
        self.scheme = None;
    }

    /// All queries of a path share one object.
    pub fn drop_query(&mut self) {
        self.query = None;
    }

    /// Scheme part; `None` when http and https share objects.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        self.scheme.as_deref()
    }

    /// Host part.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path part.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Query part.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Extras, sorted by name.
    pub fn extras(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.extras
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The parts for a hash that frames each by its length. Two different keys never give the same list: an
    /// absent query and an empty one differ in number and place of parts.
    #[must_use]
    pub fn frames(&self) -> Vec<&[u8]> {
        let mut frames: Vec<&[u8]> = Vec::with_capacity(5 + 2 * self.extras.len());
        frames.push(self.scheme.as_deref().unwrap_or("").as_bytes());
        frames.push(self.host.as_bytes());
        frames.push(self.path.as_bytes());
        match &self.query {
            Some(query) => frames.extend([b"?".as_slice(), query.as_bytes()]),
            None => frames.push(b""),
        }
        for (name, value) in &self.extras {
            frames.extend([name.as_bytes(), value.as_slice()]);
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_query_and_an_empty_one_are_different_keys() {
        let none = KeyParts::new("http", "a.example", "/", None);
        let empty = KeyParts::new("http", "a.example", "/", Some(""));
        assert_ne!(none.frames(), empty.frames());
    }

    #[test]
    fn an_extra_cannot_pass_for_a_query() {
        let mut extra = KeyParts::new("http", "a.example", "/", None);
        extra.add("?", b"x");
        let query = KeyParts::new("http", "a.example", "/", Some("x"));
        assert_ne!(extra.frames(), query.frames());
    }

    #[test]
    fn extras_do_not_depend_on_the_order_they_came_in() {
        let base = KeyParts::new("http", "a.example", "/", None);
        let (mut one, mut two) = (base.clone(), base);
        one.add("a", b"1");
        one.add("b", b"2");
        two.add("b", b"2");
        two.add("a", b"1");
        assert_eq!(one.frames(), two.frames());
    }

    #[test]
    fn extras_are_bounded() {
        let mut key = KeyParts::new("http", "a.example", "/", None);
        for index in 0..EXTRAS_MAX + 10 {
            key.add(&format!("n{index}"), b"");
        }
        assert_eq!(key.extras().count(), EXTRAS_MAX);
    }
}
