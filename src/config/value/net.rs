//! Addresses, networks and servers.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::super::model::Server;
use super::{Wrong, quoted};

/// `127.0.0.1:80` or `[::1]:80`.
pub(crate) fn socket(text: &str) -> Result<SocketAddr, Wrong> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let problem = format!("{} is no address with a port", quoted(text));
    let mend = if let Ok(address) = text.parse::<IpAddr>() {
        format!("add the port: `{}`", SocketAddr::new(address, 80))
    } else if let Ok(port) = text.trim_start_matches(['*', ':']).parse::<u16>() {
        format!("write `0.0.0.0:{port}` for every IPv4 address, `[::]:{port}` for IPv6 too")
    } else if let Some((_, port)) = split_host_port(text).filter(|(host, _)| host.starts_with("localhost")) {
        format!("write `127.0.0.1:{port}`; a listener takes addresses, no names")
    } else {
        "write an address and a port from 0 to 65535, `127.0.0.1:80` or `[::1]:80`; names are not looked up here"
            .to_owned()
    };
    Err(Wrong::new(problem, mend))
}

/// `10.0.0.0/8`, or a single address.
pub(crate) fn cidr(text: &str) -> Result<IpNet, Wrong> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    match text.parse::<IpNet>() {
        Ok(network) if network.trunc() == network => Ok(network),
        Ok(network) => Err(Wrong::new(
            format!("{} has address bits behind its prefix", quoted(text)),
            format!(
                "write `{}` for the network, or `{}` for the one address",
                network.trunc(),
                network.addr()
            ),
        )),
        Err(_) => Err(Wrong::new(
            format!("{} is no network", quoted(text)),
            "write it as `10.0.0.0/8` or `2001:db8::/32`, or a single address",
        )),
    }
}

/// A server of an origin.
pub(crate) fn server(text: &str, base: &std::path::Path) -> Result<Server, Wrong> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        let mend = match scheme {
            "https" => format!("write `{}` and `tls: true`", with_port(rest, 443)),
            _ => format!("write `{}`", with_port(rest, 80)),
        };
        return Err(Wrong::new(
            format!("{} is a URL, not a server", quoted(text)),
            mend,
        ));
    }
    if let Some(path) = text.strip_prefix("unix:") {
        // sun_path holds 108 bytes, the last of them zero.
        let path = base.join(path);
        return match path.as_os_str().len() {
            1..=107 => Ok(Server::Unix(path)),
            _ => Err(Wrong::new(
                format!(
                    "the socket path in {} is empty or longer than 107 bytes",
                    quoted(text)
                ),
                "write `unix:/run/web.sock`, with a shorter path",
            )),
        };
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address.port() {
            0 => Err(Wrong::new(
                format!("{} has port 0", quoted(text)),
                "write the port the server listens on",
            )),
            _ => Ok(Server::Address(address)),
        };
    }
    let named = split_host_port(text).filter(|(host, port)| is_name(host) && *port != 0);
    named
        .map(|(host, port)| Server::Name(host.to_ascii_lowercase(), port))
        .ok_or_else(|| {
            let mend = match text.parse::<IpAddr>() {
                Ok(address) => format!("add the port: `{}`", SocketAddr::new(address, 80)),
                Err(_) if is_name(text) => format!("add the port: `{text}:80`"),
                Err(_) if text.starts_with('/') => format!("write `unix:{text}` for a Unix socket"),
                Err(_) => "write `10.0.0.1:80`, `web.internal:8080` or `unix:/run/web.sock`".to_owned(),
            };
            Wrong::new(format!("{} is no server with a port", quoted(text)), mend)
        })
}

fn with_port(host: &str, port: u16) -> String {
    if split_host_port(host).is_some() {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    }
}

fn is_name(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 253
        && !host.starts_with(['.', '-'])
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// `host:port` apart; brackets of an IPv6 address stay with the host.
pub(crate) fn split_host_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare_v6 = host.contains(':') && !host.starts_with('[');
    if host.is_empty() || bare_v6 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    port.parse().ok().map(|port| (host, port))
}
