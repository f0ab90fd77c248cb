//! `sites[].cache`, with the preset's defaults filled in.

use std::time::Duration;

use super::super::keys::REFRESH_AFTER_PURGE;
use super::super::model::{Preset, RefreshAfterPurge, RequestDirectives, SiteCache};
use super::super::reader::Map;
use super::super::value::integer;
use super::super::yaml::Value;

/// Defaults that depend on the preset.
struct Defaults {
    ttl: Duration,
    stale_while_revalidate: Duration,
    stale_if_error: Duration,
    request_directives: RequestDirectives,
    leak_check: u32,
    refreshes: bool,
}

fn defaults(preset: Preset) -> Defaults {
    const DAY: Duration = Duration::from_secs(86_400);
    match preset {
        Preset::Standard => Defaults {
            ttl: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            request_directives: RequestDirectives::Honour,
            leak_check: 0,
            refreshes: false,
        },
        Preset::Wordpress => Defaults {
            ttl: Duration::from_secs(300),
            stale_while_revalidate: DAY,
            stale_if_error: DAY,
            request_directives: RequestDirectives::Ignore,
            leak_check: 1000,
            refreshes: true,
        },
    }
}

/// One of how many hits is looked at; zero for none.
fn leak_check(map: &Map<'_>, default: u32) -> u32 {
    const MAX: u64 = 1_000_000_000;
    let Some(field) = map.field("leak_check") else {
        return default;
    };
    if field.is_off() {
        return 0;
    }
    let one_in = field.parse(|text| integer(text, 1, MAX));
    one_in
        .and_then(|one_in| u32::try_from(one_in).ok())
        .unwrap_or(default)
}

/// What is fetched again after a purge.
fn refresh_after_purge(map: &Map<'_>, by_default: bool) -> Option<RefreshAfterPurge> {
    const NAME: &str = "refresh_after_purge";
    let field = map.field(NAME);
    let inner = match &field {
        Some(field) if matches!(field.value(), Value::Map(_)) => field.map(&REFRESH_AFTER_PURGE),
        _ => map.absent(NAME, &REFRESH_AFTER_PURGE),
    };
    let mut refresh = RefreshAfterPurge {
        urls: inner.count("urls"),
        concurrent: inner.count("concurrent"),
    };
    let Some(field) = field else {
        return by_default.then_some(refresh);
    };
    match field.value() {
        Value::Map(_) => {}
        _ if field.is_off() => return None,
        _ => {
            if let Some(urls) = field.parse(|text| integer(text, 1, 1000)) {
                refresh.urls = usize::try_from(urls).unwrap_or(refresh.urls);
            }
        }
    }
    Some(refresh)
}

/// How a site is cached.
pub(super) fn site_cache(map: &Map<'_>, preset: Preset) -> SiteCache {
    let defaults = defaults(preset);
    let cache = SiteCache {
        enabled: map.flag("enabled"),
        ttl: map.duration_or("ttl", defaults.ttl),
        ttl_max: map.duration("ttl_max"),
        stale_while_revalidate: map.duration_or("stale_while_revalidate", defaults.stale_while_revalidate),
        stale_if_error: map.duration_or("stale_if_error", defaults.stale_if_error),
        heuristic: map.flag("heuristic"),
        request_directives: match map.choice("request_directives") {
            Some("honour") => RequestDirectives::Honour,
            Some("ignore") => RequestDirectives::Ignore,
            _ => defaults.request_directives,
        },
        stale_with_s_maxage: map.flag("stale_with_s_maxage"),
        store_set_cookie: map.flag("insecure_store_set_cookie"),
        debug_headers: map.flag("debug_headers"),
        leak_check: leak_check(map, defaults.leak_check),
        leak_pass: map.duration("leak_pass"),
        refresh_after_purge: refresh_after_purge(map, defaults.refreshes),
    };
    if cache.store_set_cookie
        && let Some(field) = map.field("insecure_store_set_cookie")
    {
        field.warn(
            "one visitor's cookie may reach others",
            "let the origin set cookies on answers it does not cache",
        );
    }
    if cache.ttl > cache.ttl_max
        && let Some(field) = map.field("ttl").or_else(|| map.field("ttl_max"))
    {
        field.error("`ttl` is longer than `ttl_max`", "make `ttl_max` at least `ttl`");
    }
    cache
}
