//! Listeners and connections: everything between a client's socket and a parsed request.

pub mod connection;
pub mod cork;
pub mod descriptors;
pub mod drain;
mod h2;
pub mod head;
pub mod lane;
pub mod linger;
pub mod listener;
pub mod proxy_header;
pub mod signals;
mod slots;
pub mod stream;
pub mod systemd;
pub mod tls;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use crate::app::App;
use crate::config::{Config, Listen};
use crate::proxy::Gateway;
use connection::{Shared, Terms};
use h2::H2Server;
use head::HeadLimits;
use lane::Lane;
use slots::Slots;
use tls::Certificates;

/// A bound socket and what it is for.
#[derive(Debug)]
pub struct Bound {
    socket: TcpListener,
    listen: Listen,
}

/// The listeners at work.
pub struct Serving {
    listeners: Vec<Running>,
    slots: Slots,
}

struct Running {
    listen: Listen,
    certificates: Option<Arc<Certificates>>,
    terms: Arc<ArcSwap<Terms>>,
}

/// Certificates read for a reload, not yet in use; one for each TLS listener.
#[derive(Debug)]
pub struct Prepared(Vec<Option<tls::Loaded>>);

/// Binds every listener.
///
/// # Errors
/// Names the address that cannot be bound, and the mend.
pub fn bind_all(config: &Config) -> Result<Vec<Bound>, String> {
    config
        .listen
        .iter()
        .map(|listen| {
            let socket = listener::bind(listen.address).map_err(|error| {
                format!(
                    "listen: cannot listen on {}: {error}; pick a free address, ports below 1024 need CAP_NET_BIND_SERVICE",
                    listen.address
                )
            })?;
            Ok(Bound {
                socket,
                listen: listen.clone(),
            })
        })
        .collect()
}

/// Starts accepting on bound sockets.
///
/// # Errors
/// Names the certificate that cannot be used.
pub fn start(bound: Vec<Bound>, app: &Arc<App>, gateway: &Gateway) -> Result<Serving, String> {
    let config = Arc::clone(&app.live().config);
    let slots = Slots::new(config.limits.connections, &app.metrics);
    let h2 = H2Server::new(gateway, app);
    let shared = Arc::new(Shared {
        app: gateway.server(),
        life: Arc::clone(&app.life),
        in_flight: app.in_flight.clone(),
        lingering: Arc::new(linger::Lingering::new(Arc::clone(&app.metrics))),
        metrics: Arc::clone(&app.metrics),
        lane: Lane::new(gateway.clone()),
    });
    let mut listeners = Vec::new();
    for Bound { socket, listen } in bound {
        let certificates = listen.tls.as_ref().map(load_certificates).transpose()?;
        let tls = match (&listen.tls, &certificates) {
            (Some(tls), Some(certificates)) => {
                let config = tls::server_config(Arc::clone(certificates), tls::http(tls.h2))
                    .map_err(|error| error.to_string())?;
                Some(TlsAcceptor::from(config))
            }
            _ => None,
        };
        let terms = Arc::new(ArcSwap::from_pointee(terms(&listen, tls, app, &h2)));
        info!(address = %listen.address, tls = listen.tls.is_some(), "listening");
        let (serve_terms, serve_shared) = (Arc::clone(&terms), Arc::clone(&shared));
        tokio::spawn(listener::accept_loop(
            socket,
            slots.of_all(),
            Arc::clone(&app.life),
            move |stream, peer, slot| {
                let (terms, shared) = (serve_terms.load_full(), Arc::clone(&serve_shared));
                async move {
                    connection::serve(stream, peer, terms, shared).await;
                    drop(slot);
                }
            },
        ));
        listeners.push(Running {
            listen,
            certificates,
            terms,
        });
    }
    Ok(Serving { listeners, slots })
}

fn load_certificates(tls: &crate::config::ListenTls) -> Result<Arc<Certificates>, String> {
    let certificates = Arc::new(Certificates::default());
    certificates.replace(tls::Loaded::read(tls).map_err(|error| error.to_string())?);
    Ok(certificates)
}

fn terms(listen: &Listen, tls: Option<TlsAcceptor>, app: &App, h2: &Arc<H2Server>) -> Terms {
    let live = app.live();
    let limits = &live.config.limits;
    Terms {
        tls,
        h2c: listen.h2c,
        h2: Arc::clone(h2),
        proxy_protocol: listen.proxy_protocol,
        trusted: Arc::clone(&live.trusted),
        timeouts: live.config.timeouts,
        limits: HeadLimits {
            header_bytes: limits.header_bytes,
            headers: limits.headers,
            uri_bytes: limits.uri_bytes,
        },
        keepalive_requests: limits.keepalive_requests,
    }
}

impl Serving {
    /// Reads the certificates of a new configuration without using them.
    ///
    /// # Errors
    /// Names the certificate that cannot be used.
    pub fn prepare(&self, config: &Config) -> Result<Prepared, String> {
        self.listeners
            .iter()
            .map(|running| {
                let same = config
                    .listen
                    .iter()
                    .find(|listen| listen.address == running.listen.address);
                same.and_then(|listen| listen.tls.as_ref())
                    .filter(|_| running.certificates.is_some())
                    .map(|tls| tls::Loaded::read(tls).map_err(|error| error.to_string()))
                    .transpose()
            })
            .collect::<Result<_, _>>()
            .map(Prepared)
    }

    /// Puts prepared certificates, limits and timeouts in use for new connections.
    pub fn commit(&self, prepared: Prepared, app: &App, gateway: &Gateway) {
        gateway.renew();
        let config = Arc::clone(&app.live().config);
        descriptors::raise_limit(&config);
        self.slots.resize(config.limits.connections, &app.metrics);
        let h2 = H2Server::new(gateway, app);
        for (running, loaded) in self.listeners.iter().zip(prepared.0) {
            if let (Some(certificates), Some(loaded)) = (&running.certificates, loaded) {
                certificates.replace(loaded);
            }
            let tls = running.terms.load().tls.clone();
            running
                .terms
                .store(Arc::new(terms(&running.listen, tls, app, &h2)));
        }
    }
}
