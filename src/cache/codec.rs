//! The frame in which entries lie in Redis.
//!
//! All integers are big-endian, all times milliseconds (since the epoch, or long). The checksum is
//! CRC-32 over every byte of the frame but its own four; together with the slot and the exact
//! length it makes a frame that was cut, mixed up or written by another version unreadable instead
//! of wrong. What cannot be read is a miss.
//!
//! ```text
//! 0  magic "PGcE"   4  version   5  kind   6  zero (2)   8  crc32   12  frame length (u32)
//! 16 slot (16)      32 body of the kind
//!
//! object: base (16) · root (16) · stored_at · initial_age · fresh_until · stale_while_revalidate
//!         · stale_if_error · seq (8 each) · status (2) · headers (2) · tags (2) · host length (2)
//!         · path length (4) · query length (4, all ones for no query) · body length (4)
//!         · host · path · query · headers (name length 2, value length 4, name, value)
//!         · tags (length 2, tag) · body
//! vary:   dead_at (8) · names (2) · names (length 2, name)
//! alias:  dead_at (8) · slot it leads to (16)
//! ```

mod reader;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::entry::{Entry, PurgeSeq, Searched, Times};
use super::key::KeyHash;
use super::memory::{Alias, VaryNames};
use super::wire::Wire;
use reader::Reader;

const MAGIC: [u8; 4] = *b"PGcE";
const VERSION: u8 = 2;
const KIND_OBJECT: u8 = 1;
const KIND_VARY: u8 = 2;
const KIND_ALIAS: u8 = 3;
const CHECKSUM_AT: usize = 8;
const LENGTH_AT: usize = 12;
const FIXED: usize = 32;
const OBJECT_FIXED: usize = FIXED + 32 + 6 * 8 + 4 * 2 + 3 * 4;
/// Length of a query that is not there.
const NO_QUERY: u32 = u32::MAX;

/// Most bytes of a frame.
pub const FRAME_MAX: usize = 1 << 30;
/// Most header fields of an entry.
pub const HEADERS_MAX: usize = 4096;
/// Most tags of an entry.
pub const TAGS_MAX: usize = 8192;
/// Most field names of a Vary marker.
pub const VARY_MAX: usize = 64;
/// Longest duration and latest time (since 1970) a frame carries: 200 years, in milliseconds.
const LONGEST_MS: u64 = 200 * 365 * 86_400 * 1000;

/// Why bytes are not a frame, or an entry does not fit one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not a frame at all.
    #[error("not a cache frame")]
    Magic,
    /// Written by another version.
    #[error("cache frame of version {0}, this is version {VERSION}")]
    Version(u8),
    /// Shorter or longer than it says.
    #[error("cache frame is cut or has bytes behind it")]
    Length,
    /// Bytes were changed.
    #[error("cache frame fails its checksum")]
    Checksum,
    /// The frame of another slot.
    #[error("cache frame belongs to another key")]
    Slot,
    /// A field holds what it cannot.
    #[error("cache frame has a bad {0}")]
    Field(&'static str),
    /// The entry has more of something than a frame carries.
    #[error("entry has too many or too long {0} for a cache frame")]
    TooLarge(&'static str),
}

/// What lies in a slot.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one match, a box would cost an allocation per read"
)]
pub enum Frame {
    /// A response.
    Object(Entry),
    /// The Vary field names of the responses below this root slot.
    Vary(VaryNames),
    /// The slot in which the response lies.
    Alias(Alias),
}

