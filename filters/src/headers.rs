//! Header access for filters, implemented for `http::HeaderMap` here and for Pingora's types by the proxy.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers of a request or an answer. Names are case-insensitive, values are bytes.
pub trait Headers {
    /// First value of `name`.
    fn get(&self, name: &HeaderName) -> Option<&HeaderValue>;

    /// All values of `name`, in order.
    fn get_all(&self, name: &HeaderName) -> Vec<&HeaderValue>;

    /// Names present, each once, in no particular order.
    fn names(&self) -> Vec<HeaderName>;

    /// Sets `name` to this one value.
    fn insert(&mut self, name: HeaderName, value: HeaderValue);

    /// Adds a line.
    fn append(&mut self, name: HeaderName, value: HeaderValue);

    /// Removes all lines of `name`.
    fn remove(&mut self, name: &HeaderName);
}

impl Headers for HeaderMap {
    fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        HeaderMap::get(self, name)
    }

    fn get_all(&self, name: &HeaderName) -> Vec<&HeaderValue> {
        HeaderMap::get_all(self, name).iter().collect()
    }

    fn names(&self) -> Vec<HeaderName> {
        self.keys().cloned().collect()
    }

    fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        HeaderMap::insert(self, name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        HeaderMap::append(self, name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        HeaderMap::remove(self, name);
    }
}
