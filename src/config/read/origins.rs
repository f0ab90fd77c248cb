//! `origins`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::super::keys::{EJECT, HEALTH, ORIGIN, ORIGIN_TIMEOUTS, ORIGIN_TLS};
use super::super::model::{Balance, Eject, Health, Origin, OriginTimeouts, OriginTls, Server};
use super::super::reader::{Field, Map};
use super::super::value::{Wrong, host_header, quoted, server, statuses, url_path};
use super::super::yaml::{Position, Value};
use super::certificates;

/// An origin that sites may still refer to.
pub(super) struct Draft {
    pub(super) origin: Origin,
    /// Where its name stands.
    pub(super) at: Position,
}

/// Origins by name.
pub(super) fn origins(root: &Map<'_>) -> BTreeMap<String, Draft> {
    let mut drafts = BTreeMap::new();
    for (name, at, field) in root
        .field("origins")
        .map(|field| field.entries())
        .unwrap_or_default()
    {
        if let Err(wrong) = check_name(name, "an origin") {
            root.reader().error(at, &field.path, wrong.problem, wrong.mend);
        }
        drafts.insert(
            name.to_owned(),
            Draft {
                origin: origin(name, &field),
                at,
            },
        );
    }
    drafts
}

/// The origins, no longer drafts.
pub(super) fn finished(drafts: BTreeMap<String, Draft>) -> BTreeMap<String, Arc<Origin>> {
    drafts
        .into_iter()
        .map(|(name, draft)| (name, Arc::new(draft.origin)))
        .collect()
}

/// A name is a label in metrics and logs.
pub(super) fn check_name(name: &str, what: &str) -> Result<(), Wrong> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=64).contains(&name.len()) && name.bytes().all(fit) {
        return Ok(());
    }
    let mend = "write at most 64 ASCII letters, digits, `-`, `_` and `.`";
    Err(Wrong::new(
        format!("{} is no good name for {what}", quoted(name)),
        mend,
    ))
}

fn origin(name: &str, field: &Field<'_>) -> Origin {
    let map = field.map(&ORIGIN);
    let origin = Origin {
        name: name.to_owned(),
        servers: servers(&map),
        balance: match map.choice("balance") {
            Some("least_connections") => Balance::LeastConnections,
            Some("consistent_hash") => Balance::ConsistentHash,
            _ => Balance::RoundRobin,
        },
        connections_max: map.count("connections_max"),
        queue_max: map.count("queue_max"),
        queue_timeout: map.duration("queue_timeout"),
        idle_min: map.count("idle_min"),
        timeouts: timeouts(&map.map("timeouts", &ORIGIN_TIMEOUTS)),
        health: map.field("health").map(|field| health(&field.map(&HEALTH))),
        eject: eject(&map.map("eject", &EJECT)),
        tls: map.field("tls").and_then(|field| tls(&field)),
        http2: map.flag("http2"),
        retries: map.count("retries"),
        resolve_interval: map.duration("resolve_interval"),
        host: map.parsed("host", host_header),
        header_bytes_max: usize::try_from(map.size("header_bytes_max")).unwrap_or(usize::MAX),
    };
    let warm = origin.idle_min.saturating_mul(origin.servers.len());
    if warm > origin.connections_max
        && let Some(field) = map.field("idle_min").or_else(|| map.field("connections_max"))
    {
        field.warn(
            format!(
                "{warm} warm connections are more than `connections_max` ({})",
                origin.connections_max
            ),
            "lower `idle_min`, or raise `connections_max`",
        );
    }
    origin
}

fn servers(map: &Map<'_>) -> Vec<Server> {
    let base = map.reader().base();
    let mut seen = HashSet::new();
    let mut servers = Vec::new();
    for item in map.list_of_some("servers", "write `servers: [127.0.0.1:8080]`") {
        let Some(server) = item.parse(|text| server(text, base)) else {
            continue;
        };
        if seen.insert(server.clone()) {
            servers.push(server);
        } else {
            item.error("this server is here twice", "keep one of them");
        }
    }
    servers
}

fn timeouts(map: &Map<'_>) -> OriginTimeouts {
    OriginTimeouts {
        connect: map.duration("connect"),
        first_byte: map.duration("first_byte"),
        write: map.duration("write"),
        idle: map.duration("idle"),
    }
}

fn health(map: &Map<'_>) -> Health {
    Health {
        path: map.parsed("path", url_path).unwrap_or_default(),
        host: map.parsed("host", host_header),
        interval: map.duration("interval"),
        timeout: map.duration("timeout"),
        healthy_after: map.number("healthy_after"),
        unhealthy_after: map.number("unhealthy_after"),
        statuses: map.parsed("statuses", statuses).unwrap_or(200..=399),
    }
}

fn eject(map: &Map<'_>) -> Eject {
    let eject = Eject {
        failures: map.number("failures"),
        time: map.duration("time"),
        time_max: map.duration("time_max"),
    };
    if eject.time > eject.time_max
        && let Some(field) = map.field("time_max").or_else(|| map.field("time"))
    {
        field.error(
            "the longest ejection is shorter than the first",
            "make `time_max` at least `time`",
        );
    }
    eject
}

/// `true`, `false` or a mapping.
fn tls(field: &Field<'_>) -> Option<OriginTls> {
    if matches!(field.value(), Value::Scalar { .. }) {
        let on = field.parse(super::super::value::flag)?;
        return on.then_some(OriginTls {
            sni: None,
            ca: None,
            verify: true,
        });
    }
    let map = field.map(&ORIGIN_TLS);
    let sni = map.parsed("sni", |text| match host_header(text)? {
        name if name.contains(':') => Err(Wrong::new("SNI is a name without port", "write the name alone")),
        name => Ok(name),
    });
    let ca = map.path("ca").map(|(path, field)| {
        certificates::chain(&path, &field);
        path
    });
    let verify = map.flag("verify");
    if !verify && let Some(field) = map.field("verify") {
        field.warn(
            "the origin's certificate is not verified: anybody in between can read and change the traffic",
            "name its CA in `ca` instead",
        );
    }
    Some(OriginTls { sni, ca, verify })
}
