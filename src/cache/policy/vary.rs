//! Which stored variant answers a request (RFC 9111 4.1).
//!
//! An answer's `Vary` names the request fields that chose it. Their values, normalised, and the key
//! without variant make the slot where it lies, so finding a variant is one hash.
//!
//! `Accept-Encoding` is normalised to the subset of [`CODINGS`] that the client takes, so that browsers
//! share variants. That loses what else the client offered and what it prefers, so one rule keeps it
//! safe: an answer enters a slot only if each of its codings is in that subset
//! ([`coding_is_offered`]). Whoever shares the slot has offered the same subset, hence never gets a
//! coding that it did not offer, whatever the origin chose from. Sending the origin
//! [`accept_encoding`] instead of the client's own field spares refused answers.

use std::borrow::Cow;

use http::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE, HeaderValue, VARY};
use http::{HeaderMap, HeaderName};

use super::list;
use crate::cache::key::{Framed, KeyHash};

/// Most field names in a stored `Vary`.
pub const NAMES_MAX: usize = 16;

/// Codings that variants tell apart, in the order the edge offers them to the origin.
pub const CODINGS: [&str; 4] = ["br", "zstd", "gzip", "identity"];

/// The fields that an answer varies by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vary {
    /// These, sorted, without duplicates; none means that every request gets the same.
    Names(Vec<HeaderName>),
    /// `*`: matches no other request (RFC 9110 12.5.5).
    Any,
    /// More than [`NAMES_MAX`].
    TooMany,
}

/// Reads an answer's `Vary`, leaving out the names in `ignore`. Members that are no field name count as
/// `*`. An answer in a coding that `request` offered varies by `Accept-Encoding` even if the origin
/// forgot to say so: others may not take that coding.
#[must_use]
pub fn of(request: &HeaderMap, response: &HeaderMap, ignore: &[HeaderName]) -> Vary {
    let mut names = Vec::new();
    let mut any = false;
    list::each(response, &VARY, |member| match HeaderName::from_bytes(member) {
        Ok(name) if member != b"*" => {
            if names.len() <= NAMES_MAX && !ignore.contains(&name) && !names.contains(&name) {
                names.push(name);
            }
        }
        _ => any = true,
    });
    if any {
        return Vary::Any;
    }
    let negotiated = !codings_of(response).is_empty() && !names.contains(&ACCEPT_ENCODING);
    if negotiated && codings_are_offered(request, response) {
        names.push(ACCEPT_ENCODING);
    }
    if names.len() > NAMES_MAX {
        return Vary::TooMany;
    }
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    Vary::Names(names)
}

/// Whether an answer that varies by `names` may lie in the slot of `request`: it does not vary by
/// `Accept-Encoding`, or it came in codings that the slot stands for.
#[must_use]
pub fn coding_is_offered(names: &[HeaderName], request: &HeaderMap, response: &HeaderMap) -> bool {
    !names.contains(&ACCEPT_ENCODING) || codings_are_offered(request, response)
}

fn codings_are_offered(request: &HeaderMap, response: &HeaderMap) -> bool {
    let offered = Offered::by(request);
    codings_of(response)
        .iter()
        .all(|coding| coding_index(coding).is_some_and(|index| offered.0[index]))
}

/// Codings of an answer, without `identity`.
fn codings_of(response: &HeaderMap) -> Vec<Vec<u8>> {
    let mut codings = Vec::new();
    list::each(response, &CONTENT_ENCODING, |member| {
        if !member.eq_ignore_ascii_case(b"identity") {
            codings.push(member.to_vec());
        }
    });
    codings
}

/// Slot of the variant that answers `request`, for a key whose answers vary by `names` (sorted, as
/// [`of`] gives them). Without names it is the key itself.
#[must_use]
pub fn variant_slot(base: KeyHash, names: &[HeaderName], request: &HeaderMap) -> KeyHash {
    variant_slot_by(base, names, |name| list::joined(request, name))
}

/// [`variant_slot`] for a request whose fields `joined` gives, all lines of one as one value.
#[must_use]
pub fn variant_slot_by<'a>(
    base: KeyHash,
    names: &[HeaderName],
    joined: impl Fn(&HeaderName) -> Option<Cow<'a, [u8]>>,
) -> KeyHash {
    slot(base, names, |name| normalised(name, joined(name)))
}

