//! Which parts of a representation a request asks for (RFC 9110 14.1.2, 14.2).

use http::HeaderMap;
use http::header::RANGE;

use super::list;

/// What `Range` asks of a representation of known length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The whole: the field is absent, in another unit, or does not follow the grammar.
    Whole,
    /// Nothing that is there: 416.
    Nothing,
    /// These parts, at least one of which is there: the field in its plainest writing, clipped to the
    /// length.
    Parts(String),
}

/// Reads `Range`. One invalid member makes the whole field invalid, as does a second line.
#[must_use]
pub fn asked(request: &HeaderMap, length: u64) -> Asked {
    let mut lines = request.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Asked::Whole;
    };
    let mut halves = line.as_bytes().splitn(2, |byte| *byte == b'=');
    let (Some(unit), Some(set)) = (halves.next(), halves.next()) else {
        return Asked::Whole;
    };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Asked::Whole;
    }
    let mut any = false;
    let mut parts = Vec::new();
    for member in list::members(set).filter(|member| !member.is_empty()) {
        any = true;
        match one(member, length) {
            Err(Invalid) => return Asked::Whole,
            Ok(None) => {}
            Ok(Some((first, last))) => parts.push(format!("{first}-{last}")),
        }
    }
    match (any, parts.is_empty()) {
        (false, _) => Asked::Whole,
        (true, true) => Asked::Nothing,
        (true, false) => Asked::Parts(format!("bytes={}", parts.join(","))),
    }
}

/// Neither an int-range nor a suffix-range.
struct Invalid;

/// First and last position of one member; `None` when none of it is there.
fn one(member: &[u8], length: u64) -> Result<Option<(u64, u64)>, Invalid> {
    let dash = member.iter().position(|byte| *byte == b'-').ok_or(Invalid)?;
    let (first, last) = (&member[..dash], &member[dash + 1..]);
    if first.is_empty() {
        let count = number(last)?.min(length);
        return Ok((count > 0).then(|| (length - count, length - 1)));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return Err(Invalid);
    }
    Ok((first < length).then(|| (first, last.min(length - 1))))
}

/// Digits only; too many of them are as many as there can be.
fn number(digits: &[u8]) -> Result<u64, Invalid> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Invalid);
    }
    Ok(digits.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::testing::headers;
    use proptest::prelude::*;

    fn of(value: &str) -> Asked {
        asked(&headers(&[("range", value)]), 20)
    }

    fn parts(value: &str) -> Asked {
        Asked::Parts(format!("bytes={value}"))
    }

    #[test]
    fn rfc9110_14_1_2_ranges_are_clipped_to_what_is_there() {
        assert_eq!(of("bytes=0-3"), parts("0-3"));
        assert_eq!(of("Bytes=5-"), parts("5-19"));
        assert_eq!(of("bytes=-4"), parts("16-19"));
        assert_eq!(of("bytes=-400"), parts("0-19"));
        assert_eq!(of("bytes=19-99999999999999999999999"), parts("19-19"));
        assert_eq!(of("bytes= 0-1 ,, 4-5,"), parts("0-1,4-5"));
        assert_eq!(of("bytes=0-1,20-"), parts("0-1"));
    }

    #[test]
    fn rfc9110_14_1_2_what_is_not_there_is_unsatisfiable() {
        for value in [
            "bytes=20-",
            "bytes=20-30",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(of(value), Asked::Nothing, "{value}");
        }
        assert_eq!(asked(&headers(&[("range", "bytes=0-0")]), 0), Asked::Nothing);
        assert_eq!(asked(&headers(&[("range", "bytes=-1")]), 0), Asked::Nothing);
    }

    #[test]
    fn rfc9110_14_2_an_invalid_range_is_ignored() {
        for value in [
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=a-b",
            "bytes=3-0",
            "bytes=--3",
            "bytes=-",
            "bytes=0",
            "lines=0-3",
            "bytes =0-3",
            "bytes=0-3-5",
            "bytes=0-3,x",
            "bytes=0 -3",
            "bytes=+1-3",
            "",
        ] {
            assert_eq!(of(value), Asked::Whole, "{value}");
        }
        assert_eq!(asked(&headers(&[]), 20), Asked::Whole);
        let twice = headers(&[("range", "bytes=0-1"), ("range", "bytes=4-5")]);
        assert_eq!(asked(&twice, 20), Asked::Whole);
    }

    proptest! {
        #[test]
        fn parts_lie_within_the_length(value in "bytes=[0-9,\\- ]{0,24}", length in 0_u64..50) {
            if let Asked::Parts(text) = asked(&headers(&[("range", value.as_str())]), length) {
                for part in text.trim_start_matches("bytes=").split(',') {
                    let (first, last) = part.split_once('-').unwrap();
                    let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
                    prop_assert!(first <= last && last < length);
                }
            }
        }
    }
}
