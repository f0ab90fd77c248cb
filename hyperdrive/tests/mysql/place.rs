//! A MariaDB in a temporary folder, and popgate's side in front of it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use popgate_hyperdrive::config::{
    Address, Database, Limits, Listen, OriginTls, Pool, PoolMode, Protocol, Role, Server, ServerAddress, User,
};
use popgate_hyperdrive::listener::{Door, Front, Socket, Throttle, accept};
use popgate_hyperdrive::observe::Nobody;
use popgate_hyperdrive::pool::Snapshot;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::support::mariadb::{MariaDb, client};
use crate::support::programs::run;

pub struct Place {
    _server: MariaDb,
    port: u16,
    front: Arc<dyn Front>,
    _closing: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Place {
    pub fn start(max: usize) -> Self {
        let server = MariaDb::start().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let settings = Arc::new(settings(server.socket(), max));
        let guard = runtime.enter();
        let front: Arc<dyn Front> =
            popgate_hyperdrive::mysql::Database::new(settings, Arc::new(Nobody)).unwrap();
        let bound = Socket::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let port = bound.port().unwrap();
        let (closing, watching) = watch::channel(false);
        let door = Door {
            peer: None,
            tls: None,
            require_tls: false,
            throttle: Arc::new(Throttle::default()),
            closing: watching,
        };
        runtime.spawn(Arc::clone(&front).keep());
        runtime.spawn(accept(bound, Arc::clone(&front), door));
        drop(guard);
        Self {
            _server: server,
            port,
            front,
            _closing: closing,
            _runtime: runtime,
        }
    }

    pub fn client(&self, user: &str, password: &str, sql: &str) -> Result<String, String> {
        client(self.port, user, password, sql)
    }

    pub fn query(&self, sql: &str) -> String {
        self.client("app", "secret", sql).unwrap()
    }

    pub fn fails(&self, sql: &str) -> String {
        self.client("app", "secret", sql).unwrap_err()
    }

    pub fn php(&self, script: &str) -> String {
        run(Command::new("php")
            .args(["-r", script, "--"])
            .arg(self.port.to_string()))
        .unwrap()
    }

    pub fn snapshot(&self) -> Snapshot {
        self.front.snapshot()
    }
}

fn settings(socket: PathBuf, max: usize) -> Database {
    Database {
        name: "db".to_owned(),
        protocol: Protocol::MySql,
        listen: vec![Listen {
            address: Address::Tcp(([127, 0, 0, 1], 0).into()),
            tls: None,
        }],
        servers: vec![Server {
            address: ServerAddress::Unix(socket),
            role: Role::Primary,
        }],
        tls: OriginTls::Off,
        users: vec![User {
            name: "app".to_owned(),
            password: "secret".to_owned(),
            origin_user: "app".to_owned(),
        }],
        pool: Pool {
            mode: PoolMode::Auto,
            min: 1,
            max,
            wait: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            lifetime: Duration::from_secs(3600),
            connecting_max: 2,
        },
        limits: Limits {
            clients_max: 100,
            query: Duration::from_secs(20),
            idle_in_transaction: Duration::from_secs(20),
            packet_max: 64 << 20,
            login: Duration::from_secs(10),
        },
        cache: None,
    }
}
