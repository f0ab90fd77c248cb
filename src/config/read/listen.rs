//! `listen`.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::super::keys::{CERTIFICATE, LISTEN, LISTEN_TLS};
use super::super::model::{CertificateFiles, Listen, ListenTls};
use super::super::reader::{Field, Map};
use super::super::value::socket;
use super::certificates;

/// The listeners; one that has no good address is left out.
pub(super) fn listen(root: &Map<'_>, trusted_proxies: &[IpNet]) -> Vec<Listen> {
    let mut all: Vec<Listen> = Vec::new();
    for item in root.list_of_some("listen", "write `- address: 0.0.0.0:80` below it") {
        let map = item.map(&LISTEN);
        let address = map.parsed("address", socket);
        let tls = map.field("tls").map(|field| tls(&field));
        let (h2c, proxy_protocol) = (map.flag("h2c"), map.flag("proxy_protocol"));
        if h2c && tls.is_some() {
            complain(
                &map,
                "h2c",
                "`h2c` is HTTP/2 without TLS, and this listener has `tls`",
                "remove `h2c`",
            );
        }
        if proxy_protocol && trusted_proxies.is_empty() {
            complain(
                &map,
                "proxy_protocol",
                "every connection would be refused: `trusted_proxies` names nobody",
                "name the balancer in `trusted_proxies`",
            );
        }
        let Some(address) = address else { continue };
        if let Some(other) = all.iter().find(|other| overlap(other.address, address)) {
            let problem = format!("`{address}` is taken by the listener on `{}`", other.address);
            complain(
                &map,
                "address",
                &problem,
                "remove one of the two, or give it another port",
            );
        }
        all.push(Listen {
            address,
            tls,
            h2c,
            proxy_protocol,
        });
    }
    all
}

fn complain(map: &Map<'_>, key: &str, problem: &str, mend: &str) {
    if let Some(field) = map.field(key) {
        field.error(problem, mend);
    }
}

/// Two sockets that cannot both be bound: the same port on the same address, or one on any address
/// of the family. Port 0 is a free port, never the same.
pub(super) fn overlap(left: SocketAddr, right: SocketAddr) -> bool {
    let any = |address: IpAddr| address.is_unspecified();
    left.port() == right.port()
        && left.port() != 0
        && left.is_ipv4() == right.is_ipv4()
        && (left.ip() == right.ip() || any(left.ip()) || any(right.ip()))
}

fn tls(field: &Field<'_>) -> ListenTls {
    let map = field.map(&LISTEN_TLS);
    let mend = "write `certificates: [{ certificate: FILE, key: FILE }]`";
    let certificates = map
        .list_of_some("certificates", mend)
        .iter()
        .filter_map(certificate)
        .collect();
    ListenTls {
        certificates,
        h2: map.flag("h2"),
    }
}

fn certificate(item: &Field<'_>) -> Option<CertificateFiles> {
    let (certificate, key) = certificates::pair(&item.map(&CERTIFICATE))?;
    Some(CertificateFiles { certificate, key })
}
