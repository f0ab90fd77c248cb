//! Makes an entry own exactly the memory it is weighed with.
//!
//! Headers and bodies that come from a connection are often slices of its read buffer: storing them
//! would keep whole buffers alive that nobody counts.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

use crate::cache::codec;
use crate::cache::entry::Entry;

/// The same entry with its own memory: header values in one buffer, a body without slack, times cut
/// to milliseconds as the next tier holds them.
#[must_use]
pub fn compact(mut entry: Entry) -> Entry {
    entry.body = body(entry.body);
    entry.times = codec::normalise(entry.times);
    own_headers(entry)
}

/// The same entry with its header values in one buffer of their own.
#[must_use]
pub fn own_headers(mut entry: Entry) -> Entry {
    entry.headers = headers(&entry.headers);
    entry
}

fn headers(from: &HeaderMap) -> HeaderMap {
    let mut buffer = BytesMut::with_capacity(from.values().map(HeaderValue::len).sum());
    for value in from.values() {
        buffer.extend_from_slice(value.as_bytes());
    }
    let mut rest = buffer.freeze();
    let mut to = HeaderMap::with_capacity(from.len());
    for (name, value) in from {
        let own = rest.split_to(value.len());
        let mut own = HeaderValue::from_maybe_shared(own).unwrap_or_else(|_| value.clone());
        own.set_sensitive(value.is_sensitive());
        to.append(name.clone(), own);
    }
    to
}

fn body(body: Bytes) -> Bytes {
    match body.try_into_mut() {
        Ok(own) if own.capacity() - own.len() <= own.len() / 32 + 64 => own.freeze(),
        Ok(own) => Bytes::copy_from_slice(&own),
        Err(shared) => Bytes::copy_from_slice(&shared),
    }
}
