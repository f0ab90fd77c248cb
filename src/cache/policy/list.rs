//! Comma-separated field values (RFC 9110 5.6.1), read the way recipients must: quoted strings may hide
//! commas, empty members do not count, several lines are one list.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

/// All lines of a field as one value; `None` when the field is absent.
pub(crate) fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    join(headers.get_all(name).iter().map(HeaderValue::as_bytes))
}

/// Lines of one field as one value; `None` when there are none.
pub(crate) fn join<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Option<Cow<'a, [u8]>> {
    let first = lines.next()?;
    let Some(second) = lines.next() else {
        return Some(Cow::Borrowed(first));
    };
    let mut whole = first.to_vec();
    for line in std::iter::once(second).chain(lines) {
        whole.extend_from_slice(b", ");
        whole.extend_from_slice(line);
    }
    Some(Cow::Owned(whole))
}

/// Members of a list, trimmed, empty ones included.
pub(crate) fn members(value: &[u8]) -> Members<'_> {
    Members {
        rest: Some(value),
        quotes: true,
    }
}

/// Members of all lines of a field, trimmed, without empty ones.
pub(crate) fn each(headers: &HeaderMap, name: &HeaderName, mut with: impl FnMut(&[u8])) {
    if let Some(value) = joined(headers, name) {
        members(&value)
            .filter(|member| !member.is_empty())
            .for_each(&mut with);
    }
}

/// See [`members`].
pub(crate) struct Members<'a> {
    rest: Option<&'a [u8]>,
    /// Cleared once a quote was found that never closes: it and all later ones are plain characters, so
    /// that a stray quote cannot hide a `no-store` behind it.
    quotes: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut at = 0;
        while at < rest.len() {
            match rest[at] {
                b',' => {
                    self.rest = Some(&rest[at + 1..]);
                    return Some(trim(&rest[..at]));
                }
                b'"' if self.quotes => match closing_quote(rest, at + 1) {
                    Some(end) => at = end,
                    None => self.quotes = false,
                },
                _ => {}
            }
            at += 1;
        }
        self.rest = None;
        Some(trim(rest))
    }
}

/// Index of the quote that closes a string whose text starts at `from`.
pub(crate) fn closing_quote(value: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < value.len() {
        match value[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Without optional white space (RFC 9110 5.6.3) at both ends.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(value: &str) -> Vec<&str> {
        members(value.as_bytes())
            .map(|member| std::str::from_utf8(member).unwrap())
            .collect()
    }

    #[test]
    fn rfc9110_5_6_1_commas_in_quoted_strings_do_not_split() {
        assert_eq!(split(r#"a="x, y" , b"#), [r#"a="x, y""#, "b"]);
        assert_eq!(split(r#"a="x\", y", b"#), [r#"a="x\", y""#, "b"]);
    }

    #[test]
    fn a_quote_that_never_closes_hides_nothing() {
        assert_eq!(split(r#"a="x, no-store"#), [r#"a="x"#, "no-store"]);
        assert_eq!(split(r#"a="x\"#), [r#"a="x\"#]);
    }

    #[test]
    fn many_open_quotes_are_read_in_linear_time() {
        let value = r#""\"#.repeat(32_000);
        assert_eq!(members(value.as_bytes()).count(), 1);
    }

    #[test]
    fn rfc9110_5_3_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append("vary", "a".parse().unwrap());
        headers.append("vary", ", b,".parse().unwrap());
        let mut seen = Vec::new();
        each(&headers, &http::header::VARY, |member| seen.push(member.to_vec()));
        assert_eq!(seen, [b"a", b"b"]);
    }
}
