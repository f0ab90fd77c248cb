//! Shorthand for policy tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use crate::config::model::{RequestDirectives, SiteCache};

/// Seconds after the epoch.
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A header from its lines.
pub(crate) fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// `preset: standard` with nothing else said.
pub(crate) fn standard() -> SiteCache {
    SiteCache {
        enabled: true,
        ttl: Duration::ZERO,
        ttl_max: Duration::from_secs(365 * 86_400),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        heuristic: false,
        request_directives: RequestDirectives::Honour,
        stale_with_s_maxage: true,
        store_set_cookie: false,
        debug_headers: true,
        leak_check: 0,
        leak_pass: Duration::from_secs(600),
        refresh_after_purge: None,
    }
}