/// What [`variant_slot`] compares: the request's values of the fields `names`, normalised; `None` where a
/// field is absent.
#[must_use]
pub fn variant_fields<'a>(
    names: &'a [HeaderName],
    request: &'a HeaderMap,
) -> Vec<(&'a HeaderName, Option<Cow<'a, [u8]>>)> {
    names
        .iter()
        .map(|name| (name, normalised(name, list::joined(request, name))))
        .collect()
}

/// The codings that a client takes, as variants tell them apart: of [`CODINGS`], with commas.
#[must_use]
pub fn offered_codings(request: &HeaderMap) -> String {
    Offered::by(request).text()
}

/// Slot under which a variant can also be found by its language alone, whatever else a client accepts
/// (RFC 9111 4.1 with RFC 9110 12.5.4). To store: `language` is [`content_language`] of the answer, and
/// the request is the one it answered. To look up, after [`variant_slot`] missed: `language` is
/// [`preferred_language`]. `None` when the key does not vary by `Accept-Language`.
#[must_use]
pub fn language_slot(
    base: KeyHash,
    names: &[HeaderName],
    request: &HeaderMap,
    language: &str,
) -> Option<KeyHash> {
    names.contains(&ACCEPT_LANGUAGE).then(|| {
        slot(base, names, |name| {
            if *name == ACCEPT_LANGUAGE {
                // No normalised field starts with a comma.
                Some(Cow::Owned(format!(",{language}").into_bytes()))
            } else {
                normalised(name, list::joined(request, name))
            }
        })
    })
}

fn slot<'a>(
    base: KeyHash,
    names: &[HeaderName],
    value: impl Fn(&HeaderName) -> Option<Cow<'a, [u8]>>,
) -> KeyHash {
    if names.is_empty() {
        return base;
    }
    let mut framed = Framed::new();
    framed.part(b"variant");
    framed.part(&base.bytes());
    for name in names {
        framed.part(name.as_str().as_bytes());
        // Absent matches absent only, not empty.
        match value(name) {
            None => framed.part(b"-"),
            Some(value) => {
                framed.part(b"+");
                framed.part(&value);
            }
        }
    }
    framed.hash()
}

/// A request field's value for comparison; `None` when it is absent.
fn normalised<'a>(name: &HeaderName, value: Option<Cow<'a, [u8]>>) -> Option<Cow<'a, [u8]>> {
    if *name == ACCEPT_ENCODING {
        return Some(Cow::Borrowed(Offered::in_value(value.as_deref()).digit()));
    }
    let value = value?;
    if *name == ACCEPT_LANGUAGE {
        return Some(Cow::Owned(normal_language(&value)));
    }
    if !value.contains(&b',') {
        return Some(match value {
            Cow::Borrowed(value) => Cow::Borrowed(list::trim(value)),
            Cow::Owned(value) => Cow::Owned(list::trim(&value).to_vec()),
        });
    }
    let members: Vec<&[u8]> = list::members(&value).collect();
    Some(Cow::Owned(members.join(&b',')))
}

/// Which of [`CODINGS`] a client takes (RFC 9110 12.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offered([bool; CODINGS.len()]);

impl Offered {
    /// Without the field a client takes anything, but only `identity` is sure to suit it.
    fn by(request: &HeaderMap) -> Self {
        Self::in_value(list::joined(request, &ACCEPT_ENCODING).as_deref())
    }

    fn in_value(value: Option<&[u8]>) -> Self {
        const IDENTITY: usize = CODINGS.len() - 1;
        let mut named: [Option<bool>; CODINGS.len()] = [None; CODINGS.len()];
        let mut rest = None;
        let members = value.into_iter().flat_map(list::members);
        for member in members.filter(|member| !member.is_empty()) {
            let mut parts = member.split(|byte| *byte == b';');
            let coding = list::trim(parts.next().unwrap_or_default());
            let accepted = !parts.any(is_zero_weight);
            if coding == b"*" {
                rest = Some(accepted);
            } else if let Some(index) = coding_index(coding) {
                named[index] = Some(accepted && named[index].unwrap_or(true));
            }
        }
        let mut offered = named.map(|accepted| accepted.or(rest).unwrap_or(false));
        offered[IDENTITY] = named[IDENTITY].or(rest).unwrap_or(true);
        Self(offered)
    }

