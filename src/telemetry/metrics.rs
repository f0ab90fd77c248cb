//! Every metric popgate has, declared in one table with its help text.
//!
//! `docs/metrics.md` is generated from this table (`popgate docs metrics`), and a test says so. No
//! label takes a value that a client chooses: sites, origins and databases come from the
//! configuration, everything else from enums.

use std::sync::Arc;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Buckets for request times, in seconds: 250 us to 30 s.
const REQUEST_SECONDS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Name, kind, labels and meaning of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricDoc {
    /// Prometheus name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Label names.
    pub labels: &'static [&'static str],
    /// Help text.
    pub help: &'static str,
}

/// Declares the struct, its registration and its documentation from one list.
macro_rules! metrics {
    ($( $field:ident : $kind:ident $name:literal [$($label:literal),*] $help:literal; )*) => {
        /// All metrics, registered in one registry.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $( #[doc = $help] pub $field: metrics!(@type $kind), )*
        }

        impl Metrics {
            fn register() -> Result<Self, prometheus::Error> {
                let registry = Registry::new();
                $( let $field = metrics!(@new $kind $name [$($label),*] $help);
                   registry.register(Box::new($field.clone()))?; )*
                Ok(Self { registry, $( $field, )* })
            }
        }

        /// The table behind `docs/metrics.md`.
        pub const METRICS: &[MetricDoc] = &[
            $( MetricDoc { name: $name, kind: metrics!(@kind $kind), labels: &[$($label),*], help: $help }, )*
        ];
    };
    (@type counter) => { IntCounter };
    (@type counters) => { IntCounterVec };
    (@type gauge) => { IntGauge };
    (@type gauges) => { IntGaugeVec };
    (@type histograms) => { HistogramVec };
    (@kind counter) => { "counter" };
    (@kind counters) => { "counter" };
    (@kind gauge) => { "gauge" };
    (@kind gauges) => { "gauge" };
    (@kind histograms) => { "histogram" };
    (@new counter $name:literal [] $help:literal) => { IntCounter::new($name, $help)? };
    (@new counters $name:literal [$($label:literal),*] $help:literal) => { IntCounterVec::new(Opts::new($name, $help), &[$($label),*])? };
    (@new gauge $name:literal [] $help:literal) => { IntGauge::new($name, $help)? };
    (@new gauges $name:literal [$($label:literal),*] $help:literal) => { IntGaugeVec::new(Opts::new($name, $help), &[$($label),*])? };
    (@new histograms $name:literal [$($label:literal),*] $help:literal) => { HistogramVec::new(HistogramOpts::new($name, $help).buckets(REQUEST_SECONDS.to_vec()), &[$($label),*])? };
}

