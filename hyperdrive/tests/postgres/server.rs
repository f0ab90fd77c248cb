//! A front before a real PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use popgate_hyperdrive::config::{
    Address, Database, Limits, Listen, OriginTls, Pool, PoolMode, Protocol, Role, Server, ServerAddress, User,
};
use popgate_hyperdrive::listener::{Door, Front, Socket, Throttle, accept};
use popgate_hyperdrive::observe::Nobody;
use popgate_hyperdrive::postgres::Postgres;
use tokio::sync::watch;

pub use crate::support::postgres::PASSWORD;
pub use crate::support::postgres::Postgres as Origin;

/// A front on a port of its own.
pub struct Pop {
    pub front: Arc<Postgres>,
    pub port: u16,
    stop: watch::Sender<bool>,
}

impl Drop for Pop {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.front.close();
    }
}

/// Settings before `origin` with at most `max` connections.
pub fn settings(origin: u16, max: usize) -> Database {
    Database {
        name: "pg".into(),
        protocol: Protocol::Postgres,
        listen: vec![Listen {
            address: Address::Tcp("127.0.0.1:0".parse().unwrap()),
            tls: None,
        }],
        servers: vec![Server {
            address: ServerAddress::Tcp(([127, 0, 0, 1], origin).into()),
            role: Role::Primary,
        }],
        tls: OriginTls::Off,
        users: vec![User {
            name: "wp".into(),
            password: PASSWORD.into(),
            origin_user: "wp".into(),
        }],
        pool: Pool {
            mode: PoolMode::Auto,
            min: 0,
            max,
            wait: Duration::from_secs(15),
            idle: Duration::from_secs(600),
            lifetime: Duration::from_secs(3600),
            connecting_max: 4,
        },
        limits: Limits {
            clients_max: 10_000,
            query: Duration::from_secs(60),
            idle_in_transaction: Duration::from_secs(30),
            packet_max: 64 << 20,
            login: Duration::from_secs(10),
        },
        cache: None,
    }
}

impl Pop {
    pub fn start(settings: Database) -> Self {
        let socket = Socket::bind(&settings.listen[0].address).unwrap();
        let port = socket.port().unwrap();
        let front = Postgres::new(Arc::new(settings), Arc::new(Nobody)).unwrap();
        let (stop, closing) = watch::channel(false);
        tokio::spawn(Arc::clone(&front).keep());
        let door = Door {
            peer: None,
            tls: None,
            require_tls: false,
            throttle: Arc::new(Throttle::default()),
            closing,
        };
        tokio::spawn(accept(socket, Arc::clone(&front) as Arc<dyn Front>, door));
        Self { front, port, stop }
    }
}