    /// The subset as one hexadecimal digit, so that comparing costs no allocation.
    fn digit(self) -> &'static [u8] {
        const DIGITS: &[u8; 1 << CODINGS.len()] = b"0123456789abcdef";
        let bits = self
            .0
            .iter()
            .fold(0, |bits, taken| bits << 1 | usize::from(*taken));
        &DIGITS[bits..=bits]
    }

    fn text(self) -> String {
        let taken: Vec<&str> = CODINGS
            .iter()
            .zip(self.0)
            .filter_map(|(coding, taken)| taken.then_some(*coding))
            .collect();
        taken.join(",")
    }
}

/// Place in [`CODINGS`]; `x-gzip` is `gzip` (RFC 9110 8.4.1.3).
fn coding_index(coding: &[u8]) -> Option<usize> {
    let coding = if coding.eq_ignore_ascii_case(b"x-gzip") {
        b"gzip"
    } else {
        coding
    };
    CODINGS
        .iter()
        .position(|known| known.as_bytes().eq_ignore_ascii_case(coding))
}

/// `q=0`, `q=0.000`; a malformed weight counts as zero, as nobody knows what was meant.
fn is_zero_weight(parameter: &[u8]) -> bool {
    weight(parameter) == Some(0)
}

/// A `q` parameter in thousandths; `None` for other parameters.
fn weight(parameter: &[u8]) -> Option<u16> {
    let (b'q' | b'Q', value) = list::trim(parameter).split_first()? else {
        return None;
    };
    let value = list::trim(value).strip_prefix(b"=").map(list::trim)?;
    let (whole, fraction) = match value.split_first() {
        Some((whole @ (b'0' | b'1'), [])) => (whole, &[][..]),
        Some((whole @ (b'0' | b'1'), [b'.', fraction @ ..])) if fraction.len() <= 3 => (whole, fraction),
        _ => return Some(0),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Some(0);
    }
    let thousandths = (0..3).fold(u16::from(whole - b'0'), |sum, place| {
        sum * 10 + u16::from(fraction.get(place).copied().unwrap_or(b'0') - b'0')
    });
    Some(thousandths.min(1000))
}

/// The `Accept-Encoding` to send to the origin so that its answer fits the client's slot.
#[must_use]
pub fn accept_encoding(request: &HeaderMap) -> HeaderValue {
    let offered = Offered::by(request).text();
    let text = if offered.is_empty() {
        "identity;q=0"
    } else {
        &offered
    };
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("identity"))
}

/// Members in lower case, without white space, sorted.
fn normal_language(value: &[u8]) -> Vec<u8> {
    let mut members: Vec<Vec<u8>> = list::members(value)
        .filter(|member| !member.is_empty())
        .map(|member| {
            let mut member = member.to_ascii_lowercase();
            member.retain(|byte| !matches!(byte, b' ' | b'\t'));
            member
        })
        .collect();
    members.sort_unstable();
    members.join(&b',')
}

/// The one language that a request weighs above all others, in lower case.
#[must_use]
pub fn preferred_language(request: &HeaderMap) -> Option<String> {
    let mut best: Option<(u16, Option<Vec<u8>>)> = None;
    list::each(request, &ACCEPT_LANGUAGE, |member| {
        let mut parts = member.split(|byte| *byte == b';');
        let language = list::trim(parts.next().unwrap_or_default()).to_ascii_lowercase();
        let weight = parts.find_map(weight).unwrap_or(1000);
        match &mut best {
            Some((highest, only)) if *highest == weight => {
                if only.as_ref().is_some_and(|only| *only != language) {
                    *only = None;
                }
            }
            Some((highest, _)) if *highest > weight => {}
            _ => best = Some((weight, Some(language))),
        }
    });
    match best {
        Some((1.., Some(language))) if language != b"*" => String::from_utf8(language).ok(),
        _ => None,
    }
}

/// The one language of an answer, in lower case.
#[must_use]
pub fn content_language(response: &HeaderMap) -> Option<String> {
    let mut found = Vec::new();
    list::each(response, &CONTENT_LANGUAGE, |member| {
        found.push(member.to_ascii_lowercase())
    });
    match <[Vec<u8>; 1]>::try_from(found) {
        Ok([language]) => String::from_utf8(language).ok(),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
