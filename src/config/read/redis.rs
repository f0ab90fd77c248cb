//! Redis targets: a URL, a list of URLs, or a mapping with `url` and more.

use super::super::keys::Table;
use super::super::model::{RedisLogin, RedisTarget};
use super::super::reader::{Field, Map};
use super::super::redis_url;
use super::super::yaml::Value;
use super::{certificates, files};

/// The target and the mapping its other settings are read from (an empty one beside a bare URL).
pub(super) fn target<'r>(
    field: &Field<'r>,
    parent: &Map<'r>,
    name: &str,
    table: &'static Table,
) -> (Option<RedisTarget>, Map<'r>) {
    if matches!(field.value(), Value::Map(_)) {
        let map = field.map(table);
        return (from_map(&map), map);
    }
    (urls(field), parent.absent(name, table))
}

fn from_map(map: &Map<'_>) -> Option<RedisTarget> {
    let target = match map.field("url") {
        Some(field) => urls(&field),
        None => {
            map.require("url", "write `url: redis://127.0.0.1:6379/0`");
            None
        }
    };
    let password = map
        .path("password_file")
        .and_then(|(path, field)| files::secret(&path, &field));
    let sentinel = (map.text("sentinel_username"), map.text("sentinel_password"));
    let ca = map.path("ca").map(|(path, field)| {
        certificates::chain(&path, &field);
        path
    });
    let insecure = map.flag("insecure_redis_tls");
    let mut target = target?;
    check_combination(map, &target);
    if insecure && let Some(field) = map.field("insecure_redis_tls") {
        field.warn(
            "any certificate of the Redis server is accepted",
            "name its CA in `ca` instead",
        );
    }
    each_login(&mut target, |login, of_sentinel| {
        login.ca = ca.clone();
        login.insecure = insecure;
        if of_sentinel {
            (login.username, login.password) = sentinel.clone();
        } else if let Some(password) = &password {
            login.password = Some(password.clone());
        }
    });
    Some(target)
}

/// Complains about settings that would have no effect.
fn check_combination(map: &Map<'_>, target: &RedisTarget) {
    let (tls, password) = match target {
        RedisTarget::Single(server) => (server.login.tls, server.login.password.is_some()),
        RedisTarget::Sentinel { primary, .. } => (primary.tls, primary.password.is_some()),
        RedisTarget::Cluster(nodes) => (
            nodes.iter().any(|node| node.login.tls),
            nodes.iter().any(|node| node.login.password.is_some()),
        ),
    };
    let complain = |name: &str, problem: &str, mend: &str| {
        if let Some(field) = map.field(name) {
            field.error(problem, mend);
        }
    };
    if !tls {
        complain("ca", "there is no TLS to verify", "write the URL with `rediss`");
        complain(
            "insecure_redis_tls",
            "there is no TLS to loosen",
            "write the URL with `rediss`, or remove the key",
        );
    }
    if password {
        complain("password_file", "the URL has a password, too", "keep one of them");
    }
    if !matches!(target, RedisTarget::Sentinel { .. }) {
        let mend = "write the URL as `redis+sentinel://…`, or remove the key";
        complain("sentinel_username", "there are no sentinels", mend);
        complain("sentinel_password", "there are no sentinels", mend);
    }
}

fn each_login(target: &mut RedisTarget, mut set: impl FnMut(&mut RedisLogin, bool)) {
    match target {
        RedisTarget::Single(server) => set(&mut server.login, false),
        RedisTarget::Sentinel {
            sentinels, primary, ..
        } => {
            set(primary, false);
            sentinels
                .iter_mut()
                .for_each(|server| set(&mut server.login, true));
        }
        RedisTarget::Cluster(nodes) => nodes.iter_mut().for_each(|node| set(&mut node.login, false)),
    }
}

/// A URL or a list of them.
fn urls(field: &Field<'_>) -> Option<RedisTarget> {
    if !matches!(field.value(), Value::List(_)) {
        return field.parse(redis_url::target);
    }
    let items = field.items();
    let urls: Vec<&str> = items.iter().filter_map(Field::text).collect();
    if urls.len() < items.len() {
        return None;
    }
    match redis_url::nodes(&urls) {
        Ok(target) => Some(target),
        Err((index, wrong)) => {
            items.get(index).unwrap_or(field).wrong(wrong);
            None
        }
    }
}
