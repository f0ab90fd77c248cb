//! May a stored answer be used for a request (RFC 9111 4, 4.2.4), as it is, stale, or after validation?

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::cache_control::MaxStale;
use super::freshness::Policy;
use super::request::Directives;
use crate::cache::Times;
use crate::config::model::SiteCache;

/// Longest staleness served without any window while the origin cannot be reached (RFC 9111 4.2.4,
/// "disconnected").
pub const DISCONNECTED_MAX: Duration = Duration::from_secs(86_400);

/// How a stored answer may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Now, as it is.
    Fresh,
    /// Now, though stale: the client's `max-stale` covers it.
    StaleAccepted,
    /// Stale.
    Stale {
        /// It may be served now while it is refreshed in the background.
        while_revalidate: bool,
        /// A stale-if-error window is open; [`may_serve_on_error`] has the last word.
        if_error: bool,
    },
    /// Only after validation: the client does not want it as it is.
    Revalidate(RevalidateReason),
}

impl Reuse {
    /// Whether the client gets the stored answer at once. Under `only-if-cached` everything else is 504
    /// (RFC 9111 5.2.1.7).
    #[must_use]
    pub fn is_immediate(self) -> bool {
        match self {
            Self::Fresh | Self::StaleAccepted => true,
            Self::Stale { while_revalidate, .. } => while_revalidate,
            Self::Revalidate(_) => false,
        }
    }
}

/// Which wish of the client asks for validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevalidateReason {
    /// `no-cache` or `Pragma: no-cache`.
    NoCache,
    /// Older than `max-age`.
    MaxAge,
    /// Less freshness left than `min-fresh`.
    MinFresh,
}

impl RevalidateReason {
    /// Token for `Cache-Status` details and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCache => "request-no-cache",
            Self::MaxAge => "request-max-age",
            Self::MinFresh => "request-min-fresh",
        }
    }
}

/// Decides over a stored answer; `stored` is its header. Fresh hits of clients without wishes do not look
/// at the header at all.
#[must_use]
pub fn reuse(times: &Times, stored: &HeaderMap, asked: &Directives, now: SystemTime) -> Reuse {
    if asked.no_cache {
        return Reuse::Revalidate(RevalidateReason::NoCache);
    }
    let staleness = now.duration_since(times.fresh_until).ok();
    if let Some(min_fresh) = asked.min_fresh {
        let left = times.fresh_until.duration_since(now).unwrap_or_default();
        if left < min_fresh {
            return Reuse::Revalidate(RevalidateReason::MinFresh);
        }
    }
    let too_old = is_too_old(times, asked, now);
    match staleness {
        None if too_old => Reuse::Revalidate(RevalidateReason::MaxAge),
        None => Reuse::Fresh,
        Some(_) if too_old => Reuse::Revalidate(RevalidateReason::MaxAge),
        Some(staleness) if accepts(asked, staleness) && relaxable(&Policy::of(stored, false), times) => {
            Reuse::StaleAccepted
        }
        Some(staleness) => Reuse::Stale {
            while_revalidate: staleness < times.stale_while_revalidate,
            if_error: staleness < times.stale_if_error,
        },
    }
}

/// Whether it is older than the client's `max-age`. Parts of a second count: with `max-age=0` nothing
/// stored will do.
fn is_too_old(times: &Times, asked: &Directives, now: SystemTime) -> bool {
    let age = times.initial_age + now.duration_since(times.stored_at).unwrap_or_default();
    asked.max_age.is_some_and(|max_age| age > max_age)
}

/// Whether the client's `max-stale` covers this staleness.
fn accepts(asked: &Directives, staleness: Duration) -> bool {
    match asked.max_stale {
        None => false,
        Some(MaxStale::Any) => true,
        Some(MaxStale::Within(window)) => staleness <= window,
    }
}

/// How an origin failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No answer: no connection, no free one in time, a timeout, a connection cut before the header.
    Unreachable,
    /// It answered with this status.
    Status(StatusCode),
}

/// Whether a stored answer may stand in for a failed fetch (RFC 5861 4, RFC 9111 4.2.4).
///
/// Within the stale-if-error window that it was stored with, it may: `must-revalidate`,
/// `proxy-revalidate`, `no-cache` and `s-maxage` were weighed then. Beyond that the client's own
/// `stale-if-error` counts, and where neither the answer nor the site has a window, being cut off from
/// the origin does, for at most [`DISCONNECTED_MAX`]; both only for an answer that was fresh once and
/// carries none of these directives. Never against the client's wish to validate.
#[must_use]
pub fn may_serve_on_error(
    times: &Times,
    stored: &HeaderMap,
    asked: &Directives,
    site: &SiteCache,
    failure: Failure,
    now: SystemTime,
) -> bool {
    if let Failure::Status(status) = failure
        && !matches!(status.as_u16(), 500 | 502 | 503 | 504)
    {
        return false;
    }
    if asked.no_cache || is_too_old(times, asked, now) {
        return false;
    }
    let staleness = now.duration_since(times.fresh_until).unwrap_or_default();
    if times.is_fresh(now) || staleness < times.stale_if_error {
        return true;
    }
    let policy = Policy::of(stored, false);
    if !relaxable(&policy, times) {
        return false;
    }
    if asked.stale_if_error.is_some_and(|window| staleness < window) {
        return true;
    }
    let no_window = times.stale_if_error.is_zero()
        && site.stale_if_error.is_zero()
        && policy.directives.stale_if_error.is_none();
    no_window && failure == Failure::Unreachable && staleness < DISCONNECTED_MAX
}

/// Whether stale reuse may be decided by somebody other than the answer itself: it was fresh once (with
/// lifetime zero it is made to be validated each time, perhaps because it differs by visitor) and no
/// directive is against it. `Surrogate-Control` does not count here, which errs on the strict side.
fn relaxable(policy: &Policy, times: &Times) -> bool {
    let lifetime_end = times.fresh_until.checked_add(times.initial_age);
    let was_fresh = lifetime_end.is_some_and(|end| end > times.stored_at);
    was_fresh && !policy.forbids_stale() && policy.directives.s_maxage.is_none()
}

/// A copy of `times` whose freshness ends at `at` unless it ended before: a soft purge, which keeps the
/// stale windows and counts them from then.
#[must_use]
pub fn expire(times: &Times, at: SystemTime) -> Times {
    Times {
        fresh_until: times.fresh_until.min(at),
        ..*times
    }
}

#[cfg(test)]
mod tests;