/// Writes an entry.
///
/// # Errors
/// [`CodecError::TooLarge`] when the entry is beyond the limits of this module.
pub fn encode(entry: &Entry) -> Result<Bytes, CodecError> {
    let mut out = begin(KIND_OBJECT, entry.slot, OBJECT_FIXED + entry.weight());
    let times = &entry.times;
    out.put_u128(entry.base.0);
    out.put_u128(entry.root.0);
    out.put_u64(millis(times.stored_at));
    out.put_u64(duration_millis(times.initial_age));
    out.put_u64(millis(times.fresh_until));
    out.put_u64(duration_millis(times.stale_while_revalidate));
    out.put_u64(duration_millis(times.stale_if_error));
    out.put_u64(entry.seq.0);
    out.put_u16(entry.status.as_u16());
    out.put_u16(count(entry.headers.len(), HEADERS_MAX, "headers")?);
    out.put_u16(count(entry.tags.len(), TAGS_MAX, "tags")?);
    out.put_u16(length16(entry.host.len(), "host")?);
    out.put_u32(length32(entry.path.len(), "path")?);
    out.put_u32(match &entry.query {
        Some(query) => length32(query.len(), "query")?,
        None => NO_QUERY,
    });
    out.put_u32(length32(entry.body.len(), "body")?);
    out.put_slice(entry.host.as_bytes());
    out.put_slice(entry.path.as_bytes());
    out.put_slice(entry.query.as_deref().unwrap_or_default().as_bytes());
    for (name, value) in &entry.headers {
        out.put_u16(length16(name.as_str().len(), "headers")?);
        out.put_u32(length32(value.len(), "headers")?);
        out.put_slice(name.as_str().as_bytes());
        out.put_slice(value.as_bytes());
    }
    for tag in &entry.tags {
        out.put_u16(length16(tag.len(), "tags")?);
        out.put_slice(tag.as_bytes());
    }
    out.put_slice(&entry.body);
    finish(out)
}

/// Writes the Vary marker of a root slot.
///
/// # Errors
/// [`CodecError::TooLarge`] beyond [`VARY_MAX`] names.
pub fn encode_vary(root: KeyHash, vary: &VaryNames) -> Result<Bytes, CodecError> {
    let mut out = begin(KIND_VARY, root, FIXED + 10 + vary.names.len() * 32);
    out.put_u64(millis(vary.dead_at));
    out.put_u16(count(vary.names.len(), VARY_MAX, "vary names")?);
    for name in &vary.names {
        out.put_u16(length16(name.as_str().len(), "vary names")?);
        out.put_slice(name.as_str().as_bytes());
    }
    finish(out)
}

/// Writes an alias.
///
/// # Errors
/// None: an alias always fits.
pub fn encode_alias(slot: KeyHash, alias: &Alias) -> Result<Bytes, CodecError> {
    let mut out = begin(KIND_ALIAS, slot, FIXED + 24);
    out.put_u64(millis(alias.dead_at));
    out.put_u128(alias.slot.0);
    finish(out)
}

/// Reads what was found in `slot`.
///
/// # Errors
/// When any byte is not as it must be; the value is then of no use and may be deleted.
pub fn decode(slot: KeyHash, frame: &Bytes) -> Result<Frame, CodecError> {
    let kind = verify(slot, frame)?;
    let mut reader = Reader::at(frame, FIXED);
    match kind {
        KIND_OBJECT => object(slot, frame, &mut reader).map(Frame::Object),
        KIND_VARY => vary(&mut reader).map(Frame::Vary),
        KIND_ALIAS => alias(&mut reader).map(Frame::Alias),
        _ => Err(CodecError::Field("kind")),
    }
}

/// Cuts times to what a frame carries, so that an entry is the same in both tiers.
#[must_use]
pub fn normalise(times: Times) -> Times {
    Times {
        stored_at: time(millis(times.stored_at)),
        initial_age: Duration::from_millis(duration_millis(times.initial_age)),
        fresh_until: time(millis(times.fresh_until)),
        stale_while_revalidate: Duration::from_millis(duration_millis(times.stale_while_revalidate)),
        stale_if_error: Duration::from_millis(duration_millis(times.stale_if_error)),
    }
}

