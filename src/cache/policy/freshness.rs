//! How long an answer stays fresh, and how long it is of use after that (RFC 9111 4.2, RFC 5861).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{DATE, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

use super::cache_control::ResponseDirectives;
use super::storable::Overrides;
use super::{age, date, targeted};
use crate::cache::Times;
use crate::config::model::SiteCache;

/// Longest freshness of a 5xx answer, whatever it says: it must not outlive the trouble.
pub const SERVER_ERROR_MAX: Duration = Duration::from_secs(10);

/// Longest heuristic freshness: a file untouched for years may still change tomorrow.
pub const HEURISTIC_MAX: Duration = Duration::from_secs(86_400);

/// The directives that govern an answer here, and whose they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// From the targeted field when one applies, else from `Cache-Control`.
    pub directives: ResponseDirectives,
    /// A targeted field governs: `Expires` does not count.
    pub targeted: bool,
}

impl Policy {
    /// Reads an answer's header. `surrogate_control`: honour that field, after the targeted ones.
    #[must_use]
    pub fn of(headers: &HeaderMap, surrogate_control: bool) -> Self {
        let surrogate = || surrogate_control.then(|| targeted::surrogate(headers)).flatten();
        match targeted::directives(headers).or_else(surrogate) {
            Some(directives) => Self {
                directives,
                targeted: true,
            },
            None => Self {
                directives: ResponseDirectives::of(headers),
                targeted: false,
            },
        }
    }

    /// Whether stale reuse is forbidden whatever a window says (RFC 9111 4.2.4; `s-maxage` apart, which
    /// an explicit window beside it may relax).
    #[must_use]
    pub fn forbids_stale(&self) -> bool {
        let directives = &self.directives;
        directives.must_revalidate || directives.proxy_revalidate || directives.no_cache.is_whole()
    }
}

/// Where a lifetime comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `no-cache`: never fresh.
    NoCache,
    /// `s-maxage`.
    SMaxAge,
    /// `max-age`.
    MaxAge,
    /// `Expires` less `Date`.
    Expires,
    /// The site's `ttl`.
    Site,
    /// A share of the time since `Last-Modified`.
    Heuristic,
    /// The answer says nothing and nothing stands in.
    Nothing,
}

impl Source {
    /// Whether the origin said so itself (RFC 9111 3, "explicit freshness").
    #[must_use]
    pub fn is_explicit(self) -> bool {
        matches!(self, Self::NoCache | Self::SMaxAge | Self::MaxAge | Self::Expires)
    }
}

/// A freshness lifetime (RFC 9111 4.2.1) with its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Counted from the origin, so that age is still to be taken off.
    pub duration: Duration,
    /// Which rule gave it.
    pub source: Source,
}

