//! A stored header as HTTP/1.1 sends it, written once when the entry is stored.
//!
//! The lines lie in four regions, so that every kind of answer is a few slices of them: what all answers
//! carry, what a 304 leaves out, and what some presets and some protocols keep from clients. Fields that each
//! answer makes anew (`Age`, `Cache-Status` and the like) are in none.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{
    ACCEPT_RANGES, AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::policy::targeted::POPGATE_CDN_CACHE_CONTROL;
use super::status::{CACHE_STATUS, X_CACHE};
use crate::preset;
use crate::purging::litespeed;
use crate::serve::spelling;

/// Fields that a 304 does not repeat (RFC 9110 15.4.5).
static NOT_IN_304: [HeaderName; 4] = [ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE];

/// Fields that an answer from the store has of its own, or never.
static OWN: [HeaderName; 8] = [
    AGE,
    CACHE_STATUS,
    HeaderName::from_static("cf-ray"),
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    POPGATE_CDN_CACHE_CONTROL,
    TRANSFER_ENCODING,
    X_CACHE,
];

/// The lines of a stored header.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    lines: Bytes,
    /// End of what all answers carry.
    shared: usize,
    /// End of what whole answers carry.
    whole: usize,
    /// End of what presets may keep back.
    internal: usize,
    /// `Cache-Status` or `X-Cache` of another cache is among the stored fields.
    status_of_others: bool,
}

/// Where a field's line lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Region {
    /// In every answer.
    Shared,
    /// In every answer but a 304.
    Whole,
    /// As `Shared`, but only where the preset lets it out.
    Internal,
    /// As `Shared`, but only where the purge protocol that it belongs to is not spoken.
    Litespeed,
    /// Written anew by each answer.
    Own,
}

impl Wire {
    /// Moves the values of a header into one piece of memory, laid out as lines, and gives the same header
    /// with its values in it. The lines are empty where the answer cannot be sent by them: no plain final
    /// status, or a `Content-Length` that is not the body's.
    #[must_use]
    pub fn lay_out(status: StatusCode, from: &HeaderMap, body: usize) -> (HeaderMap, Self) {
        let room = from
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4);
        let mut buffer = BytesMut::with_capacity(room.sum());
        let mut starts = vec![0; from.len()];
        let mut ends = [0; 4];
        let regions = [
            Region::Shared,
            Region::Whole,
            Region::Internal,
            Region::Litespeed,
            Region::Own,
        ];
        for (at, region) in regions.into_iter().enumerate() {
            for (start, (name, value)) in starts.iter_mut().zip(from) {
                if region_of(name) == region {
                    *start = put_line(&mut buffer, name, value, region != Region::Own);
                }
            }
            if let Some(end) = ends.get_mut(at) {
                *end = buffer.len();
            }
        }
        let memory = buffer.freeze();
        let mut own = HeaderMap::with_capacity(from.len());
        for (start, (name, value)) in starts.into_iter().zip(from) {
            let slice = memory.slice(start..start + value.len());
            let mut same = HeaderValue::from_maybe_shared(slice).unwrap_or_else(|_| value.clone());
            same.set_sensitive(value.is_sensitive());
            own.append(name.clone(), same);
        }
        if !can_be_sent(status, from, body) {
            return (own, Self::default());
        }
        let wire = Self {
            lines: memory.slice(..ends[3]),
            shared: ends[0],
            whole: ends[1],
            internal: ends[2],
            status_of_others: from.contains_key(CACHE_STATUS) || from.contains_key(X_CACHE),
        };
        (own, wire)
    }

    /// Whether the entry can be sent by its lines.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether another cache's word is among the stored fields, which only the entry's header has.
    #[must_use]
    pub fn has_status_of_others(&self) -> bool {
        self.status_of_others
    }

    /// The lines of an answer.
    #[must_use]
    pub fn lines(&self, not_modified: bool, kept: KeptBack) -> [&[u8]; 3] {
        let front = if not_modified { self.shared } else { self.whole };
        let internal = if kept.internal { self.whole } else { self.internal };
        let litespeed = if kept.litespeed {
            self.internal
        } else {
            self.lines.len()
        };
        [0..front, self.whole..internal, self.internal..litespeed]
            .map(|part| self.lines.get(part).unwrap_or_default())
    }
}

