//! `databases`.

mod sockets;
mod users;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use popgate_hyperdrive::config::{
    Database, Limits, OriginTls, Pool, PoolMode, Protocol, Role, Server, ServerAddress,
};

use super::super::keys::{DATABASE, DATABASE_LIMITS, DATABASE_POOL, DATABASE_SERVER, DATABASE_TLS};
use super::super::model::{self, Admin, Listen};
use super::super::reader::{Field, Map};
use super::super::value::{Wrong, server};
use super::super::yaml::Value;
use super::{certificates, origins};
use sockets::Taken;

/// Databases by name; their sockets must not meet those of other listeners, nor each other.
pub(super) fn databases(root: &Map<'_>, listen: &[Listen], admin: &Admin) -> BTreeMap<String, Arc<Database>> {
    let mut databases = BTreeMap::new();
    let mut taken = Taken::new(listen, admin);
    let entries = root.field("databases").map(|field| field.entries());
    for (name, at, field) in entries.unwrap_or_default() {
        if let Err(wrong) = origins::check_name(name, "a database") {
            root.reader().error(at, &field.path, wrong.problem, wrong.mend);
        }
        let map = field.map(&DATABASE);
        let database = database(name, &map, &mut taken);
        databases.insert(name.to_owned(), Arc::new(database));
    }
    databases
}

fn database(name: &str, map: &Map<'_>, taken: &mut Taken) -> Database {
    let protocol = match map.choice("protocol") {
        Some("postgres") => Protocol::Postgres,
        _ => Protocol::MySql,
    };
    let listen = sockets::sockets(map, protocol, name, taken);
    let servers = servers(map, protocol);
    Database {
        name: name.to_owned(),
        protocol,
        listen,
        tls: tls(&map.map("tls", &DATABASE_TLS), &servers),
        servers,
        users: users::users(map),
        pool: pool(&map.map("pool", &DATABASE_POOL)),
        limits: limits(&map.map("limits", &DATABASE_LIMITS)),
        cache: None,
    }
}

fn servers(map: &Map<'_>, protocol: Protocol) -> Vec<Server> {
    let mend = match protocol {
        Protocol::MySql => "write `servers: [10.0.0.5:3306]`",
        Protocol::Postgres => "write `servers: [10.0.0.5:5432]`",
    };
    let mut seen = HashSet::new();
    let mut servers = Vec::new();
    for item in map.list_of_some("servers", mend) {
        let Some(address) = server_address(&item) else {
            continue;
        };
        if !seen.insert(address.to_string()) {
            item.error("this server is here twice", "keep one of them");
        }
        servers.push(Server {
            address,
            role: Role::Primary,
        });
    }
    servers
}

/// Of a server's text or mapping.
fn server_address(item: &Field<'_>) -> Option<ServerAddress> {
    let base = item.reader().base();
    if !matches!(item.value(), Value::Map(_)) {
        return item.parse(|text| server(text, base)).map(address);
    }
    let map = item.map(&DATABASE_SERVER);
    match map.field("role") {
        Some(role) if role.word() == Some("replica") => role.error(
            "replicas are not available yet: every statement goes to a primary",
            "remove this server, or its role when it takes writes",
        ),
        _ => drop(map.choice("role")),
    }
    map.parsed("address", |text| server(text, base)).map(address)
}

fn address(server: model::Server) -> ServerAddress {
    match server {
        model::Server::Address(address) => ServerAddress::Tcp(address),
        model::Server::Name(name, port) => ServerAddress::Name(name, port),
        model::Server::Unix(path) => ServerAddress::Unix(path),
    }
}

/// Nobody else can listen on the way there.
fn near(server: &Server) -> bool {
    match &server.address {
        ServerAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
        ServerAddress::Name(name, _) => name == "localhost",
        ServerAddress::Unix(_) => true,
    }
}

fn tls(map: &Map<'_>, servers: &[Server]) -> OriginTls {
    let near = servers.iter().all(near);
    let ca = map.path("ca").map(|(path, field)| {
        certificates::chain(&path, &field);
        (path, field)
    });
    match (map.choice("mode"), ca) {
        (Some("off"), Some((_, field))) => {
            field.error(
                "there is no TLS to verify",
                "remove it, or write `mode: verify_full`",
            );
            OriginTls::Off
        }
        (Some("off"), None) => {
            if !near && let Some(field) = map.field("mode") {
                field.warn(
                    "statements and rows cross the network in the clear",
                    "use `verify_full`, with `ca` where the certificate is your own",
                );
            }
            OriginTls::Off
        }
        (None, None) if near => OriginTls::Off,
        (_, ca) => OriginTls::VerifyFull {
            ca: ca.map(|(path, _)| path),
        },
    }
}

fn pool(map: &Map<'_>) -> Pool {
    let pool = Pool {
        mode: match map.choice("mode") {
            Some("session") => PoolMode::Session,
            Some("transaction") => PoolMode::Transaction,
            _ => PoolMode::Auto,
        },
        max: map.count("max"),
        min: map.count("min"),
        wait: map.duration("wait"),
        idle: map.duration("idle"),
        lifetime: map.duration("lifetime"),
        connecting_max: map.count("connecting_max"),
    };
    if pool.min <= pool.max {
        return pool;
    }
    match map.field("min") {
        Some(field) => field.wrong(Wrong::new(
            format!(
                "{} ready connections are more than `max` ({})",
                pool.min, pool.max
            ),
            "lower `min`, or raise `max`",
        )),
        // The default, of which fewer will do as well.
        None => {
            return Pool {
                min: pool.max,
                ..pool
            };
        }
    }
    pool
}

fn limits(map: &Map<'_>) -> Limits {
    Limits {
        clients_max: map.count("clients_max"),
        query: map.duration("query"),
        idle_in_transaction: map.duration("idle_in_transaction"),
        packet_max: usize::try_from(map.size("packet_max")).unwrap_or(usize::MAX),
        login: map.duration("login"),
    }
}
