//! The login, answered at the PoP.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand::distr::Alphanumeric;

use super::{End, Session};
use crate::listener::{Door, Front as _};
use crate::net::BoxIo;
use crate::observe::{Event, Login};
use crate::postgres::front::{Postgres, Ticket};
use crate::postgres::message::{self, Fault};
use crate::postgres::origin::{Settings, Want};
use crate::postgres::scram::MECHANISM;
use crate::postgres::startup::{self, First, Startup};
use crate::postgres::wire::Wire;

/// Longest message during the exchange in bytes.
const EXCHANGE_MAX: usize = 4096;
/// Requests for encryption before the session starts.
const REQUESTS_MAX: usize = 4;
/// Longest wait for a client to take its last message.
const PARTING: Duration = Duration::from_secs(5);

/// Logs a client in; `None` when it is not to be served, and has been told.
pub(super) async fn login(front: &Arc<Postgres>, io: BoxIo, door: &Door) -> Option<Session> {
    let limit = front.settings().limits.login;
    let mut wire = Some(Wire::new(io));
    let entered = tokio::time::timeout(limit, enter(front, &mut wire, door)).await;
    let (login, fault) = match entered {
        Ok(Ok(Some((ticket, startup)))) => {
            front.observe(Event::Login(Login::Ok));
            return Some(session(front, wire?, door, ticket, startup));
        }
        Ok(Ok(None)) => return None,
        Ok(Err((login, fault))) => (login, fault),
        Err(_) => (
            Login::Late,
            Some(Fault::fatal("57014", "canceling authentication due to timeout")),
        ),
    };
    front.observe(Event::Login(login));
    if let (Some(fault), Some(mut wire)) = (fault, wire) {
        fault.put(&mut wire.output);
        let _ = tokio::time::timeout(PARTING, wire.flush()).await;
    }
    None
}

type Refused = (Login, Option<Fault>);

fn failed<E>(_: E) -> Refused {
    (Login::Failed, None)
}

fn refused(login: Login, code: &'static str, message: &str) -> Refused {
    (login, Some(Fault::fatal(code, message)))
}

async fn enter(
    front: &Arc<Postgres>,
    wire: &mut Option<Wire>,
    door: &Door,
) -> Result<Option<(Ticket, Startup)>, Refused> {
    let Some(startup) = greet(front, wire, door).await? else {
        return Ok(None);
    };
    let wire = wire.as_mut().ok_or_else(|| failed(()))?;
    if door.peer.is_some_and(|peer| !door.throttle.admits(peer)) {
        return Err(refused(
            Login::Throttled,
            "28000",
            "too many failed logins from this address; try again later",
        ));
    }
    let ticket = front.enter();
    let ticket = ticket.ok_or_else(|| refused(Login::Full, "53300", "sorry, too many clients already"))?;
    if let Some(unknown) = &startup.negotiate {
        message::negotiate(&mut wire.output, unknown);
    }
    let proved = prove(front, wire, &startup.user).await;
    if let Some(peer) = door.peer {
        match &proved {
            Ok(()) => door.throttle.succeeded(peer),
            Err((Login::Denied, _)) => door.throttle.failed(peer),
            Err(_) => {}
        }
    }
    proved.map(|()| Some((ticket, startup)))
}

/// Up to the startup message; `None` when it was a cancel request.
async fn greet(
    front: &Arc<Postgres>,
    slot: &mut Option<Wire>,
    door: &Door,
) -> Result<Option<Startup>, Refused> {
    let mut secure = false;
    for _ in 0..REQUESTS_MAX {
        let mut wire = slot.take().ok_or_else(|| failed(()))?;
        let read = first(&mut wire).await;
        let wire = slot.insert(wire);
        match read? {
            First::Gssenc => {
                wire.output.extend_from_slice(b"N");
                wire.flush().await.map_err(failed)?;
            }
            First::Ssl => {
                if secure || !wire.input.is_empty() {
                    return Err(refused(
                        Login::Failed,
                        "08P01",
                        "received unencrypted data after SSL request",
                    ));
                }
                let Some(acceptor) = &door.tls else {
                    wire.output.extend_from_slice(b"N");
                    wire.flush().await.map_err(failed)?;
                    continue;
                };
                wire.output.extend_from_slice(b"S");
                wire.flush().await.map_err(failed)?;
                let plain = slot.take().ok_or_else(|| failed(()))?.into_io();
                *slot = Some(Wire::new(Box::new(acceptor.accept(plain).await.map_err(failed)?)));
                secure = true;
            }
            First::Cancel { pid, secret } => {
                if let Ok(secret) = <[u8; 4]>::try_from(secret) {
                    front.cancel((pid, i32::from_be_bytes(secret))).await;
                }
                return Ok(None);
            }
            First::Startup(_) if door.require_tls && !secure => {
                return Err(refused(
                    Login::Failed,
                    "28000",
                    "TLS is required here; connect with sslmode=require",
                ));
            }
            First::Startup(startup) => return Ok(Some(startup)),
        }
    }
    Err(failed(()))
}