/// Whether a status may be reused without explicit freshness (RFC 9110 15.1).
#[must_use]
pub fn heuristic_status(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// Freshness lifetime (RFC 9111 4.2.1, 4.2.2) within the site's `ttl_max`.
#[must_use]
pub fn lifetime(
    policy: &Policy,
    status: StatusCode,
    headers: &HeaderMap,
    site: &SiteCache,
    overrides: &Overrides<'_>,
    received_at: SystemTime,
) -> Lifetime {
    let (mut duration, source) = explicit(policy, headers, received_at)
        .or_else(|| implicit(policy, status, headers, site, overrides, received_at))
        .unwrap_or((Duration::ZERO, Source::Nothing));
    duration = duration.min(site.ttl_max);
    if status.is_server_error() {
        duration = duration.min(SERVER_ERROR_MAX);
    }
    if let Some(life_max) = overrides.life_max {
        duration = duration.min(life_max);
    }
    Lifetime { duration, source }
}

fn explicit(policy: &Policy, headers: &HeaderMap, received_at: SystemTime) -> Option<(Duration, Source)> {
    let directives = &policy.directives;
    if directives.no_cache.is_whole() {
        return Some((Duration::ZERO, Source::NoCache));
    }
    if let Some(s_maxage) = directives.s_maxage {
        return Some((s_maxage, Source::SMaxAge));
    }
    if let Some(max_age) = directives.max_age {
        return Some((max_age, Source::MaxAge));
    }
    if policy.targeted || !headers.contains_key(EXPIRES) {
        return None;
    }
    let lifetime = date::header(headers, &EXPIRES, received_at)
        .and_then(|expires| expires.duration_since(generated_at(headers, received_at)).ok());
    Some((lifetime.unwrap_or_default(), Source::Expires))
}

fn implicit(
    policy: &Policy,
    status: StatusCode,
    headers: &HeaderMap,
    site: &SiteCache,
    overrides: &Overrides<'_>,
    received_at: SystemTime,
) -> Option<(Duration, Source)> {
    if !heuristic_status(status) && !policy.directives.public {
        return None;
    }
    let ttl = overrides.ttl.unwrap_or(site.ttl);
    if !ttl.is_zero() {
        return Some((ttl, Source::Site));
    }
    if !site.heuristic {
        return None;
    }
    let modified = date::header(headers, &LAST_MODIFIED, received_at)?;
    let since = generated_at(headers, received_at).duration_since(modified).ok()?;
    Some(((since / 10).min(HEURISTIC_MAX), Source::Heuristic))
}

/// `Date`, or the time of receipt where it is missing or malformed (RFC 9110 6.6.1).
fn generated_at(headers: &HeaderMap, received_at: SystemTime) -> SystemTime {
    date::header(headers, &DATE, received_at).unwrap_or(received_at)
}

/// Stale windows after the end of freshness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Windows {
    /// RFC 5861 3.
    pub while_revalidate: Duration,
    /// RFC 5861 4.
    pub if_error: Duration,
}

/// The answer's own windows, else the site's. None where stale reuse is forbidden, none for 5xx, and the
/// site's only for what was fresh once: nobody asked for `max-age=0` to be served for a day.
#[must_use]
pub fn windows(policy: &Policy, status: StatusCode, lifetime: Lifetime, site: &SiteCache) -> Windows {
    if policy.forbids_stale() || status.is_server_error() {
        return Windows::default();
    }
    let directives = &policy.directives;
    let restricted = directives.s_maxage.is_some();
    let window = |own: Option<Duration>, default: Duration| match own {
        Some(_) if restricted && !site.stale_with_s_maxage => Duration::ZERO,
        Some(window) => window,
        None if restricted || lifetime.duration.is_zero() => Duration::ZERO,
        None => default,
    };
    Windows {
        while_revalidate: window(directives.stale_while_revalidate, site.stale_while_revalidate),
        if_error: window(directives.stale_if_error, site.stale_if_error),
    }
}

/// Life of an answer that arrived at `received_at` for a request sent at `requested_at`.
#[must_use]
pub fn times(
    headers: &HeaderMap,
    lifetime: Lifetime,
    windows: Windows,
    life_max: Option<Duration>,
    requested_at: SystemTime,
    received_at: SystemTime,
) -> Times {
    let initial_age = age::initial_age(headers, requested_at, received_at);
    // The site's own lifetime is no promise of the origin: how long an answer took is not taken off it.
    let spent = if lifetime.source == Source::Site {
        age::age_value(headers)
    } else {
        initial_age
    };
    let fresh_until = received_at
        .checked_add(lifetime.duration)
        .and_then(|end| end.checked_sub(spent))
        .unwrap_or(received_at)
        .max(UNIX_EPOCH);
    let stale_max = life_max.map_or(Duration::MAX, |max| max.saturating_sub(lifetime.duration));
    Times {
        stored_at: received_at,
        initial_age,
        fresh_until,
        stale_while_revalidate: windows.while_revalidate.min(stale_max),
        stale_if_error: windows.if_error.min(stale_max),
    }
}

#[cfg(test)]
mod tests;
