use std::path::PathBuf;
use std::time::Duration;

use super::testing::settings;
use super::*;
use crate::config::{self, AccessLog, Origin as Settings, OriginTls};

/// A configuration with nothing but these origins.
fn config(origins: Vec<Settings>) -> Config {
    let second = Duration::from_secs(1);
    Config {
        databases: Default::default(),
        source: PathBuf::new(),
        pop: "test".into(),
        listen: Vec::new(),
        admin: config::Admin {
            address: None,
            token_file: None,
        },
        trusted_proxies: Vec::new(),
        geo: config::Geo::default(),
        cache: config::Cache {
            memory: 1,
            redis: None,
            object_max: 1,
            lock_wait: second,
            lock_age: second,
            lock_retries: 1,
            uncacheable_memory: second,
            purges_max: 1,
            purge_log: None,
        },
        kv: config::Kv {
            store: config::KvStore::Memory,
            memory: 1,
            value_max: 1,
            memory_ttl: second,
            negative_ttl: second,
            timeout: second,
            queue_max: 1,
        },
        origins: origins
            .into_iter()
            .map(|origin| (origin.name.clone(), Arc::new(origin)))
            .collect(),
        sites: Vec::new(),
        limits: config::Limits {
            header_bytes: 1,
            headers: 1,
            uri_bytes: 1,
            connections: 1,
            h2_streams: 1,
            keepalive_requests: 1,
        },
        timeouts: config::ClientTimeouts {
            linger: std::time::Duration::from_secs(5),
            handshake: second,
            keepalive: second,
            read: second,
            write: second,
            upgraded: second,
        },
        shutdown: config::Shutdown {
            announce: second,
            grace: second,
        },
        log: config::Log {
            access: AccessLog::Off,
            level: "info".into(),
            json: false,
            queue_max: 1,
        },
        lane: true,
        threads: 0,
        warnings: Vec::new(),
    }
}

fn named(name: &str) -> Settings {
    Settings {
        name: name.into(),
        ..settings(1, 4)
    }
}

fn build(origins: Vec<Settings>) -> (Origins, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    (Origins::build(&config(origins), &metrics).unwrap(), metrics)
}

#[tokio::test]
async fn a_reload_keeps_origins_that_stay_and_their_leases() {
    let (origins, _) = build(vec![named("blog"), named("shop")]);
    let blog = origins.get("blog").unwrap();
    let lease = blog.lease(0, &[], None).await.unwrap();
    origins
        .replace(&config(vec![Settings {
            connections_max: 9,
            ..named("blog")
        }]))
        .unwrap();
    assert!(Arc::ptr_eq(&blog, &origins.get("blog").unwrap()));
    assert_eq!(blog.settings().connections_max, 9);
    assert_eq!(blog.locked().slots[0].in_flight, 1);
    assert!(origins.get("shop").is_none());
    drop(lease);
}

#[tokio::test]
async fn a_reload_with_an_unusable_ca_changes_nothing() {
    let (origins, _) = build(vec![named("blog")]);
    let tls = OriginTls {
        sni: None,
        ca: Some("/nonexistent/ca.pem".into()),
        verify: true,
    };
    let bad = Settings {
        connections_max: 9,
        tls: Some(tls),
        ..named("zoo")
    };
    let error = origins
        .replace(&config(vec![
            Settings {
                connections_max: 9,
                ..named("blog")
            },
            bad,
        ]))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("origins.zoo.tls.ca: /nonexistent/ca.pem: "),
        "{error}"
    );
    assert_eq!(origins.get("blog").unwrap().settings().connections_max, 4);
}

#[tokio::test]
async fn the_gauges_of_an_origin_that_left_end() {
    let (origins, metrics) = build(vec![named("blog")]);
    assert!(
        metrics
            .render()
            .unwrap()
            .contains(r#"popgate_origin_healthy{origin="blog",server="192.0.2.1:80"} 1"#)
    );
    origins.replace(&config(Vec::new())).unwrap();
    let text = metrics.render().unwrap();
    for gauge in ["healthy", "queue", "connections", "connections_max"] {
        assert!(!text.contains(&format!("popgate_origin_{gauge}{{")), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn background_work_ends_at_shutdown_and_when_its_origin_leaves() {
    let (origins, _) = build(vec![named("blog"), named("shop")]);
    let (stop, stopped) = watch::channel(false);
    origins.spawn(stopped);
    let running = |name: &str| {
        let origin = origins.get(name).unwrap();
        Arc::downgrade(&origin)
    };
    let (blog, shop) = (running("blog"), running("shop"));
    origins.replace(&config(vec![named("blog")])).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(shop.strong_count(), 0);
    assert!(blog.strong_count() > 1);
    stop.send_replace(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(blog.strong_count(), 1);
}
