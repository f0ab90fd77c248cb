//! Freshness that plugins and servers say in their own fields, before `Cache-Control` has its word.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};

use crate::cache::policy::targeted::TARGETS;
use crate::preset::Freshness;

/// `Expires` that WordPress itself sends with every answer it does not want cached.
const CORE_EXPIRES: &str = "Wed, 11 Jan 1984 05:00:00 GMT";

/// Freshness said by a field that goes before `Cache-Control`: `CDN-Cache-Control` (left to policy), then
/// `Surrogate-Control`, then `X-Accel-Expires`.
///
/// `Ok(None)`: none of them is there, or none can be read. `Err`: one of them forbids storing.
pub(super) fn targeted(headers: &HeaderMap, now: SystemTime) -> Result<Option<Freshness>, &'static str> {
    if TARGETS.iter().any(|name| headers.contains_key(name)) {
        return Ok(None);
    }
    if let Some(said) = surrogate_control(headers)? {
        return Ok(Some(said));
    }
    x_accel_expires(headers, now)
}

fn surrogate_control(headers: &HeaderMap) -> Result<Option<Freshness>, &'static str> {
    let mut ttl = None;
    let mut stale_while_revalidate = None;
    let mut stale_if_error = None;
    for (name, value) in directives(headers, "surrogate-control") {
        let seconds = || {
            value
                .and_then(|value| value.parse().ok())
                .map(Duration::from_secs)
        };
        match name.to_ascii_lowercase().as_str() {
            "no-store" => return Err("surrogate-control"),
            "max-age" => ttl = seconds(),
            "stale-while-revalidate" => stale_while_revalidate = seconds(),
            "stale-if-error" => stale_if_error = seconds(),
            _ => {}
        }
    }
    Ok(ttl.map(|ttl| Freshness::Fixed {
        ttl,
        stale_while_revalidate,
        stale_if_error,
    }))
}

/// nginx's field: seconds, `0` for "do not store", `@` and a Unix time for an instant.
fn x_accel_expires(headers: &HeaderMap, now: SystemTime) -> Result<Option<Freshness>, &'static str> {
    let Some(text) = headers
        .get("x-accel-expires")
        .and_then(|value| value.to_str().ok())
    else {
        return Ok(None);
    };
    let text = text.trim();
    let ttl = match text.strip_prefix('@') {
        Some(at) => at.parse().ok().map(|at| {
            UNIX_EPOCH
                .checked_add(Duration::from_secs(at))
                .and_then(|at| at.duration_since(now).ok())
                .unwrap_or_default()
        }),
        None => text.parse().ok().map(Duration::from_secs),
    };
    match ttl {
        Some(Duration::ZERO) => Err("x-accel-expires"),
        Some(ttl) => Ok(Some(Freshness::Fixed {
            ttl,
            stale_while_revalidate: None,
            stale_if_error: None,
        })),
        None => Ok(None),
    }
}

/// Why `Cache-Control` or `Pragma` forbids sharing, `None` when they do not.
pub(super) fn forbidden(headers: &HeaderMap) -> Option<&'static str> {
    let says = |word: &str| {
        directives(headers, header::CACHE_CONTROL.as_str()).any(|(name, _)| name.eq_ignore_ascii_case(word))
    };
    let found = ["private", "no-store", "no-cache"]
        .into_iter()
        .find(|word| says(word));
    let pragma = || {
        !headers.contains_key(header::CACHE_CONTROL)
            && directives(headers, header::PRAGMA.as_str())
                .any(|(name, _)| name.eq_ignore_ascii_case("no-cache"))
    };
    found.or_else(|| pragma().then_some("no-cache"))
}

/// Whether the answer's refusal is WordPress core's own, which it sends with 404s and redirects to anybody.
pub(super) fn is_core_nocache(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPIRES)
        .is_some_and(|value| value == CORE_EXPIRES)
}

/// Directives of all lines of a field with their unquoted values. A comma in a quoted value splits it, which
/// can only add a directive, never hide one.
fn directives<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|directive| match directive.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (directive.trim(), None),
        })
}
