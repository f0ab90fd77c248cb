//! Makes an entry own exactly the memory it is weighed with.
//!
//! Headers and bodies that come from a connection are often slices of its read buffer: storing them
//! would keep whole buffers alive that nobody counts.

use bytes::Bytes;

use crate::cache::codec;
use crate::cache::entry::Entry;
use crate::cache::wire::Wire;

/// The same entry with its own memory: header values in one buffer, a body without slack, times cut
/// to milliseconds as the next tier holds them.
#[must_use]
pub fn compact(mut entry: Entry) -> Entry {
    entry.body = body(entry.body);
    entry.times = codec::normalise(entry.times);
    own_headers(entry)
}

/// The same entry with its header values in one buffer of their own, ready for the wire.
#[must_use]
pub fn own_headers(mut entry: Entry) -> Entry {
    (entry.headers, entry.wire) = Wire::lay_out(entry.status, &entry.headers, entry.body.len());
    entry
}

fn body(body: Bytes) -> Bytes {
    match body.try_into_mut() {
        Ok(own) if own.capacity() - own.len() <= own.len() / 32 + 64 => own.freeze(),
        Ok(own) => Bytes::copy_from_slice(&own),
        Err(shared) => Bytes::copy_from_slice(&shared),
    }
}
