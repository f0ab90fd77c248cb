//! `databases.<name>.listen`.

use std::net::SocketAddr;
use std::path::PathBuf;

use popgate_hyperdrive::config::{Address, Listen, ListenTls, Protocol};

use super::super::super::keys::{DATABASE_LISTEN, DATABASE_LISTEN_TLS};
use super::super::super::model::{self, Admin, Server};
use super::super::super::reader::{Field, Map};
use super::super::super::value::server;
use super::super::super::yaml::Value;
use super::super::certificates;
use super::super::listen::overlap;

/// Addresses that have been given away, and to whom.
pub(super) struct Taken {
    tcp: Vec<(SocketAddr, String)>,
    unix: Vec<(PathBuf, String)>,
}

impl Taken {
    pub(super) fn new(listen: &[model::Listen], admin: &Admin) -> Self {
        let http = listen
            .iter()
            .map(|listen| (listen.address, "the listener".to_owned()));
        let admin = admin
            .address
            .map(|address| (address, "the admin listener".to_owned()));
        Self {
            tcp: http.chain(admin).collect(),
            unix: Vec::new(),
        }
    }

    /// Gives an address away; who has it already.
    fn take(&mut self, address: &Address, whom: String) -> Option<String> {
        match address {
            Address::Tcp(address) => {
                let other = self.tcp.iter().find(|(other, _)| overlap(*other, *address));
                let other = other.map(|(other, name)| format!("{name} on `{other}`"));
                self.tcp.push((*address, whom));
                other
            }
            Address::Unix(path) => {
                let other = self.unix.iter().find(|(other, _)| other == path);
                let other = other.map(|(_, name)| name.clone());
                self.unix.push((path.clone(), whom));
                other
            }
        }
    }
}

/// The sockets; one that has no good address is left out.
pub(super) fn sockets(map: &Map<'_>, protocol: Protocol, name: &str, taken: &mut Taken) -> Vec<Listen> {
    let mend = match protocol {
        Protocol::MySql => "write `listen: 127.0.0.1:3307`",
        Protocol::Postgres => "write `listen: 127.0.0.1:5433`",
    };
    let items = match map.field("listen") {
        Some(field) if !matches!(field.value(), Value::List(_) | Value::Null) => vec![field],
        _ => map.list_of_some("listen", mend),
    };
    items
        .iter()
        .filter_map(|item| socket(item, mend, name, taken))
        .collect()
}

fn socket(item: &Field<'_>, mend: &str, name: &str, taken: &mut Taken) -> Option<Listen> {
    let base = item.reader().base();
    let (read, tls, place) = if matches!(item.value(), Value::Map(_)) {
        let map = item.map(&DATABASE_LISTEN);
        let tls = map
            .field("tls")
            .map(|field| tls(&field.map(&DATABASE_LISTEN_TLS)));
        let place = map.field("address").unwrap_or_else(|| item.clone());
        (map.parsed("address", |text| server(text, base)), tls, place)
    } else {
        (item.parse(|text| server(text, base)), None, item.clone())
    };
    let address = match read? {
        Server::Address(address) => Address::Tcp(address),
        Server::Unix(path) => Address::Unix(path),
        Server::Name(name, _) => {
            place.error(format!("`{name}` is a name, and sockets take addresses"), mend);
            return None;
        }
    };
    if let Some(other) = taken.take(&address, format!("database {name}")) {
        place.error(
            format!("`{address}` is taken by {other}"),
            "remove one of the two, or give it another port or path",
        );
    }
    Some(Listen {
        address,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
    })
}

fn tls(map: &Map<'_>) -> Option<ListenTls> {
    let require = map.flag("require");
    let (certificate, key) = certificates::pair(map)?;
    Some(ListenTls {
        certificate,
        key,
        require,
    })
}
