//! A request's fields as they came, turned into a header map only as far as somebody asks.

use std::borrow::Cow;
use std::cell::OnceCell;

use http::{HeaderMap, HeaderName, HeaderValue};
use popgate_filters::{Headers, spoof};

use crate::cache::policy::list;

/// The fields of one request.
pub struct Fields<'f, 'b> {
    raw: &'f [httparse::Header<'b>],
    /// The peer is one of `trusted_proxies`.
    trusted: bool,
    map: OnceCell<HeaderMap>,
    changed: bool,
}

impl<'f, 'b> Fields<'f, 'b> {
    /// As read.
    #[must_use]
    pub fn new(raw: &'f [httparse::Header<'b>], trusted: bool) -> Self {
        Self {
            raw,
            trusted,
            map: OnceCell::new(),
            changed: false,
        }
    }

    /// Those with a name that is wanted, as received.
    #[must_use]
    pub fn select(&self, wanted: impl Fn(&str) -> bool) -> HeaderMap {
        let mut map = HeaderMap::new();
        for field in self.raw.iter().filter(|field| wanted(field.name)) {
            append(&mut map, field);
        }
        map
    }

    /// All lines of one as one value; `None` when it is absent.
    #[must_use]
    pub fn joined(&self, name: &HeaderName) -> Option<Cow<'b, [u8]>> {
        let lines = self
            .raw
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name.as_str()));
        list::join(lines.map(|field| field.value))
    }

    /// The first line of one, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'b str> {
        let field = self
            .raw
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(field.value)
            .ok()
            .filter(|text| text.bytes().all(|byte| matches!(byte, 32..127 | b'\t')))
    }

    /// Whether their sender is a trusted proxy.
    #[must_use]
    pub fn are_trusted(&self) -> bool {
        self.trusted
    }

    /// Whether a filter changed them.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// All of them, without what a client of this kind may not send.
    fn map(&self) -> &HeaderMap {
        self.map.get_or_init(|| {
            let mut map = self.select(|_| true);
            if self.trusted {
                spoof::strip_trusted(&mut map);
            } else {
                spoof::strip(&mut map);
            }
            map
        })
    }

    fn map_mut(&mut self) -> Option<&mut HeaderMap> {
        self.changed = true;
        self.map();
        self.map.get_mut()
    }
}

fn append(map: &mut HeaderMap, field: &httparse::Header<'_>) {
    // What httparse takes for a name or a value is one to `http` as well.
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(field.name.as_bytes()),
        HeaderValue::from_bytes(field.value),
    ) {
        map.append(name, value);
    }
}

impl Headers for Fields<'_, '_> {
    fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.map().get(name)
    }

    fn get_all(&self, name: &HeaderName) -> Vec<&HeaderValue> {
        self.map().get_all(name).iter().collect()
    }

    fn names(&self) -> Vec<HeaderName> {
        self.map().keys().cloned().collect()
    }

    fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        if let Some(map) = self.map_mut() {
            map.insert(name, value);
        }
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        if let Some(map) = self.map_mut() {
            map.append(name, value);
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        if self.map().contains_key(name)
            && let Some(map) = self.map_mut()
        {
            map.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(name: &'a str, value: &'a [u8]) -> httparse::Header<'a> {
        httparse::Header { name, value }
    }

    #[test]
    fn lines_of_one_name_are_one_value() {
        let raw = [field("Accept", b"a"), field("x", b"1"), field("ACCEPT", b"b")];
        let fields = Fields::new(&raw, false);
        assert_eq!(&*fields.joined(&http::header::ACCEPT).unwrap(), b"a, b");
        assert_eq!(fields.joined(&http::header::COOKIE), None);
    }

    #[test]
    fn a_filter_sees_what_the_client_may_send() {
        let raw = [field("CF-Ray", b"1"), field("Accept", b"a")];
        let fields = Fields::new(&raw, false);
        assert_eq!(fields.names(), [http::header::ACCEPT]);
        let fields = Fields::new(&raw, true);
        assert_eq!(Headers::names(&fields).len(), 2);
    }

    #[test]
    fn changes_are_noticed() {
        let raw = [field("Accept", b"a")];
        let mut fields = Fields::new(&raw, false);
        fields.remove(&http::header::COOKIE);
        assert!(!fields.is_changed());
        fields.insert(http::header::COOKIE, HeaderValue::from_static("a"));
        assert!(fields.is_changed());
    }
}
