//! Declared keys, keys that are read, and keys of the catalogue example are the same ones; defaults
//! are those the model promises.

use std::net::SocketAddr;

use super::*;
use crate::config::keys::{Absent, Kind};

const FULL: &str = include_str!("../../../config/examples/full.yaml");

#[test]
fn every_declared_key_is_read_and_no_other() {
    let (_, findings) = load::examine(FULL.as_bytes(), Path::new("/nonexistent/full.yaml"), &env());
    assert_eq!(findings.read, declared());
}

#[test]
fn the_full_example_has_every_key() {
    let (_, findings) = load::examine(FULL.as_bytes(), Path::new("/nonexistent/full.yaml"), &env());
    let missing: Vec<_> = declared().difference(&findings.written).copied().collect();
    assert_eq!(
        missing,
        [("kv", "path"), ("sites[]", "purge_from")],
        "keys that exclude others are commented out"
    );
    assert!(FULL.contains("# path: "));
}

#[test]
fn the_full_example_shows_the_defaults() {
    // These are chosen for show.
    let shown = [
        "databases",
        "networks",
        "role",
        "trusted_proxies",
        "endpoints",
        "filters",
        "tls",
    ];
    let lines: Vec<&str> = FULL
        .lines()
        .map(|line| line.trim_start_matches([' ', '-']))
        .collect();
    for table in keys::TABLES {
        for key in table.keys.iter().filter(|key| !shown.contains(&key.name)) {
            let Absent::Value(default) = key.default else {
                continue;
            };
            let written = format!("{}: {default}", key.name);
            let same = |line: &&str| {
                line.replace('"', "")
                    .split(" #")
                    .next()
                    .unwrap_or_default()
                    .trim()
                    == written
            };
            let preset = key.name == "preset";
            assert!(preset || lines.iter().any(same), "{}: `{written}`", table.name);
        }
    }
}

#[test]
fn every_default_is_a_good_value() {
    for table in keys::TABLES {
        for key in table.keys {
            let Absent::Value(default) = key.default else {
                continue;
            };
            let good = match key.kind {
                Kind::Duration { .. } => value::duration(default).is_ok(),
                Kind::Size { min, max } => value::size(default).is_ok_and(|size| (min..=max).contains(&size)),
                Kind::Integer { min, max } => value::integer(default, min, max).is_ok(),
                Kind::Flag => value::flag(default).is_ok(),
                Kind::Choice(words) => words.contains(&default),
                Kind::Socket => default.parse::<SocketAddr>().is_ok(),
                Kind::UrlPath => value::url_path(default).is_ok(),
                Kind::Statuses => value::statuses(default).is_ok(),
                _ => true,
            };
            assert!(good, "{}.{}: {default}", table.name, key.name);
        }
    }
}

#[test]
fn the_defaults_are_those_the_model_promises() {
    let config = good(MINIMAL);
    let seconds = Duration::from_secs;
    assert_eq!(config.pop, "edge-1");
    assert_eq!(
        config.admin,
        Admin {
            address: "127.0.0.1:9090".parse().ok(),
            token_file: None
        }
    );
    assert_eq!(
        config.geo,
        Geo {
            reload_interval: seconds(10),
            ..Geo::default()
        }
    );
    assert_eq!(
        (config.cache.memory, config.cache.object_max),
        (256 << 20, 32 << 20)
    );
    assert_eq!(
        (
            config.cache.lock_wait,
            config.cache.lock_age,
            config.cache.lock_retries
        ),
        (seconds(60), seconds(5), 8)
    );
    assert_eq!(
        (config.cache.uncacheable_memory, config.cache.purges_max),
        (seconds(10), 10_000)
    );
    assert_eq!(config.kv.store, KvStore::Embedded("/var/lib/popgate/kv".into()));
    assert_eq!(
        (config.kv.memory, config.kv.value_max, config.kv.queue_max),
        (16 << 20, 1 << 20, 4096)
    );
    assert_eq!(
        (config.kv.memory_ttl, config.kv.negative_ttl),
        (seconds(60), seconds(1))
    );
    assert_eq!(config.kv.timeout, Duration::from_millis(50));
    assert_eq!(
        config.shutdown,
        Shutdown {
            announce: seconds(3),
            grace: seconds(20)
        }
    );
    assert_eq!(config.limits.header_bytes, 32 << 10);
    assert_eq!((config.limits.headers, config.limits.uri_bytes), (100, 8 << 10));
    assert_eq!(
        (config.limits.connections, config.limits.h2_streams),
        (20_000, 100)
    );
    assert_eq!(config.limits.keepalive_requests, 1_000_000);
    assert_eq!(
        (config.timeouts.handshake, config.timeouts.keepalive),
        (seconds(10), seconds(60))
    );
    assert_eq!(
        (config.timeouts.read, config.timeouts.write),
        (seconds(30), seconds(30))
    );
    assert_eq!(config.timeouts.upgraded, seconds(3600));
    assert_eq!(config.timeouts.linger, seconds(5));
    let log = Log {
        access: AccessLog::Off,
        level: "info".into(),
        json: false,
        queue_max: 8192,
    };
    assert_eq!((config.log, config.threads, config.lane), (log, 0, true));
    assert!(config.warnings.is_empty() && config.trusted_proxies.is_empty());
}

#[test]
fn the_defaults_of_origins_and_sites_are_those_the_model_promises() {
    let config = good(&format!("{MINIMAL}cache: {{ redis: 'redis://r.example' }}\n"));
    let seconds = Duration::from_secs;
    let origin = &config.origins["blog"];
    assert_eq!(
        (origin.balance, origin.connections_max, origin.queue_max),
        (Balance::RoundRobin, 64, 1024)
    );
    assert_eq!(
        (origin.queue_timeout, origin.idle_min, origin.retries),
        (seconds(10), 1, 1)
    );
    assert_eq!(
        (origin.resolve_interval, origin.header_bytes_max),
        (seconds(30), 64 << 10)
    );
    let timeouts = OriginTimeouts {
        connect: seconds(2),
        first_byte: seconds(30),
        write: seconds(30),
        idle: seconds(60),
    };
    assert_eq!(origin.timeouts, timeouts);
    assert_eq!(
        origin.eject,
        Eject {
            failures: 5,
            time: seconds(1),
            time_max: seconds(30)
        }
    );
    assert_eq!(
        (&origin.health, &origin.tls, &origin.host, origin.http2),
        (&None, &None, &None, false)
    );
    let site = &config.sites[0];
    assert_eq!(
        (site.path.as_str(), site.preset, site.body_max),
        ("/", Preset::Standard, 64 << 20)
    );
    let purge: Vec<_> = site.purge.from.iter().map(ToString::to_string).collect();
    assert_eq!(purge, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(site.cache.ttl_max, seconds(365 * 86_400));
    assert!(site.cache.enabled && site.cache.stale_with_s_maxage && site.cache.debug_headers);
    assert!(!site.cache.heuristic && !site.cache.store_set_cookie);
    let redis = config.cache.redis.unwrap();
    assert_eq!(
        (redis.timeout, redis.queue_max),
        (Duration::from_millis(50), 1024)
    );
    assert_eq!((redis.queue_bytes, redis.object_max), (64 << 20, 1 << 20));
    assert_eq!(
        (redis.ttl_max, redis.prefix.as_str()),
        (seconds(7 * 86_400), "popgate:")
    );
}
