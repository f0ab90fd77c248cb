//! Redis URLs to targets. No message repeats the URL: it may hold a password.

use percent_encoding::percent_decode_str;

use super::model::{RedisLogin, RedisServer, RedisTarget};
use super::value::{Wrong, split_host_port};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

const FORMS: &str = "write `redis://[user:password@]host:port/db`, `rediss://…` with TLS, \
                     `redis+sentinel://host:port,host:port/service/db` or `redis+cluster://host:port,host:port`";

/// What a URL says, before its scheme decides what it means.
struct Parts<'u> {
    login: RedisLogin,
    hosts: Vec<(String, Option<u16>)>,
    path: Vec<&'u str>,
}

/// One URL.
pub(crate) fn target(url: &str) -> Result<RedisTarget, Wrong> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Wrong::new("the Redis URL has no scheme", FORMS));
    };
    let (tls, kind) = match scheme {
        "redis" => (false, ""),
        "rediss" => (true, ""),
        _ => match scheme.split_once('+') {
            Some(("redis", kind @ ("sentinel" | "cluster"))) => (false, kind),
            Some(("rediss", kind @ ("sentinel" | "cluster"))) => (true, kind),
            _ => {
                return Err(Wrong::new(
                    format!("unknown Redis scheme `{}`", word(scheme)),
                    FORMS,
                ));
            }
        },
    };
    let parts = parts(rest, tls)?;
    match kind {
        "sentinel" => sentinel(parts),
        "cluster" => cluster(parts),
        _ => single(parts),
    }
}

/// A list of URLs: the nodes of a cluster, all with the same login.
pub(crate) fn nodes(urls: &[&str]) -> Result<RedisTarget, (usize, Wrong)> {
    let mut nodes: Vec<RedisServer> = Vec::with_capacity(urls.len());
    for (index, url) in urls.iter().enumerate() {
        let server = match target(url).map_err(|wrong| (index, wrong))? {
            RedisTarget::Single(server) => server,
            RedisTarget::Sentinel { .. } | RedisTarget::Cluster(_) => {
                let mend = "list one `redis://host:port` for each node";
                return Err((index, Wrong::new("a node of a cluster is one plain server", mend)));
            }
        };
        if server.login.db != 0 {
            return Err((index, no_database_in_cluster()));
        }
        if nodes.first().is_some_and(|first| first.login != server.login) {
            let mend = "give every URL the same user, password and scheme";
            return Err((
                index,
                Wrong::new("the nodes of a cluster have different logins", mend),
            ));
        }
        nodes.push(server);
    }
    if nodes.is_empty() {
        return Err((0, Wrong::new("the list of Redis URLs is empty", FORMS)));
    }
    Ok(RedisTarget::Cluster(nodes))
}

fn single(parts: Parts<'_>) -> Result<RedisTarget, Wrong> {
    let Parts {
        mut login,
        mut hosts,
        path,
    } = parts;
    if hosts.len() > 1 {
        let mend = "write `redis+cluster://…` for a cluster, `redis+sentinel://…` for sentinels";
        return Err(Wrong::new("the Redis URL has several hosts", mend));
    }
    login.db = match path.as_slice() {
        [] | [""] => 0,
        [db] => database(db)?,
        _ => {
            return Err(Wrong::new(
                "the Redis URL has more than a database behind the host",
                FORMS,
            ));
        }
    };
    let Some((host, port)) = hosts.pop() else {
        return Err(Wrong::new("the Redis URL has no host", FORMS));
    };
    Ok(RedisTarget::Single(RedisServer {
        host,
        port: port.unwrap_or(PORT),
        login,
    }))
}

fn sentinel(parts: Parts<'_>) -> Result<RedisTarget, Wrong> {
    let Parts {
        login: mut primary,
        hosts,
        path,
    } = parts;
    let (service, db) = match path.as_slice() {
        [service] if !service.is_empty() => (*service, 0),
        [service, db] if !service.is_empty() => (*service, database(db)?),
        _ => {
            let mend = "write `redis+sentinel://host:port,host:port/service/db`; `service` is `mymaster` in sentinel.conf";
            return Err(Wrong::new("the sentinel URL does not name the service", mend));
        }
    };
    primary.db = db;
    let login = RedisLogin {
        tls: primary.tls,
        ..RedisLogin::default()
    };
    Ok(RedisTarget::Sentinel {
        sentinels: servers(hosts, SENTINEL_PORT, &login),
        service: decoded(service)?,
        primary,
    })
}

