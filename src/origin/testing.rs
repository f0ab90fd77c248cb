//! Fixtures for the tests of this room.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::tls::OriginTlsConfig;
use super::{Address, Origin};
use crate::config::{Balance, Eject, Health, Origin as Settings, OriginTimeouts, Server};
use crate::telemetry::metrics::Metrics;

/// Settings for `count` servers on addresses nobody listens on.
pub(super) fn settings(count: u8, connections_max: usize) -> Settings {
    let servers = (1..=count).map(|n| Server::Address(SocketAddr::from(([192, 0, 2, n], 80))));
    Settings {
        name: "blog".into(),
        servers: servers.collect(),
        balance: Balance::RoundRobin,
        connections_max,
        queue_max: 1024,
        queue_timeout: Duration::from_secs(10),
        idle_min: 0,
        timeouts: OriginTimeouts {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        },
        health: None,
        eject: Eject {
            failures: 5,
            time: Duration::from_secs(1),
            time_max: Duration::from_secs(30),
        },
        tls: None,
        http2: false,
        retries: 1,
        resolve_interval: Duration::from_secs(30),
        host: None,
        header_bytes_max: 64 * 1024,
    }
}

/// Settings for servers that listen on `addresses`.
pub(super) fn settings_at(addresses: &[Address], connections_max: usize) -> Settings {
    let servers = addresses.iter().map(|address| match address {
        Address::Tcp(address) => Server::Address(*address),
        Address::Unix(path) => Server::Unix(path.clone()),
    });
    Settings {
        servers: servers.collect(),
        ..settings(0, connections_max)
    }
}

/// A check that is asked by hand in tests.
pub(super) fn health() -> Health {
    Health {
        path: "/healthz".into(),
        host: None,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        healthy_after: 1,
        unhealthy_after: 1,
        statuses: 200..=399,
    }
}

/// An origin and the metrics it reports to.
pub(super) fn build(settings: Settings) -> (Arc<Origin>, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    let tls = OriginTlsConfig::of(&settings).unwrap();
    (Origin::new(Arc::new(settings), tls, &metrics), metrics)
}

/// An origin of `count` servers.
pub(super) fn origin(count: u8, connections_max: usize) -> Arc<Origin> {
    build(settings(count, connections_max)).0
}
