//! `Cache-Control` of requests and responses (RFC 9111 5.2).
//!
//! Reading is lenient where that is safe and strict where it is not: a directive that restricts counts
//! however oddly it is written, a lifetime counts only when it is well formed; a malformed one is zero,
//! so that the answer is stale rather than immortal.

use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};

use super::list;

/// Largest delta-seconds (RFC 9111 1.2.2): more is taken for this.
pub const DELTA_MAX: u64 = 1 << 31;

/// Most fields that `no-cache="…"` or `private="…"` may name before they count for the whole answer.
pub const FIELDS_MAX: usize = 32;

/// Reach of `no-cache` and `private`: nothing, some fields, or the whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// The directive is absent.
    #[default]
    Nothing,
    /// `no-cache="a, b"`: only these fields.
    Fields(Vec<HeaderName>),
    /// The whole answer.
    Whole,
}

impl Scope {
    /// Whether it covers the whole answer.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }

    /// The named fields; none for the other forms.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(names) => names,
            Self::Nothing | Self::Whole => &[],
        }
    }

    /// Widens by another occurrence of the directive, with its unquoted argument if it has one.
    pub(super) fn widen(&mut self, argument: Option<&[u8]>) {
        let named = argument.and_then(field_names);
        match (named, &mut *self) {
            (None, _) => *self = Self::Whole,
            (Some(_), Self::Whole) => {}
            (Some(names), Self::Nothing) => *self = Self::Fields(names),
            (Some(names), Self::Fields(all)) => {
                all.extend(names);
                if all.len() > FIELDS_MAX {
                    *self = Self::Whole;
                }
            }
        }
    }
}

/// Response directives (RFC 9111 5.2.2, RFC 5861, RFC 8246).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// 5.2.2.5
    pub no_store: bool,
    /// 5.2.2.4
    pub no_cache: Scope,
    /// 5.2.2.7
    pub private: Scope,
    /// 5.2.2.9
    pub public: bool,
    /// 5.2.2.2
    pub must_revalidate: bool,
    /// 5.2.2.8
    pub proxy_revalidate: bool,
    /// 5.2.2.3
    pub must_understand: bool,
    /// RFC 8246
    pub immutable: bool,
    /// 5.2.2.1
    pub max_age: Option<Duration>,
    /// 5.2.2.10
    pub s_maxage: Option<Duration>,
    /// RFC 5861 3
    pub stale_while_revalidate: Option<Duration>,
    /// RFC 5861 4
    pub stale_if_error: Option<Duration>,
}

impl ResponseDirectives {
    /// The `Cache-Control` of an answer; all absent when it has none.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        list::joined(headers, &CACHE_CONTROL).map_or_else(Self::default, |value| Self::parse(&value))
    }

    /// One field value. Never fails: what is not understood is ignored (RFC 9111 5.2.3).
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let mut found = Self::default();
        for_each(value, |name, argument| found.take(name, argument));
        found
    }

    fn take(&mut self, name: &str, argument: Argument<'_>) {
        match name {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache.widen(argument.unquoted().as_deref()),
            "private" => self.private.widen(argument.unquoted().as_deref()),
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "immutable" => self.immutable = true,
            "max-age" => first(&mut self.max_age, argument),
            "s-maxage" => first(&mut self.s_maxage, argument),
            "stale-while-revalidate" => first(&mut self.stale_while_revalidate, argument),
            "stale-if-error" => first(&mut self.stale_if_error, argument),
            _ => {}
        }
    }
}

/// The `max-stale` request directive (RFC 9111 5.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxStale {
    /// Without a value: however stale.
    Any,
    /// At most this long after expiry.
    Within(Duration),
}

/// Request directives (RFC 9111 5.2.1, RFC 5861 4) as written, before a site says which count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCacheControl {
    /// 5.2.1.4
    pub no_cache: bool,
    /// 5.2.1.5
    pub no_store: bool,
    /// 5.2.1.7
    pub only_if_cached: bool,
    /// 5.2.1.1
    pub max_age: Option<Duration>,
    /// 5.2.1.2
    pub max_stale: Option<MaxStale>,
    /// 5.2.1.3
    pub min_fresh: Option<Duration>,
    /// RFC 5861 4
    pub stale_if_error: Option<Duration>,
}