metrics! {
    requests: counters "popgate_requests_total" ["site", "status", "cache"] "Requests answered, by site, status and cache result (the X-Cache value in lower case).";
    request_seconds: histograms "popgate_request_seconds" ["site", "cache"] "Seconds from the request's header being read to the end of the answer.";
    rejected: counters "popgate_rejected_total" ["reason"] "Requests refused before they reached a site: bad_host, unknown_site, header_too_large, uri_too_long, body_too_large, slow_header, bad_request.";
    connections: gauge "popgate_connections" [] "Client connections open now.";
    connections_max: gauge "popgate_connections_max" [] "Client connections allowed (limits.connections).";
    lingering: gauge "popgate_connections_lingering" [] "Client connections that are over, but whose client still sends (timeouts.linger); not counted in popgate_connections.";
    connections_total: counters "popgate_connections_total" ["result"] "Client connections: accepted, tls_failed, proxy_header_failed.";
    lane_passed: counters "popgate_lane_passed_total" ["reason"] "Requests that the lane for fresh hits left to the proxy, by the first reason found: absent (not in memory), not_fresh, purged, superseded, preset, cookie, method, ...";
    cache_lookups: counters "popgate_cache_lookups_total" ["tier", "result"] "Lookups in a cache tier (memory, redis): hit, miss, error, skipped (breaker open), corrupt.";
    cache_bytes: gauges "popgate_cache_bytes" ["tier"] "Bytes held by a cache tier, keys and headers counted.";
    cache_bytes_max: gauges "popgate_cache_bytes_max" ["tier"] "Bytes a cache tier may hold.";
    cache_entries: gauges "popgate_cache_entries" ["tier"] "Objects held by a cache tier.";
    cache_evictions: counters "popgate_cache_evictions_total" ["tier", "reason"] "Objects that left a cache tier: size, expired, replaced, purged.";
    cache_superseded: counters "popgate_cache_superseded_total" ["what"] "Copies in memory whose slot another popgate wrote in Redis (stored: Redis is looked at before the copy is used again; values that expire or are evicted there count, too) or withdrew (removed: the copy is dropped).";
    cache_waits: counters "popgate_cache_waits_total" ["result"] "Waits for another request's fetch of the same key, by how they ended: filled, uncacheable, failed (or the client left), slow, timeout.";
    cache_stores: counters "popgate_cache_stores_total" ["result"] "What became of answers that might have been stored: stored, too_large, truncated, or the refusing rule.";
    leak_checks: counters "popgate_leak_checks_total" ["site", "result"] "Stored pages compared with what anonymous visitors get: clean, changed (it differs, but shows nobody in particular), leak (taken out of the cache), failed (no answer to compare with), dropped (too many waited).";
    leaks_passing: gauge "popgate_leaks_passing" [] "URLs that pass the cache because a stored page of theirs showed what only one person should see; at most 10000.";
    nonce_pages: counters "popgate_nonce_pages_total" ["site"] "Pages stored with a WordPress nonce in them (or that could not be read), whose life ends before the nonce's.";
    made_up_urls: gauge "popgate_made_up_urls" [] "URLs with unknown parameters or search terms that are remembered to be known when they come again; at most 100000.";
    cache_writes_queued: gauge "popgate_cache_writes_queued" [] "Writes waiting for Redis.";
    cache_writes_dropped: counters "popgate_cache_writes_dropped_total" ["reason"] "Writes to Redis given up: queue_full, too_large, breaker_open, error.";
    purges: counters "popgate_purges_total" ["kind"] "Purges by kind: url, tag, regex, prefix, host, everything.";
    purge_requests: counters "popgate_purge_requests_total" ["protocol", "result"] "Purge requests by protocol (admin, purge, ban, nginx_helper, litespeed, fastly, cloudflare): ok, refused (sender not allowed), invalid.";
    purge_gaps: counter "popgate_purge_gaps_total" [] "Times this popgate may have missed purges (it stood still or could not read them) and held what it had in doubt until they were read.";
    advise_names: gauge "popgate_advise_names" [] "Names held for popgate advise, in lists of bounded length.";
    snooped_writes: counters "popgate_snooped_writes_total" ["kind"] "Writes seen passing by that purged what they changed: post, comment, term, media, user, site, unknown, or folded (into one wider purge).";
    refreshes: counters "popgate_refreshes_total" ["site", "result"] "Hot URLs fetched again after a purge (sites[].cache.refresh_after_purge): stored, fresh_already (a visitor or another popgate was faster), not_stored (its answer may not be), failed, dropped (no room in line, or given up), and pauses for the origin's sake: paused.";
    purge_records: gauge "popgate_purge_records" [] "Purge records held in memory.";
    purge_synced: gauge "popgate_purge_synced" [] "1 while this popgate has seen every purge in Redis (or has no Redis), else 0.";
    origin_requests: counters "popgate_origin_requests_total" ["origin", "result"] "Requests sent to an origin: ok, error_5xx, connect_failed, timeout, reset, bad_response, queue_full, queue_timeout, no_server.";
    origin_seconds: histograms "popgate_origin_seconds" ["origin"] "Seconds from sending a request to the first byte of the origin's answer.";
    origin_connections: gauges "popgate_origin_connections" ["origin", "state"] "Connections to an origin: open, active (serving a request), warm (opened ahead).";
    origin_connections_max: gauges "popgate_origin_connections_max" ["origin"] "Connections allowed to an origin.";
    origin_queue: gauges "popgate_origin_queue" ["origin"] "Requests waiting for a connection to an origin.";
    origin_reuse: counter "popgate_origin_reuse_total" [] "Requests to origins that went over a connection used before.";
    origin_connects: counters "popgate_origin_connects_total" ["origin", "result"] "Connections opened to an origin: ok, warm (opened ahead), refused, timeout, capped.";
    origin_retries: counters "popgate_origin_retries_total" ["origin"] "Requests tried again on another connection.";
    origin_healthy: gauges "popgate_origin_healthy" ["origin", "server"] "1 while a server may be picked, 0 while it is unhealthy or ejected.";
    redis_errors: counters "popgate_redis_errors_total" ["op"] "Failed Redis operations: get, set, delete, purge, connect, kv_get, kv_set.";
    redis_breaker_open: gauges "popgate_redis_breaker_open" ["use"] "1 while Redis is not asked because it failed lately (cache, kv).";
    kv_operations: counters "popgate_kv_operations_total" ["op", "result"] "KV operations: get (hit, miss, error), put, delete, list (ok, error), dropped.";
    geo_lookups: counters "popgate_geo_lookups_total" ["result"] "Geo lookups: network, database, unknown.";
    geo_reloads: counters "popgate_geo_reloads_total" ["result"] "Replacements of geo databases: ok, error (the old one stays).";
    db_connections: gauges "popgate_db_connections" ["database", "state"] "Connections to a database: active (in use by a client), idle, connecting.";
    db_connections_max: gauges "popgate_db_connections_max" ["database"] "Connections allowed to a database (pool.max).";
    db_connection_events: counters "popgate_db_connection_events_total" ["database", "event"] "What became of connections to a database: opened, failed (to open), closed, evicted (to make room for one that fits), reset (behind a client that went away).";
    db_clients: gauges "popgate_db_clients" ["database"] "Clients logged in to a database.";
    db_queue: gauges "popgate_db_queue" ["database"] "Clients waiting for a connection to a database.";
    db_paused: gauges "popgate_db_paused" ["database"] "1 while a database is paused, else 0.";
    db_wait_seconds: histograms "popgate_db_wait_seconds" ["database"] "Seconds that clients waited for a connection to a database, with success or without; one sample for each connection taken.";
    db_answers: counters "popgate_db_answers_total" ["database", "from"] "Statements and commands answered: by the origin, or here (a round trip saved).";
    db_pins: counters "popgate_db_pins_total" ["database", "reason"] "Times a connection was left with its client because of what a statement did to its session, by reason (docs/hyperdrive.md).";
    db_logins: counters "popgate_db_logins_total" ["database", "result"] "Logins of database clients: ok, denied (wrong password or unknown user), throttled (too many failures from that address), full (limits.clients_max), late (limits.login), failed (anything else).";
    db_errors: counters "popgate_db_errors_total" ["database", "kind"] "Database clients failed by kind: waits for a connection in vain (late, denied, away, full, closed), lost (the connection broke in use), malformed (packets), and limits that were passed (query, idle_in_transaction, packet_max).";
    config_reloads: counters "popgate_config_reloads_total" ["result"] "Configuration reloads: ok, error (the old one stays).";
    config_reload_failed: gauge "popgate_config_reload_failed" [] "1 since the last reload failed, 0 since the last good one.";
    access_log_dropped: counter "popgate_access_log_dropped_total" [] "Access log lines dropped because the log could not keep up.";
    build_info: gauges "popgate_build_info" ["version", "pop"] "Always 1; the labels say what runs.";
}

impl Metrics {
    /// A fresh set of metrics, with the process collector on Linux.
    ///
    /// # Errors
    /// When two metrics share a name, which a test rules out.
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        let metrics = Self::register()?;
        #[cfg(target_os = "linux")]
        metrics.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(Arc::new(metrics))
    }

    /// Tells which version runs, and under which name of the PoP.
    pub fn show_build(&self, pop: &str) {
        self.build_info.reset();
        let labels = [env!("CARGO_PKG_VERSION"), pop];
        self.build_info.with_label_values(&labels).set(1);
    }

    /// The text exposition format.
    ///
    /// # Errors
    /// When a metric cannot be encoded.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_registers_once() {
        let metrics = Metrics::new().unwrap();
        metrics.purge_synced.set(1);
        assert!(metrics.render().unwrap().contains("popgate_purge_synced 1"));
    }

    #[test]
    fn names_follow_the_conventions() {
        for metric in METRICS {
            assert!(metric.name.starts_with("popgate_"), "{}", metric.name);
            assert_eq!(
                metric.kind == "counter",
                metric.name.ends_with("_total"),
                "{} is a {}",
                metric.name,
                metric.kind
            );
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
