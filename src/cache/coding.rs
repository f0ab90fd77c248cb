//! Content codings (RFC 9110 8.4.1), as far as bodies are read here.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};

/// Codings that bodies are read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    None,
    Gzip,
}

/// `None`: another one, or several.
fn coding(headers: &HeaderMap) -> Option<Coding> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Some(Coding::None);
    };
    let coding = coding.as_bytes().trim_ascii();
    let is = |name: &[u8]| coding.eq_ignore_ascii_case(name);
    match codings.next() {
        Some(_) => None,
        None if is(b"identity") => Some(Coding::None),
        None if is(b"gzip") || is(b"x-gzip") => Some(Coding::Gzip),
        None => None,
    }
}

/// Whether a body is in a coding that [`plain`] reads.
#[must_use]
pub fn is_readable(headers: &HeaderMap) -> bool {
    coding(headers).is_some()
}

/// A body without its content coding; at most `max` bytes of a compressed one. `None`: another coding than
/// gzip, or not what it says, or larger.
#[must_use]
pub fn plain<'a>(headers: &HeaderMap, body: &'a [u8], max: usize) -> Option<Cow<'a, [u8]>> {
    if coding(headers)? == Coding::None {
        return Some(Cow::Borrowed(body));
    }
    let mut plain = Vec::new();
    let mut unpacked = MultiGzDecoder::new(body).take(u64::try_from(max).ok()?.saturating_add(1));
    unpacked.read_to_end(&mut plain).ok()?;
    (plain.len() <= max).then_some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;

    use super::*;

    fn coded(coding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))])
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_unpacked_and_nothing_else() {
        let body = gzip(b"page");
        assert_eq!(plain(&coded("gzip"), &body, 100).as_deref(), Some(&b"page"[..]));
        assert_eq!(plain(&coded("GZIP"), &body, 4).as_deref(), Some(&b"page"[..]));
        assert_eq!(
            plain(&HeaderMap::new(), b"page", 1).as_deref(),
            Some(&b"page"[..])
        );
        assert_eq!(
            plain(&coded("identity"), b"page", 1).as_deref(),
            Some(&b"page"[..])
        );
        assert_eq!(plain(&coded("br"), &body, 100), None);
        assert_eq!(plain(&coded("gzip, br"), &body, 100), None);
    }

    #[test]
    fn what_is_broken_or_unpacks_to_too_much_is_not_read() {
        let bomb = gzip(&vec![0; 1 << 20]);
        assert_eq!(plain(&coded("gzip"), &bomb, 1 << 16), None);
        assert_eq!(plain(&coded("gzip"), b"no gzip", 100), None);
        let whole = gzip(b"page");
        assert_eq!(plain(&coded("gzip"), &whole[..whole.len() - 3], 100), None);
    }
}
