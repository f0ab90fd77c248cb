//! The tree to the model, one file per subject.

mod admin;
mod cache;
mod certificates;
mod databases;
mod files;
mod filters;
mod geo;
mod kv;
mod limits;
mod listen;
mod log;
mod origins;
mod redis;
mod site_cache;
mod site_purge;
mod sites;
mod wordpress;

use std::path::Path;

use super::keys::ROOT;
use super::model::Config;
use super::reader::{Field, Map};
use super::value::{Wrong, cidr, quoted};

/// The whole file. What it returns counts only when no error was noted.
pub(super) fn config(top: &Field<'_>, source: &Path) -> Config {
    let root = top.map(&ROOT);
    let trusted_proxies = trusted_proxies(&root);
    let listen = listen::listen(&root, &trusted_proxies);
    let admin = admin::admin(&root, &listen);
    let mut origins = origins::origins(&root);
    let sites = sites::sites(&root, &mut origins);
    let kv = kv::kv(&root);
    let databases = databases::databases(&root, &listen, &admin);
    Config {
        source: source.to_owned(),
        pop: pop(&root),
        listen,
        admin,
        trusted_proxies,
        geo: geo::geo(&root),
        cache: cache::cache(&root, &kv),
        kv,
        origins: origins::finished(origins),
        sites,
        databases,
        limits: limits::limits(&root),
        timeouts: limits::timeouts(&root),
        shutdown: limits::shutdown(&root),
        log: log::log(&root),
        lane: root.flag("lane"),
        threads: root.count("threads"),
        warnings: Vec::new(),
    }
}

fn pop(root: &Map<'_>) -> String {
    let read = root.parsed("pop", |text| {
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match text.len() <= 32 && text.bytes().all(fit) {
            true => Ok(text.to_owned()),
            false => Err(Wrong::new(
                format!("{} is not fit for a header", quoted(text)),
                "write at most 32 ASCII letters, digits, `-` and `_`",
            )),
        }
    });
    read.unwrap_or_else(|| root.reader().env().pop())
}

fn trusted_proxies(root: &Map<'_>) -> Vec<ipnet::IpNet> {
    let networks = root.values("trusted_proxies", cidr);
    if let Some(everyone) = networks.iter().find(|network| network.prefix_len() == 0)
        && let Some(field) = root.field("trusted_proxies")
    {
        field.warn(
            format!("`{everyone}` lets every client say where it comes from"),
            "name the proxies in front of this machine",
        );
    }
    networks
}