/// Gives bytes the head, slot, length and checksum of an object's frame, whatever their fields say:
/// for tests that want to reach what lies behind these.
#[doc(hidden)]
pub fn seal(slot: KeyHash, frame: &mut Vec<u8>) {
    frame.resize(frame.len().max(FIXED), 0);
    frame[..8].copy_from_slice(&[MAGIC[0], MAGIC[1], MAGIC[2], MAGIC[3], VERSION, KIND_OBJECT, 0, 0]);
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    frame[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    frame[LENGTH_AT + 4..FIXED].copy_from_slice(&slot.bytes());
    let sum = checksum(frame);
    frame[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
}

fn begin(kind: u8, slot: KeyHash, capacity: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(capacity);
    out.put_slice(&MAGIC);
    out.put_u8(VERSION);
    out.put_u8(kind);
    out.put_u16(0);
    out.put_u64(0);
    out.put_u128(slot.0);
    out
}

fn finish(mut out: BytesMut) -> Result<Bytes, CodecError> {
    if out.len() > FRAME_MAX {
        return Err(CodecError::TooLarge("bytes"));
    }
    let length = length32(out.len(), "bytes")?;
    out[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    let sum = checksum(&out);
    out[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
    Ok(out.freeze())
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(frame.get(..CHECKSUM_AT).unwrap_or_default());
    hasher.update(frame.get(LENGTH_AT..).unwrap_or_default());
    hasher.finalize()
}

/// Checks everything that concerns the frame as a whole; the kind when all is well.
fn verify(slot: KeyHash, frame: &Bytes) -> Result<u8, CodecError> {
    let mut reader = Reader::at(frame, 0);
    if reader.take(4).ok() != Some(&MAGIC[..]) {
        return Err(CodecError::Magic);
    }
    let version = reader.u8()?;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    let kind = reader.u8()?;
    if reader.u16()? != 0 {
        return Err(CodecError::Field("reserved field"));
    }
    let sum = reader.u32()?;
    if reader.u32()? as usize != frame.len() || frame.len() > FRAME_MAX {
        return Err(CodecError::Length);
    }
    if checksum(frame) != sum {
        return Err(CodecError::Checksum);
    }
    if reader.u128()? != slot.0 {
        return Err(CodecError::Slot);
    }
    Ok(kind)
}

fn object(slot: KeyHash, frame: &Bytes, reader: &mut Reader<'_>) -> Result<Entry, CodecError> {
    let base = KeyHash(reader.u128()?);
    let root = KeyHash(reader.u128()?);
    let times = times(reader)?;
    let seq = PurgeSeq(reader.u64()?);
    let status = StatusCode::from_u16(reader.u16()?).map_err(|_| CodecError::Field("status"))?;
    if status.is_informational() || matches!(status.as_u16(), 206 | 304) {
        return Err(CodecError::Field("status"));
    }
    let header_count = bounded(reader.u16()?, HEADERS_MAX, "header count")?;
    let tag_count = bounded(reader.u16()?, TAGS_MAX, "tag count")?;
    let host_len = usize::from(reader.u16()?);
    let path_len = reader.u32()? as usize;
    let query_len = reader.u32()?;
    let body_len = reader.u32()? as usize;
    let host = reader.text(host_len, "host")?.into();
    let path = reader.text(path_len, "path")?.into();
    let query = match query_len {
        NO_QUERY => None,
        length => Some(reader.text(length as usize, "query")?.into()),
    };
    let headers = headers(reader, header_count)?;
    let tags = (0..tag_count)
        .map(|_| {
            let len = usize::from(reader.u16()?);
            reader.text(len, "tag").map(Box::from)
        })
        .collect::<Result<Box<[Box<str>]>, _>>()?;
    let body = body(frame, reader, body_len)?;
    Ok(Entry {
        base,
        root,
        slot,
        host,
        path,
        query,
        status,
        headers,
        body,
        times,
        seq,
        tags,
        wire: Wire::default(),
        searched: Searched::foreign(),
        superseded: Default::default(),
    })
}

fn times(reader: &mut Reader<'_>) -> Result<Times, CodecError> {
    let mut next = |field| {
        let millis = reader.u64()?;
        if millis > LONGEST_MS {
            Err(CodecError::Field(field))
        } else {
            Ok(millis)
        }
    };
    Ok(Times {
        stored_at: time(next("stored_at")?),
        initial_age: Duration::from_millis(next("initial_age")?),
        fresh_until: time(next("fresh_until")?),
        stale_while_revalidate: Duration::from_millis(next("stale_while_revalidate")?),
        stale_if_error: Duration::from_millis(next("stale_if_error")?),
    })
}

fn headers(reader: &mut Reader<'_>, count: usize) -> Result<HeaderMap, CodecError> {
    const BAD: CodecError = CodecError::Field("header");
    let mut headers = HeaderMap::try_with_capacity(count).map_err(|_| BAD)?;
    for _ in 0..count {
        let name_len = usize::from(reader.u16()?);
        let value_len = reader.u32()? as usize;
        let name = HeaderName::from_bytes(reader.take(name_len)?).map_err(|_| BAD)?;
        let value = HeaderValue::from_bytes(reader.take(value_len)?).map_err(|_| BAD)?;
        headers.try_append(name, value).map_err(|_| BAD)?;
    }
    Ok(headers)
}

/// The body shares the frame's memory unless that would keep much else alive: what is kept beyond
/// the body is not in the entry's weight.
fn body(frame: &Bytes, reader: &mut Reader<'_>, len: usize) -> Result<Bytes, CodecError> {
    let start = reader.position();
    let body = reader.take(len)?;
    if !reader.is_at_end() {
        return Err(CodecError::Length);
    }
    if start > len / 32 {
        Ok(Bytes::copy_from_slice(body))
    } else {
        Ok(frame.slice(start..start + len))
    }
}

fn vary(reader: &mut Reader<'_>) -> Result<VaryNames, CodecError> {
    let dead_at = reader.u64()?;
    if dead_at > LONGEST_MS {
        return Err(CodecError::Field("dead_at"));
    }
    let count = bounded(reader.u16()?, VARY_MAX, "vary count")?;
    let names = (0..count)
        .map(|_| {
            let len = usize::from(reader.u16()?);
            HeaderName::from_bytes(reader.take(len)?).map_err(|_| CodecError::Field("vary name"))
        })
        .collect::<Result<Box<[HeaderName]>, _>>()?;
    if !reader.is_at_end() {
        return Err(CodecError::Length);
    }
    Ok(VaryNames {
        names,
        dead_at: time(dead_at),
        superseded: Default::default(),
    })
}

fn alias(reader: &mut Reader<'_>) -> Result<Alias, CodecError> {
    let dead_at = reader.u64()?;
    if dead_at > LONGEST_MS {
        return Err(CodecError::Field("dead_at"));
    }
    let slot = KeyHash(reader.u128()?);
    if !reader.is_at_end() {
        return Err(CodecError::Length);
    }
    Ok(Alias {
        slot,
        dead_at: time(dead_at),
    })
}

fn millis(at: SystemTime) -> u64 {
    duration_millis(at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn duration_millis(long: Duration) -> u64 {
    u64::try_from(long.as_millis())
        .unwrap_or(LONGEST_MS)
        .min(LONGEST_MS)
}

fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

fn bounded(count: u16, most: usize, field: &'static str) -> Result<usize, CodecError> {
    let count = usize::from(count);
    if count > most {
        Err(CodecError::Field(field))
    } else {
        Ok(count)
    }
}

fn count(count: usize, most: usize, of: &'static str) -> Result<u16, CodecError> {
    if count > most {
        Err(CodecError::TooLarge(of))
    } else {
        length16(count, of)
    }
}

fn length16(len: usize, of: &'static str) -> Result<u16, CodecError> {
    u16::try_from(len).map_err(|_| CodecError::TooLarge(of))
}

fn length32(len: usize, of: &'static str) -> Result<u32, CodecError> {
    u32::try_from(len).map_err(|_| CodecError::TooLarge(of))
}
