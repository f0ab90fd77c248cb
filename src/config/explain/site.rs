//! A site's block.

use std::time::Duration;

use super::super::model::{
    Endpoint, FilterSpec, HostPattern, Preset, PurgeProtocol, RequestDirectives, Site, SiteCache, SitePurge,
};
use super::super::value::{bytes_text, duration_text};
use super::{row, wordpress};

pub(super) fn block(out: &mut String, site: &Site) {
    row(
        out,
        "hosts",
        &site.hosts.iter().map(host).collect::<Vec<_>>().join(", "),
    );
    if site.path != "/" {
        row(out, "path", &site.path);
    }
    row(
        out,
        "origin",
        site.origin.as_deref().unwrap_or("none: other paths answer 404"),
    );
    row(out, "preset", preset(site.preset));
    if !site.endpoints.is_empty() {
        row(
            out,
            "endpoints",
            &site
                .endpoints
                .iter()
                .map(|e| endpoint(*e))
                .collect::<Vec<_>>()
                .join(", "),
        );
    }
    cache(out, &site.cache);
    if site.preset == Preset::Wordpress {
        wordpress::rows(out, &site.wordpress);
    }
    row(
        out,
        "filters",
        &site.filters.iter().map(filter).collect::<Vec<_>>().join(", "),
    );
    purge(out, &site.purge);
    row(out, "body", &format!("at most {}", bytes_text(site.body_max)));
}

fn purge(out: &mut String, purge: &SitePurge) {
    let mut from: Vec<_> = purge.from.iter().map(ToString::to_string).collect();
    if purge.token_file.is_some() {
        from.push("whoever has a token".to_owned());
    }
    if from.is_empty() {
        from.push("nobody".to_owned());
    }
    row(out, "purge from", &from.join(", "));
    let protocols: Vec<_> = purge
        .protocols
        .iter()
        .filter(|protocol| {
            let api = matches!(protocol, PurgeProtocol::Fastly | PurgeProtocol::Cloudflare);
            !api || !purge.api_hosts.is_empty()
        })
        .map(|protocol| protocol.as_str())
        .collect();
    let mode = if purge.hard { "hard" } else { "soft" };
    row(out, "purge by", &format!("{}; {mode}", protocols.join(", ")));
    if !purge.api_hosts.is_empty() {
        row(out, "purge apis", &purge.api_hosts.join(", "));
    }
}

fn host(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Wildcard(suffix) => format!("*.{suffix}"),
        HostPattern::Any => "any host".to_owned(),
    }
}

fn preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Standard => "standard",
        Preset::Wordpress => "wordpress",
    }
}

fn endpoint(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::FastUser => "fast_user (GET /api/fast-user)",
    }
}

fn cache(out: &mut String, cache: &SiteCache) {
    if !cache.enabled {
        row(out, "cache", "off");
        return;
    }
    let freshness = match (cache.ttl, cache.heuristic) {
        (Duration::ZERO, false) => "only what the origin says".to_owned(),
        (Duration::ZERO, true) => "what the origin says, else 10 % of the age of Last-Modified".to_owned(),
        (ttl, heuristic) => {
            let guess = if heuristic {
                " or 10 % of the age of Last-Modified"
            } else {
                ""
            };
            format!("what the origin says, else {}{guess}", duration_text(ttl))
        }
    };
    row(
        out,
        "fresh",
        &format!("{freshness}; at most {}", duration_text(cache.ttl_max)),
    );
    let window = |window: Duration| match window {
        Duration::ZERO => "not at all".to_owned(),
        window => duration_text(window),
    };
    let stale = match (cache.stale_while_revalidate, cache.stale_if_error) {
        (Duration::ZERO, Duration::ZERO) => "only when the answer allows it".to_owned(),
        (revalidate, error) => format!(
            "while revalidating {}, on errors {}, unless the answer says otherwise",
            window(revalidate),
            window(error)
        ),
    };
    row(out, "stale", &stale);
    let directives = match cache.request_directives {
        RequestDirectives::Honour => "Cache-Control of requests is honoured",
        RequestDirectives::Ignore => {
            "Cache-Control of requests is ignored, but for only-if-cached and no-store"
        }
    };
    row(out, "requests", directives);
    let leaks = match cache.leak_check {
        0 => "not looked for".to_owned(),
        one_in => format!(
            "looked for at one of {one_in} hits; a page that leaked passes for {}",
            duration_text(cache.leak_pass)
        ),
    };
    row(out, "leaks", &leaks);
    let refreshed = match cache.refresh_after_purge {
        None => "nothing".to_owned(),
        Some(refresh) => format!(
            "the {} hottest URLs of a purge, {} at a time",
            refresh.urls, refresh.concurrent
        ),
    };
    row(out, "refreshed", &refreshed);
    if cache.store_set_cookie {
        row(out, "insecure", "answers with Set-Cookie are stored");
    }
}

fn filter(filter: &FilterSpec) -> String {
    match &filter.options {
        serde_json::Value::Null => filter.name.clone(),
        options => format!("{} {options}", filter.name),
    }
}
