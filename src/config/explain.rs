//! What a configuration means, for people: `popgate check` prints it.

mod database;
mod site;
mod wordpress;

use std::fmt::Write;

use super::model::{
    AccessLog, Balance, Cache, Config, Geo, Health, Kv, KvStore, Listen, Origin, OriginTls, Server,
};
use super::redis_url::shown;
use super::value::{bytes_text, duration_text};

/// Listeners, tiers, origins and sites with their effective rules. No password is in it.
pub fn explain(config: &Config) -> String {
    let mut out = String::new();
    line(&mut out, "pop", &config.pop);
    for (index, listen) in config.listen.iter().enumerate() {
        line(
            &mut out,
            if index == 0 { "listen" } else { "" },
            &listener(listen),
        );
    }
    line(&mut out, "admin", &admin(config));
    line(&mut out, "trusted", &trusted(config));
    line(&mut out, "geo", &geo(&config.geo));
    line(&mut out, "cache", &cache(&config.cache));
    line(&mut out, "kv", &kv(&config.kv));
    line(&mut out, "log", &log(config));
    for origin in config.origins.values() {
        let _ = writeln!(out, "\norigin {}", origin.name);
        origin_block(&mut out, origin);
    }
    for database in config.databases.values() {
        let _ = writeln!(out, "\ndatabase {}", database.name);
        database::block(&mut out, database);
    }
    for site in &config.sites {
        let _ = writeln!(
            out,
            "\nsite {}{}",
            site.name,
            if site.path == "/" { "" } else { &site.path }
        );
        site::block(&mut out, site);
    }
    out
}

/// One aligned row.
fn line(out: &mut String, name: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{name:<10}{text}");
}

/// One aligned row of a block.
fn row(out: &mut String, name: &str, text: &str) {
    let _ = writeln!(out, "  {name:<13}{text}");
}

fn listener(listen: &Listen) -> String {
    let mut said = vec![match &listen.tls {
        Some(tls) => {
            let protocols = if tls.h2 { "http/2 and http/1.1" } else { "http/1.1" };
            format!(
                "tls, {protocols}, {}",
                counted(tls.certificates.len(), "certificate")
            )
        }
        None if listen.h2c => "http/1.1 and h2c, no tls".to_owned(),
        None => "http/1.1, no tls".to_owned(),
    }];
    if listen.proxy_protocol {
        said.push("behind the proxy protocol".to_owned());
    }
    format!("{} ({})", listen.address, said.join(", "))
}

fn admin(config: &Config) -> String {
    match (config.admin.address, &config.admin.token_file) {
        (None, _) => "off".to_owned(),
        (Some(address), None) => format!("{address} (no token)"),
        (Some(address), Some(file)) => format!("{address} (token in {})", file.display()),
    }
}

fn trusted(config: &Config) -> String {
    match config.trusted_proxies.as_slice() {
        [] => "nobody".to_owned(),
        networks => networks
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn geo(geo: &Geo) -> String {
    if geo.databases.is_empty() && geo.networks.is_empty() {
        return "no source, no geo headers".to_owned();
    }
    let mut said: Vec<String> = geo
        .databases
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if !geo.networks.is_empty() {
        said.push(counted(geo.networks.len(), "network"));
    }
    format!(
        "{} (looked at every {})",
        said.join(", "),
        duration_text(geo.reload_interval)
    )
}

fn cache(cache: &Cache) -> String {
    let memory = if cache.memory == 0 {
        format!(
            "nothing in memory, objects up to {}",
            bytes_text(cache.object_max)
        )
    } else {
        format!(
            "{} in memory, objects up to {}",
            bytes_text(cache.memory),
            bytes_text(cache.object_max)
        )
    };
    match &cache.redis {
        None => memory,
        Some(redis) => format!(
            "{memory}; redis {} (timeout {}, entries up to {}, prefix `{}`)",
            shown(&redis.target),
            duration_text(redis.timeout),
            bytes_text(redis.object_max),
            redis.prefix
        ),
    }
}

fn kv(kv: &Kv) -> String {
    let store = match &kv.store {
        KvStore::Embedded(path) => format!("embedded in {}", path.display()),
        KvStore::Redis(target) => format!("redis {}", shown(target)),
        KvStore::Memory => "memory only, gone after a restart".to_owned(),
    };
    format!("{store}, {} in memory", bytes_text(kv.memory))
}

fn log(config: &Config) -> String {
    let access = match &config.log.access {
        AccessLog::Off => "off".to_owned(),
        AccessLog::Stdout => "stdout".to_owned(),
        AccessLog::File(path) => path.display().to_string(),
    };
    format!("access {access}, messages from {}", config.log.level)
}

fn origin_block(out: &mut String, origin: &Origin) {
    let servers: Vec<_> = origin.servers.iter().map(server).collect();
    row(out, "servers", &servers.join(", "));
    if servers.len() > 1 {
        row(out, "balance", balance(origin.balance));
    }
    let version = if origin.http2 { "http/2" } else { "http/1.1" };
    let tls = origin.tls.as_ref().map_or_else(|| "no tls".to_owned(), tls);
    row(out, "protocol", &format!("{version}, {tls}"));
    if let Some(host) = &origin.host {
        row(out, "host", host);
    }
    let (max, queue) = (origin.connections_max, origin.queue_max);
    let wait = duration_text(origin.queue_timeout);
    let warm = origin.idle_min;
    row(
        out,
        "connections",
        &format!("at most {max}, {warm} kept warm per server; {queue} may wait up to {wait}"),
    );
    let times = origin.timeouts;
    let text = format!(
        "connect {}, first byte {}, write {}, idle {}",
        duration_text(times.connect),
        duration_text(times.first_byte),
        duration_text(times.write),
        duration_text(times.idle)
    );
    row(out, "timeouts", &text);
    row(out, "retries", &origin.retries.to_string());
    row(
        out,
        "health",
        &origin
            .health
            .as_ref()
            .map_or_else(|| "not checked".to_owned(), health),
    );
    row(out, "eject", &eject(origin));
}

fn server(server: &Server) -> String {
    match server {
        Server::Address(address) => address.to_string(),
        Server::Name(name, port) => format!("{name}:{port}"),
        Server::Unix(path) => format!("unix:{}", path.display()),
    }
}

fn balance(balance: Balance) -> &'static str {
    match balance {
        Balance::RoundRobin => "round_robin",
        Balance::LeastConnections => "least_connections",
        Balance::ConsistentHash => "consistent_hash",
    }
}

fn tls(tls: &OriginTls) -> String {
    let name = tls.sni.as_deref().unwrap_or("the request's host");
    match (&tls.ca, tls.verify) {
        (_, false) => "tls, NOT verified".to_owned(),
        (Some(ca), true) => format!("tls, verified as {name} by {}", ca.display()),
        (None, true) => format!("tls, verified as {name} by the public roots"),
    }
}

fn health(health: &Health) -> String {
    format!(
        "GET {} as {} every {}, {}-{} is good",
        health.path,
        health.host.as_deref().unwrap_or("the server's name"),
        duration_text(health.interval),
        health.statuses.start(),
        health.statuses.end()
    )
}

fn eject(origin: &Origin) -> String {
    let eject = origin.eject;
    match eject.failures {
        0 => "never".to_owned(),
        failures => format!(
            "after {} in a row, for {} up to {}",
            counted(usize::try_from(failures).unwrap_or(usize::MAX), "failure"),
            duration_text(eject.time),
            duration_text(eject.time_max)
        ),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