async fn first(wire: &mut Wire) -> Result<First, Refused> {
    loop {
        match startup::first(&mut wire.input) {
            Ok(Some(first)) => return Ok(first),
            Ok(None) => wire.fill().await.map_err(failed)?,
            Err(error) => return Err(refused(Login::Failed, error.code(), &error.to_string())),
        }
    }
}

async fn prove(front: &Arc<Postgres>, wire: &mut Wire, user: &str) -> Result<(), Refused> {
    let denied = || {
        let message = format!("password authentication failed for user \"{user}\"");
        refused(Login::Denied, "28P01", &message)
    };
    let malformed = || refused(Login::Failed, "08P01", "malformed SCRAM message");
    let verifier = front.verifier(user);
    message::authentication(&mut wire.output, 10, format!("{MECHANISM}\0\0").as_bytes());
    let answer = wire.next(EXCHANGE_MAX).await.map_err(failed)?;
    let mut reader = crate::postgres::frame::Reader::new(answer.body());
    if answer.tag != b'p' || reader.text() != Some(MECHANISM.as_bytes()) || reader.int().is_none() {
        return Err(malformed());
    }
    let nonce: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(24)
        .map(char::from)
        .collect();
    let exchange = verifier
        .challenge(reader.rest(), &nonce)
        .map_err(|_| malformed())?;
    message::authentication(&mut wire.output, 11, exchange.reply.as_bytes());
    let answer = wire.next(EXCHANGE_MAX).await.map_err(failed)?;
    if answer.tag != b'p' {
        return Err(malformed());
    }
    let last = exchange.finish(answer.body()).map_err(|error| match error {
        crate::postgres::scram::ScramError::Denied => denied(),
        _ => malformed(),
    })?;
    message::authentication(&mut wire.output, 12, last.as_bytes());
    message::authentication(&mut wire.output, 0, b"");
    Ok(())
}

fn session(front: &Arc<Postgres>, client: Wire, door: &Door, ticket: Ticket, startup: Startup) -> Session {
    let want = Want {
        user: startup.user,
        database: startup.database,
    };
    front.pool.backend().seen(&want);
    let settings = Settings::new(startup.settings);
    Session {
        front: Arc::clone(front),
        config: front.settings(),
        closing: door.closing.clone(),
        client,
        want,
        ticket,
        startup: Arc::clone(&settings),
        settings,
        told: Default::default(),
        statements: HashMap::new(),
        portals: HashMap::new(),
        link: None,
        queue: Default::default(),
        pins: Vec::new(),
        pending: Vec::new(),
        status: b'I',
        batch: false,
        skipping: false,
        local_skip: false,
        failed: false,
        copy_in: false,
        passing: 0,
        sending: 0,
        welcomed: false,
    }
}

impl Session {
    /// Tells the client what servers report, from memory where such a session has been seen.
    pub(super) async fn welcome(&mut self) -> Result<(), End> {
        match self.front.greeting(&self.want, &self.settings) {
            Some(told) => self.told = (*told).clone(),
            None => {
                self.link().await.map_err(|fault| {
                    End::Told(Fault {
                        severity: message::Severity::Fatal,
                        ..fault
                    })
                })?;
                self.settle().await?;
                if let Some(lease) = &self.link {
                    self.told.clone_from(&lease.parameters);
                    self.front.learn(&self.want, &self.settings, self.told.clone());
                }
                self.release().await;
            }
        }
        for (name, value) in &self.told {
            message::parameter(&mut self.client.output, name, value);
        }
        message::key_data(&mut self.client.output, self.ticket.key.0, self.ticket.key.1);
        message::ready(&mut self.client.output, b'I');
        self.welcomed = true;
        self.client.flush().await.map_err(|_| End::Left)
    }
}
