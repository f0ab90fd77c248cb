//! Validation: 304 from the origin (RFC 9111 4.3.4), conditional requests answered from the store
//! (4.3.2), and `If-Range` (RFC 9110 13.1.5).

use std::time::{Duration, SystemTime};

use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, StatusCode};

use super::{date, hop_by_hop, list};

/// Fields of a stored answer that a 304 does not touch: they belong to the stored body, to a connection,
/// or (`Vary`) name the slot that the answer lies in.
static KEPT: [HeaderName; 6] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    TRANSFER_ENCODING,
    VARY,
];

/// The stored header freshened by a 304 that arrived at `now` (RFC 9111 3.2): each field of the 304
/// replaces all lines of that name. `Age` and `Date` are the 304's alone, as they tell when it was made.
#[must_use]
pub fn merge_304(stored: &HeaderMap, fresh: &HeaderMap, now: SystemTime) -> HeaderMap {
    let mut fresh = fresh.clone();
    hop_by_hop::strip(&mut fresh);
    let mut merged = stored.clone();
    merged.remove(AGE);
    if !fresh.contains_key(DATE) {
        merged.insert(DATE, date::format(now));
    }
    for name in fresh.keys().filter(|name| !KEPT.contains(name)) {
        merged.remove(name);
        for value in fresh.get_all(name) {
            merged.append(name.clone(), value.clone());
        }
    }
    merged
}

/// Whether a 304 speaks of the stored answer (RFC 9111 4.3.4): it names no entity tag, or the stored one,
/// compared strongly if it is strong. If not, the stored answer must not be freshened by it.
#[must_use]
pub fn speaks_of(stored: &HeaderMap, fresh: &HeaderMap) -> bool {
    let mut tags = fresh.get_all(ETAG).iter().map(|tag| list::trim(tag.as_bytes()));
    let Some(first) = tags.next() else { return true };
    let Some(known) = stored.get(ETAG).map(|tag| list::trim(tag.as_bytes())) else {
        return false;
    };
    std::iter::once(first).chain(tags).any(|tag| {
        if is_weak(tag) {
            opaque(tag) == opaque(known)
        } else {
            tag == known
        }
    })
}

/// Whether a 200 to HEAD shows the representation of a stored 200 to GET (RFC 9111 4.3.5): the same
/// validators, and no other length. A validator that only one of them has is a difference.
#[must_use]
pub fn is_same_by_head(stored: &HeaderMap, head: &HeaderMap) -> bool {
    let same = |name: &HeaderName| {
        let value = |headers: &HeaderMap| headers.get(name).map(|v| list::trim(v.as_bytes()).to_vec());
        value(stored) == value(head)
    };
    let no_other_length = !head.contains_key(CONTENT_LENGTH) || same(&CONTENT_LENGTH);
    same(&ETAG) && same(&LAST_MODIFIED) && no_other_length
}

/// Whether a GET or HEAD with conditions is answered by 304 from the stored answer (RFC 9111 4.3.2,
/// RFC 9110 13.2.2): `If-None-Match` decides alone where it is present, by weak comparison; else
/// `If-Modified-Since` against `Last-Modified`, or `Date` where there is none. Only for a stored 200.
#[must_use]
pub fn not_modified(request: &HeaderMap, status: StatusCode, stored: &HeaderMap, now: SystemTime) -> bool {
    if status != StatusCode::OK {
        return false;
    }
    if request.contains_key(IF_NONE_MATCH) {
        return matches_any(request, stored);
    }
    let Some(since) = date::header(request, &IF_MODIFIED_SINCE, now) else {
        return false;
    };
    let changed = match stored.get(LAST_MODIFIED) {
        Some(_) => date::header(stored, &LAST_MODIFIED, now),
        None => date::header(stored, &DATE, now),
    };
    changed.is_some_and(|changed| changed <= since)
}

fn matches_any(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let tag = stored.get(ETAG).map(|tag| opaque(list::trim(tag.as_bytes())));
    let mut found = false;
    list::each(request, &IF_NONE_MATCH, |member| {
        found |= member == b"*" || tag.is_some_and(|tag| opaque(member) == tag);
    });
    found
}

/// `If-None-Match` with its tags as if none were weak, for origins that compare byte by byte; `None`: none is.
#[must_use]
pub fn without_weakness(request: &HeaderMap) -> Option<Vec<u8>> {
    let mut line: Vec<u8> = Vec::new();
    let mut any_weak = false;
    list::each(request, &IF_NONE_MATCH, |member| {
        any_weak |= is_weak(member);
        if !line.is_empty() {
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(opaque(member));
    });
    any_weak.then_some(line)
}

/// Whether two entity tags are the same but for their weakness (RFC 9110 8.8.3.2).
#[must_use]
pub fn weakly_same(one: &[u8], other: &[u8]) -> bool {
    opaque(list::trim(one)) == opaque(list::trim(other))
}

fn is_weak(tag: &[u8]) -> bool {
    tag.starts_with(b"W/")
}

/// What weak comparison looks at (RFC 9110 8.8.3.2).
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// What `If-Range` says about the stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRange {
    /// The request has none: its `Range` stands.
    Absent,
    /// It names the stored representation: its `Range` stands.
    Matches,
    /// It does not, or not strongly: the whole representation is to be sent.
    Differs,
}

/// Strong comparison of `If-Range` (RFC 9110 13.1.5). A date is strong when it equals `Last-Modified`
/// and that lies at least a second before `Date` (8.8.2.2).
#[must_use]
pub fn if_range(request: &HeaderMap, stored: &HeaderMap, now: SystemTime) -> IfRange {
    let mut lines = request.get_all(IF_RANGE).iter();
    let Some(wanted) = lines.next().map(|value| list::trim(value.as_bytes())) else {
        return IfRange::Absent;
    };
    let matches = lines.next().is_none()
        && if wanted.starts_with(b"\"") || is_weak(wanted) {
            let tag = stored.get(ETAG).map(|tag| list::trim(tag.as_bytes()));
            !is_weak(wanted) && tag == Some(wanted)
        } else {
            date_matches(wanted, stored, now)
        };
    if matches {
        IfRange::Matches
    } else {
        IfRange::Differs
    }
}

fn date_matches(wanted: &[u8], stored: &HeaderMap, now: SystemTime) -> bool {
    let (Some(wanted), Some(modified), Some(sent)) = (
        date::parse(wanted, now),
        date::header(stored, &LAST_MODIFIED, now),
        date::header(stored, &DATE, now),
    ) else {
        return false;
    };
    let settled = sent
        .duration_since(modified)
        .is_ok_and(|since| since >= Duration::from_secs(1));
    wanted == modified && settled
}

#[cfg(test)]
mod tests;