/// Which fields are for the gateway alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptBack {
    /// What a preset keeps from clients.
    pub internal: bool,
    /// What the `LiteSpeed` protocol says beside an answer.
    pub litespeed: bool,
}

/// Whether a field is left out of a 304 from the store.
#[must_use]
pub fn is_not_in_304(name: &HeaderName) -> bool {
    NOT_IN_304.contains(name)
}

fn region_of(name: &HeaderName) -> Region {
    if OWN.contains(name) {
        Region::Own
    } else if litespeed::is_internal(name.as_str()) {
        Region::Litespeed
    } else if preset::is_internal_header(name) {
        Region::Internal
    } else if is_not_in_304(name) {
        Region::Whole
    } else {
        Region::Shared
    }
}

/// Appends a line, or the value alone; where the value begins.
fn put_line(buffer: &mut BytesMut, name: &HeaderName, value: &HeaderValue, line: bool) -> usize {
    if line {
        spelling::put(name, buffer);
        buffer.put_slice(b": ");
    }
    let start = buffer.len();
    buffer.put_slice(value.as_bytes());
    if line {
        buffer.put_slice(b"\r\n");
    }
    start
}

fn can_be_sent(status: StatusCode, headers: &HeaderMap, body: usize) -> bool {
    let plain = !status.is_informational() && !matches!(status.as_u16(), 204 | 205 | 206 | 304);
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let announced = lengths
        .next()
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    plain && announced == Some(body) && lengths.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::testing::headers;

    fn text(wire: &Wire, not_modified: bool, internal: bool, litespeed: bool) -> String {
        let lines = wire
            .lines(not_modified, KeptBack { internal, litespeed })
            .concat();
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn each_kind_of_answer_has_its_lines() {
        let stored = headers(&[
            ("content-type", "text/html"),
            ("x-litespeed-tag", "p"),
            ("x-powered-by", "PHP"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("content-length", "5"),
            ("age", "7"),
            ("link", "<a>"),
            ("link", "<b>"),
            ("cf-ray", "1-x"),
            ("popgate-cdn-cache-control", "max-age=1"),
        ]);
        let (own, wire) = Wire::lay_out(StatusCode::OK, &stored, 5);
        assert_eq!(own, stored);
        let shared = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nLink: <a>\r\nLink: <b>\r\n";
        let whole = "Content-Type: text/html\r\nContent-Length: 5\r\n";
        let internal = "X-Powered-By: PHP\r\n";
        let litespeed = "X-LiteSpeed-Tag: p\r\n";
        assert_eq!(text(&wire, true, true, true), shared);
        assert_eq!(text(&wire, false, true, true), format!("{shared}{whole}"));
        assert_eq!(
            text(&wire, true, false, false),
            format!("{shared}{internal}{litespeed}")
        );
        assert_eq!(
            text(&wire, false, false, true),
            format!("{shared}{whole}{internal}")
        );
        assert_eq!(
            text(&wire, false, true, false),
            format!("{shared}{whole}{litespeed}")
        );
    }

    #[test]
    fn only_an_answer_with_its_bodys_length_can_be_sent() {
        let ready = |status, lines: &[(&'static str, &str)]| {
            Wire::lay_out(StatusCode::from_u16(status).unwrap(), &headers(lines), 5)
                .1
                .is_ready()
        };
        assert!(ready(200, &[("content-length", "5")]));
        assert!(ready(404, &[("content-length", "5")]));
        assert!(!ready(200, &[("content-length", "6")]));
        assert!(!ready(200, &[("content-length", "5"), ("content-length", "5")]));
        assert!(!ready(200, &[("x", "y")]));
        assert!(!ready(204, &[("content-length", "5")]));
    }

    #[test]
    fn the_word_of_another_cache_is_noticed() {
        let stored = headers(&[("content-length", "0"), ("x-cache", "HIT")]);
        assert!(Wire::lay_out(StatusCode::OK, &stored, 0).1.has_status_of_others());
    }
}
