//! Targeted cache control (RFC 9213): fields that speak to this cache and not to those behind it.
//!
//! The first field of [`TARGETS`] that parses and is not empty replaces `Cache-Control` *and* `Expires`
//! for every decision here; a `no-store` in `Cache-Control` does not count then.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::cache_control::{DELTA_MAX, ResponseDirectives, delta};
use super::list;
use super::structured::{Value, dictionary};

/// Speaks to popgate only; dropped before the answer goes to a client.
pub const POPGATE_CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("popgate-cdn-cache-control");
/// Speaks to every CDN; forwarded.
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
/// Older kin of the targeted fields, honoured where a preset says so; dropped before the client.
pub const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");

/// Target list (RFC 9213 2.2), most specific first.
pub const TARGETS: [HeaderName; 2] = [POPGATE_CDN_CACHE_CONTROL, CDN_CACHE_CONTROL];

/// Directives of the first target that applies; `None` when `Cache-Control` does.
#[must_use]
pub fn directives(headers: &HeaderMap) -> Option<ResponseDirectives> {
    TARGETS
        .iter()
        .find_map(|name| parse(&list::joined(headers, name)?))
}

/// One targeted field. `None` when it must be ignored: empty, a syntax error anywhere, or a known
/// directive with a value of the wrong type (RFC 9213 2.1).
#[must_use]
pub fn parse(value: &[u8]) -> Option<ResponseDirectives> {
    let members = dictionary(value)?;
    if members.is_empty() {
        return None;
    }
    let mut found = ResponseDirectives::default();
    for (name, value) in &members {
        match name.as_str() {
            "no-store" => found.no_store = flag(value)?,
            "public" => found.public = flag(value)?,
            "must-revalidate" => found.must_revalidate = flag(value)?,
            "proxy-revalidate" => found.proxy_revalidate = flag(value)?,
            "must-understand" => found.must_understand = flag(value)?,
            "immutable" => found.immutable = flag(value)?,
            "no-cache" => scope(&mut found.no_cache, value)?,
            "private" => scope(&mut found.private, value)?,
            "max-age" => found.max_age = Some(seconds(value)?),
            "s-maxage" => found.s_maxage = Some(seconds(value)?),
            "stale-while-revalidate" => found.stale_while_revalidate = Some(seconds(value)?),
            "stale-if-error" => found.stale_if_error = Some(seconds(value)?),
            _ => {}
        }
    }
    Some(found)
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(set) => Some(*set),
        _ => None,
    }
}

/// A negative number is no delta-seconds, hence of the wrong type.
fn seconds(value: &Value) -> Option<Duration> {
    match value {
        Value::Integer(seconds) => u64::try_from(*seconds)
            .ok()
            .map(|seconds| Duration::from_secs(seconds.min(DELTA_MAX))),
        _ => None,
    }
}

fn scope(scope: &mut super::cache_control::Scope, value: &Value) -> Option<()> {
    match value {
        Value::Boolean(false) => {}
        Value::Boolean(true) => scope.widen(None),
        Value::String(names) | Value::Token(names) => scope.widen(Some(names.as_bytes())),
        Value::Integer(_) | Value::Other => return None,
    }
    Some(())
}

/// `Surrogate-Control` (Edge Architecture Specification): the directives of `Cache-Control`, where
/// `max-age=60+30` adds a stale-while-revalidate window of 30 s. Parameters (`;name`) name other
/// surrogates: such a directive is not ours and is skipped. `None` when nothing in it is known.
#[must_use]
pub fn surrogate(headers: &HeaderMap) -> Option<ResponseDirectives> {
    let value = list::joined(headers, &SURROGATE_CONTROL)?;
    let mut found = ResponseDirectives::default();
    for member in list::members(&value) {
        if member.contains(&b';') {
            continue;
        }
        match extended_max_age(member) {
            Some((fresh, stale)) => {
                found.max_age.get_or_insert(fresh);
                found.stale_while_revalidate.get_or_insert(stale);
            }
            None => merge(&mut found, ResponseDirectives::parse(member)),
        }
    }
    (found != ResponseDirectives::default()).then_some(found)
}

/// `max-age=60+30`
fn extended_max_age(member: &[u8]) -> Option<(Duration, Duration)> {
    let (name, value) = member.split_at_checked(8)?;
    if !name.eq_ignore_ascii_case(b"max-age=") {
        return None;
    }
    let plus = value.iter().position(|byte| *byte == b'+')?;
    Some((delta(&value[..plus])?, delta(&value[plus + 1..])?))
}

/// Adds what one more member says; values keep their first occurrence.
fn merge(into: &mut ResponseDirectives, one: ResponseDirectives) {
    into.no_store |= one.no_store;
    into.public |= one.public;
    into.must_revalidate |= one.must_revalidate;
    into.proxy_revalidate |= one.proxy_revalidate;
    into.must_understand |= one.must_understand;
    into.immutable |= one.immutable;
    if !into.no_cache.is_whole() && one.no_cache != super::cache_control::Scope::Nothing {
        into.no_cache = one.no_cache;
    }
    if !into.private.is_whole() && one.private != super::cache_control::Scope::Nothing {
        into.private = one.private;
    }
    into.max_age = into.max_age.or(one.max_age);
    into.s_maxage = into.s_maxage.or(one.s_maxage);
    into.stale_while_revalidate = into.stale_while_revalidate.or(one.stale_while_revalidate);
    into.stale_if_error = into.stale_if_error.or(one.stale_if_error);
}

#[cfg(test)]
mod tests;
