//! Configured targets in the words of the client library. No network in here.

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ProtocolVersion, RedisConnectionInfo, TlsCertificates, TlsMode};

use crate::config::model::{RedisLogin, RedisServer, RedisTarget};

pub(super) fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

pub(super) fn address(server: &RedisServer) -> ConnectionAddr {
    let host = server
        .host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    if server.login.tls {
        ConnectionAddr::TcpTls {
            host,
            port: server.port,
            insecure: server.login.insecure,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, server.port)
    }
}

pub(super) fn settings(login: &RedisLogin) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_db(login.db)
        .set_lib_name("popgate", env!("CARGO_PKG_VERSION"));
    if let Some(username) = &login.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    settings
}

pub(super) fn tls_mode(login: &RedisLogin) -> Option<TlsMode> {
    match (login.tls, login.insecure) {
        (false, _) => None,
        (true, false) => Some(TlsMode::Secure),
        (true, true) => Some(TlsMode::Insecure),
    }
}

pub(super) fn certificates(pem: &[u8]) -> TlsCertificates {
    TlsCertificates {
        client_tls: None,
        root_cert: Some(pem.to_vec()),
    }
}

pub(super) fn login_of(target: &RedisTarget) -> RedisLogin {
    match target {
        RedisTarget::Single(server) => server.login.clone(),
        RedisTarget::Sentinel {
            primary, sentinels, ..
        } => {
            let mut login = primary.clone();
            login.ca = login
                .ca
                .or_else(|| sentinels.iter().find_map(|sentinel| sentinel.login.ca.clone()));
            login
        }
        RedisTarget::Cluster(nodes) => nodes.first().map(|node| node.login.clone()).unwrap_or_default(),
    }
}

pub(super) fn describe(target: &RedisTarget) -> String {
    let list = |servers: &[RedisServer]| {
        let addresses: Vec<String> = servers
            .iter()
            .map(|server| format!("{}:{}", server.host, server.port))
            .collect();
        addresses.join(",")
    };
    match target {
        RedisTarget::Single(server) => format!("{}:{}/{}", server.host, server.port, server.login.db),
        RedisTarget::Sentinel {
            sentinels,
            service,
            primary,
        } => {
            format!("sentinel {}/{service}/{}", list(sentinels), primary.db)
        }
        RedisTarget::Cluster(nodes) => format!("cluster {}", list(nodes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_described_without_its_password() {
        let login = RedisLogin {
            password: Some("s3cret".to_owned()),
            db: 2,
            ..RedisLogin::default()
        };
        let server = RedisServer {
            host: "redis.internal".to_owned(),
            port: 6380,
            login: login.clone(),
        };
        assert_eq!(
            describe(&RedisTarget::Single(server.clone())),
            "redis.internal:6380/2"
        );
        let sentinel = RedisTarget::Sentinel {
            sentinels: vec![server],
            service: "main".to_owned(),
            primary: login,
        };
        assert_eq!(describe(&sentinel), "sentinel redis.internal:6380/main/2");
    }

    #[test]
    fn an_ipv6_address_loses_its_brackets() {
        let server = RedisServer {
            host: "[::1]".to_owned(),
            port: 6379,
            login: RedisLogin::default(),
        };
        assert_eq!(address(&server), ConnectionAddr::Tcp("::1".to_owned(), 6379));
    }
}
