//! Asking a server how it is: one GET over an own connection.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{Health, Origin as Settings};
use crate::origin::connect::{Socket, connect};
use crate::origin::lease::{ConnectionGuard, Connector, Lease};
use crate::origin::tls::{OriginTlsConfig, server_name};
use crate::origin::{Address, Origin, Server};

/// Why a check was bad.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection failed.
    #[error("connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The answer was not HTTP.
    #[error("bad answer: {0}")]
    Http(#[from] hyper::Error),
    /// The path or host cannot be sent.
    #[error("health check cannot be sent: {0}")]
    Request(#[from] http::Error),
    /// A status outside `statuses`.
    #[error("status {0}")]
    Status(u16),
}

/// What is asked, and how the server is spoken to.
struct Probe<'a> {
    health: &'a Health,
    host: String,
    tls: Option<&'a OriginTlsConfig>,
    http2: bool,
}

impl Probe<'_> {
    async fn run(&self, socket: Socket) -> Result<(), ProbeError> {
        let status = match self.tls {
            Some(tls) => {
                let stream = self.handshake(tls, socket).await?;
                let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.ask(stream, h2).await?
            }
            None => self.ask(socket, self.http2).await?,
        };
        if self.health.statuses.contains(&status) {
            Ok(())
        } else {
            Err(ProbeError::Status(status))
        }
    }

    async fn handshake(
        &self,
        tls: &OriginTlsConfig,
        socket: Socket,
    ) -> Result<TlsStream<Socket>, ProbeError> {
        let name = server_name(tls.sni.as_deref().unwrap_or(&self.host))?;
        Ok(TlsConnector::from(tls.client.clone())
            .connect(name, socket)
            .await?)
    }

    async fn ask<S>(&self, stream: S, h2: bool) -> Result<u16, ProbeError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if h2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            let uri = format!("{scheme}://{}{}", self.host, self.health.path);
            let request = Request::get(uri)
                .header(header::USER_AGENT, "popgate")
                .body(Empty::<Bytes>::new())?;
            drive(connection, sender.send_request(request)).await
        } else {
            let (mut sender, connection) = http1::handshake(io).await?;
            let request = Request::get(&self.health.path)
                .header(header::HOST, &self.host)
                .header(header::USER_AGENT, "popgate")
                .header(header::CONNECTION, "close")
                .body(Empty::<Bytes>::new())?;
            drive(connection, sender.send_request(request)).await
        }
    }
}

/// Drives the connection until the answer's header is there; both end with this call.
async fn drive(
    connection: impl Future<Output = hyper::Result<()>>,
    answer: impl Future<Output = hyper::Result<http::Response<Incoming>>>,
) -> Result<u16, ProbeError> {
    tokio::pin!(connection, answer);
    let response = tokio::select! {
        biased;
        response = &mut answer => response?,
        ended = &mut connection => {
            ended?;
            answer.await?
        }
    };
    Ok(response.status().as_u16())
}

/// The Host a check sends.
fn host(settings: &Settings, health: &Health, server: &Server) -> String {
    let configured = health.host.clone().or_else(|| settings.host.clone());
    configured.unwrap_or_else(|| match &server.target.address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(_) => "localhost".to_owned(),
    })
}

/// A check's place: it counts as a request and as a connection, so that nobody is promised either.
struct Place {
    lease: Lease,
    guard: ConnectionGuard,
    /// A warm connection to use, when no new one may be opened.
    warm: Option<Socket>,
}

impl Connector {
    /// A place for a check, if one is free at this instant.
    fn try_check(&self) -> Option<Place> {
        let id = self.server.id;
        let mut state = self.origin.locked();
        if !state.has_place_at(id) {
            return None;
        }
        let spare = state.may_open_spare(id);
        let slot = state.slot_mut(id)?;
        let warm = if spare { None } else { Some(slot.take_warm()?) };
        slot.open += 1;
        slot.in_flight += 1;
        self.origin.unlock(state);
        Some(Place {
            lease: Lease::new(self.origin.clone(), self.server.clone(), false),
            guard: ConnectionGuard::counted(self.clone()),
            warm,
        })
    }
}

impl Origin {
    /// Checks every server once. One whose share of connections is taken is skipped: requests tell
    /// enough about it.
    pub(in crate::origin) async fn check_all(self: &Arc<Self>) {
        let settings = self.settings();
        let Some(health) = &settings.health else { return };
        let tls = self.tls();
        let servers: Vec<_> = self
            .locked()
            .slots
            .iter()
            .map(|slot| slot.server.clone())
            .collect();
        let checks = servers.into_iter().map(|server| {
            let probe = Probe {
                health,
                host: host(&settings, health, &server),
                tls: tls.as_ref().as_ref(),
                http2: settings.http2,
            };
            let connector = Connector {
                origin: self.clone(),
                server,
            };
            async move {
                let Some(place) = connector.try_check() else {
                    return;
                };
                let asked = async {
                    let socket = match place.warm {
                        Some(socket) => socket,
                        None => connect(&connector.server.target.address, health.timeout).await?,
                    };
                    probe.run(socket).await
                };
                let result = limited(health.timeout, asked).await;
                drop((place.guard, place.lease));
                let error = result.as_ref().err().map(ToString::to_string);
                self.checked(
                    connector.server.id,
                    result.is_ok(),
                    error.as_deref().unwrap_or_default(),
                );
            }
        });
        futures::future::join_all(checks).await;
    }
}

async fn limited(
    timeout: Duration,
    check: impl Future<Output = Result<(), ProbeError>>,
) -> Result<(), ProbeError> {
    match tokio::time::timeout(timeout, check).await {
        Ok(result) => result,
        Err(_) => Err(ProbeError::Timeout(timeout)),
    }
}

#[cfg(test)]
mod tests;
