//! How header names are written on HTTP/1.1 connections.
//!
//! Names are compared without case, and HTTP/2 has them in lower case; people and scripts that look at the
//! bytes expect the usual spelling.

use bytes::BufMut;
use http::HeaderName;

/// Words of names that are not written with one capital.
const ABBREVIATIONS: &[&str] = &[
    "CF",
    "IP",
    "IPASN",
    "IPCity",
    "IPContinent",
    "IPCountry",
    "IPLatitude",
    "IPLongitude",
    "ETag",
    "LiteSpeed",
    "WWW",
];
/// Length of the longest of them.
const LONGEST: usize = 11;

/// Appends a name in its usual spelling.
pub fn put(name: &HeaderName, out: &mut impl BufMut) {
    for (at, word) in name.as_str().split('-').enumerate() {
        if at > 0 {
            out.put_u8(b'-');
        }
        let known = || {
            ABBREVIATIONS
                .iter()
                .find(|known| known.eq_ignore_ascii_case(word))
        };
        // No abbreviation is longer.
        if let Some(known) = (word.len() <= LONGEST).then(known).flatten() {
            out.put_slice(known.as_bytes());
        } else if let [first, rest @ ..] = word.as_bytes() {
            out.put_u8(first.to_ascii_uppercase());
            out.put_slice(rest);
        }
    }
}

/// A name in its usual spelling.
#[must_use]
pub fn written(name: &HeaderName) -> String {
    let mut text = Vec::with_capacity(name.as_str().len());
    put(name, &mut text);
    // Names are ASCII.
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_people_know_them() {
        for name in [
            "CF-Connecting-IP",
            "CF-IPCountry",
            "CF-IPCity",
            "CF-IPASN",
            "CF-Ray",
            "CF-Postal-Code",
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Served-By",
            "ETag",
            "WWW-Authenticate",
            "X--Y-",
            "Via",
            "Allow",
        ] {
            let known = HeaderName::from_bytes(name.as_bytes()).unwrap();
            assert_eq!(written(&known), name);
        }
        assert!(ABBREVIATIONS.iter().all(|word| word.len() <= LONGEST));
    }
}
