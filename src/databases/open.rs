//! From settings to a database that is served.

use std::sync::Arc;

use popgate_hyperdrive::config::{Listen, ListenTls, Protocol};
use popgate_hyperdrive::listener::{Door, Front, Socket, Throttle, accept};
use popgate_hyperdrive::{mysql, postgres};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use super::counts::Counts;
use super::served::{Running, Served};
use crate::config::{CertificateFiles, Config, Database, ListenTls as HttpTls};
use crate::server::drain::InFlight;
use crate::server::tls::{self, Certificates, Loaded};
use crate::telemetry::Metrics;

/// A database with its sockets bound.
#[derive(Debug)]
pub struct Bound {
    database: Arc<Database>,
    sockets: Vec<(Socket, Listen)>,
}

impl Bound {
    /// Binds the sockets of a database. Must run inside a runtime.
    ///
    /// # Errors
    /// Names the address that cannot be bound, and the mend.
    pub(super) fn new(database: &Arc<Database>) -> Result<Self, String> {
        let bind = |listen: &Listen| {
            let address = &listen.address;
            let socket = Socket::bind(address).map_err(|error| {
                format!(
                    "databases.{}.listen: cannot listen on {address}: {error}; pick a free address in a place that popgate's user may use",
                    database.name
                )
            })?;
            Ok((socket, listen.clone()))
        };
        Ok(Self {
            sockets: database.listen.iter().map(bind).collect::<Result<_, String>>()?,
            database: Arc::clone(database),
        })
    }
}

/// Binds the sockets of all databases. Must run inside a runtime.
///
/// # Errors
/// Names the address that cannot be bound, and the mend.
pub fn bind_all(config: &Config) -> Result<Vec<Bound>, String> {
    config.databases.values().map(Bound::new).collect()
}

/// A database that has all it needs.
pub(super) struct Ready {
    running: Running,
    served: Arc<Served>,
    doors: Vec<(Socket, Door)>,
}

/// Reads the files of a database, and makes its pool.
pub(super) fn open(bound: Bound, metrics: &Arc<Metrics>) -> Result<Ready, String> {
    let Bound { database, sockets } = bound;
    let counts = Arc::new(Counts::new(&database.name, metrics));
    let observer = Arc::clone(&counts) as Arc<dyn popgate_hyperdrive::observe::Observer>;
    let front = match database.protocol {
        Protocol::MySql => {
            mysql::Database::new(Arc::clone(&database), observer).map(|front| front as Arc<dyn Front>)
        }
        Protocol::Postgres => {
            postgres::Postgres::new(Arc::clone(&database), observer).map(|front| front as Arc<dyn Front>)
        }
    }
    .map_err(|error| format!("databases.{}.tls: {error}", database.name))?;
    let (closing, cut) = (watch::Sender::new(false), watch::Sender::new(false));
    let clients = InFlight::default();
    let throttle = Arc::new(Throttle::default());
    let (mut doors, mut in_use) = (Vec::new(), Vec::new());
    for (socket, listen) in sockets {
        let tls = match &listen.tls {
            None => None,
            Some(files) => {
                let used = Arc::new(Certificates::default());
                used.replace(certificates(files)?);
                in_use.push((listen.address.clone(), Arc::clone(&used)));
                let config = tls::server_config(used, &[]).map_err(|error| error.to_string())?;
                Some(TlsAcceptor::from(config))
            }
        };
        info!(database = database.name, address = %listen.address, tls = tls.is_some(), "listening");
        let door = Door {
            peer: None,
            tls,
            require_tls: listen.tls.is_some_and(|tls| tls.require),
            throttle: Arc::clone(&throttle),
            closing: closing.subscribe(),
        };
        doors.push((socket, door));
    }
    Ok(Ready {
        served: Arc::new(Served {
            front: Arc::clone(&front),
            clients: clients.clone(),
            cut: cut.subscribe(),
        }),
        running: Running {
            protocol: database.protocol,
            front,
            counts,
            clients,
            closing,
            cut,
            certificates: in_use,
        },
        doors,
    })
}

/// The certificate of a socket.
pub(super) fn certificates(tls: &ListenTls) -> Result<Loaded, String> {
    let files = CertificateFiles {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
    };
    let tls = HttpTls {
        certificates: vec![files],
        h2: false,
    };
    Loaded::read(&tls).map_err(|error| error.to_string())
}

impl Ready {
    pub(super) fn name(&self) -> &str {
        self.running.counts.name()
    }

    /// Lets clients in.
    pub(super) fn serve(self) -> Arc<Running> {
        tokio::spawn(Arc::clone(&self.running.front).keep());
        for (socket, door) in self.doors {
            let front = Arc::clone(&self.served) as Arc<dyn Front>;
            tokio::spawn(accept(socket, front, door));
        }
        Arc::new(self.running)
    }
}