impl RequestCacheControl {
    /// One field value. Never fails.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let mut found = Self::default();
        for_each(value, |name, argument| found.take(name, argument));
        found
    }

    fn take(&mut self, name: &str, argument: Argument<'_>) {
        match name {
            "no-cache" => self.no_cache = true,
            "no-store" => self.no_store = true,
            "only-if-cached" => self.only_if_cached = true,
            "max-age" => first(&mut self.max_age, argument),
            "min-fresh" => first(&mut self.min_fresh, argument),
            "stale-if-error" => first(&mut self.stale_if_error, argument),
            "max-stale" if self.max_stale.is_none() => {
                self.max_stale = Some(match argument {
                    Argument::Missing => MaxStale::Any,
                    given => MaxStale::Within(given.delta()),
                });
            }
            _ => {}
        }
    }
}

/// What stands behind the `=` of a directive, raw.
#[derive(Clone, Copy)]
enum Argument<'a> {
    /// No `=`.
    Missing,
    /// White space around the `=`, which no grammar allows.
    Malformed,
    /// A token or a quoted string.
    Given(&'a [u8]),
}

impl Argument<'_> {
    /// Token or quoted string without its quotes; `None` when there is none that can be trusted.
    fn unquoted(self) -> Option<Vec<u8>> {
        match self {
            Argument::Given(raw) => Some(unquote(raw)),
            Argument::Missing | Argument::Malformed => None,
        }
    }

    /// As delta-seconds; anything else is zero.
    fn delta(self) -> Duration {
        match self {
            Argument::Given(raw) => delta(&unquote(raw)).unwrap_or_default(),
            Argument::Missing | Argument::Malformed => Duration::ZERO,
        }
    }
}

/// First occurrence wins (RFC 9111 4.2.1).
fn first(slot: &mut Option<Duration>, argument: Argument<'_>) {
    slot.get_or_insert_with(|| argument.delta());
}

/// Longest directive name that is known; longer ones are not looked at.
const NAME_MAX: usize = 32;

fn for_each(value: &[u8], mut with: impl FnMut(&str, Argument<'_>)) {
    for member in list::members(value) {
        let (name, argument) = match member.iter().position(|byte| *byte == b'=') {
            None => (member, Argument::Missing),
            Some(at) => {
                let (name, raw) = (&member[..at], &member[at + 1..]);
                let spaced = list::trim(name).len() != name.len() || list::trim(raw).len() != raw.len();
                let argument = if spaced {
                    Argument::Malformed
                } else {
                    Argument::Given(raw)
                };
                (list::trim(name), argument)
            }
        };
        let mut lower = [0_u8; NAME_MAX];
        let Some(lower) = lower.get_mut(..name.len()) else {
            continue;
        };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        if let Ok(name) = std::str::from_utf8(lower) {
            with(name, argument);
        }
    }
}

/// Delta-seconds (RFC 9111 1.2.2): digits only, saturating at [`DELTA_MAX`].
pub(super) fn delta(digits: &[u8]) -> Option<Duration> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = digits.iter().fold(0_u64, |sum, digit| {
        (sum * 10 + u64::from(digit - b'0')).min(DELTA_MAX)
    });
    Some(Duration::from_secs(seconds))
}

/// Text of a quoted string; a value that is none stays as it is.
fn unquote(raw: &[u8]) -> Vec<u8> {
    let [b'"', inner @ .., b'"'] = raw else {
        return raw.to_vec();
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => text.extend(bytes.next()),
            other => text.push(*other),
        }
    }
    text
}

/// Field names of a qualified directive; `None` when the list is empty, too long or not made of names,
/// and the directive must be taken for its unqualified form.
fn field_names(argument: &[u8]) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for member in list::members(argument).filter(|member| !member.is_empty()) {
        if names.len() == FIELDS_MAX {
            return None;
        }
        names.push(HeaderName::from_bytes(member).ok()?);
    }
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests;