fn cluster(parts: Parts<'_>) -> Result<RedisTarget, Wrong> {
    let Parts { login, hosts, path } = parts;
    match path.as_slice() {
        [] | [""] | ["0"] => Ok(RedisTarget::Cluster(servers(hosts, PORT, &login))),
        _ => Err(no_database_in_cluster()),
    }
}

fn no_database_in_cluster() -> Wrong {
    Wrong::new(
        "a cluster has no databases but 0",
        "leave the part behind the host out",
    )
}

fn servers(hosts: Vec<(String, Option<u16>)>, port: u16, login: &RedisLogin) -> Vec<RedisServer> {
    let server = |(host, own): (String, Option<u16>)| RedisServer {
        host,
        port: own.unwrap_or(port),
        login: login.clone(),
    };
    hosts.into_iter().map(server).collect()
}

fn parts(rest: &str, tls: bool) -> Result<Parts<'_>, Wrong> {
    if rest.contains(['?', '#']) {
        let mend = "leave it out; a `?` or `#` in a password is written `%3F` or `%23`";
        return Err(Wrong::new("the Redis URL has a query or fragment", mend));
    }
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, path.split('/').collect()),
        None => (rest, Vec::new()),
    };
    if path.iter().any(|part: &&str| part.contains('@')) {
        return Err(Wrong::new(
            "the Redis URL has an `@` behind a `/`",
            "percent-encode the password: `/` is `%2F`, `@` is `%40`, `:` is `%3A`",
        ));
    }
    let (userinfo, hosts) = match authority.rsplit_once('@') {
        Some((userinfo, hosts)) => (Some(userinfo), hosts),
        None => (None, authority),
    };
    let mut login = RedisLogin {
        tls,
        ..RedisLogin::default()
    };
    if let Some(userinfo) = userinfo {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        login.username = Some(decoded(user)?).filter(|user| !user.is_empty());
        login.password = password
            .map(decoded)
            .transpose()?
            .filter(|password| !password.is_empty());
    }
    let hosts = hosts.split(',').map(host).collect::<Result<_, _>>()?;
    Ok(Parts { login, hosts, path })
}

fn host(text: &str) -> Result<(String, Option<u16>), Wrong> {
    let (host, port) = match split_host_port(text) {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
    };
    if !good || port == Some(0) {
        let mend =
            "write `host:port` or `[2001:db8::1]:port`; a password with `@`, `:` or `/` is percent-encoded";
        return Err(Wrong::new("the Redis URL has no good host and port", mend));
    }
    Ok((bare.unwrap_or(host).to_ascii_lowercase(), port))
}

fn database(text: &str) -> Result<i64, Wrong> {
    match text.parse::<u32>() {
        Ok(db) if db < 65_536 => Ok(i64::from(db)),
        _ => Err(Wrong::new(
            "the database in the Redis URL is no number",
            "write `/0`, `/1` … behind the host",
        )),
    }
}

fn decoded(text: &str) -> Result<String, Wrong> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Wrong::new(
            "the Redis URL has an escape that is not UTF-8",
            "write UTF-8 in `%…` escapes",
        )),
    }
}

/// A scheme fit to be printed: whatever stands there may be part of a password.
fn word(scheme: &str) -> &str {
    let good = scheme.len() <= 20
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    if good { scheme } else { "…" }
}

/// The target without logins, for people.
pub(crate) fn shown(target: &RedisTarget) -> String {
    let address = |server: &RedisServer| match server.host.contains(':') {
        true => format!("[{}]:{}", server.host, server.port),
        false => format!("{}:{}", server.host, server.port),
    };
    let all = |servers: &[RedisServer]| servers.iter().map(address).collect::<Vec<_>>().join(", ");
    let tls = |login: &RedisLogin| if login.tls { " with tls" } else { "" };
    match target {
        RedisTarget::Single(server) => {
            format!("{}/{}{}", address(server), server.login.db, tls(&server.login))
        }
        RedisTarget::Sentinel {
            sentinels,
            service,
            primary,
        } => {
            format!(
                "{service}/{} by sentinels {}{}",
                primary.db,
                all(sentinels),
                tls(primary)
            )
        }
        RedisTarget::Cluster(nodes) => {
            let tls = nodes.first().map_or("", |node| tls(&node.login));
            format!("cluster {}{tls}", all(nodes))
        }
    }
}

#[cfg(test)]
mod tests;
