//! Sockets and accept loops: what comes in is handed to a [`Front`].

mod throttle;

use std::fs::Permissions;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

pub use self::throttle::Throttle;
use crate::config::{self, Address};
use crate::net::{BoxIo, TlsError, tune};
use crate::pool::Snapshot;

/// Pause after an accept that failed for lack of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections of one listener beyond the clients that may be logged in: those still logging in, and those
/// being told that there is no room.
const LOGGING_IN_MAX: usize = 1000;
/// Connections the system may hold for a listener.
const BACKLOG: i32 = 4096;

/// Rights to a Unix socket: everybody may connect.
const OPEN: u32 = 0o666;

/// Work under way.
pub type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One database that is served: a protocol's side towards clients with its pool behind it.
pub trait Front: Send + Sync + 'static {
    /// Its settings now.
    fn settings(&self) -> Arc<config::Database>;

    /// Takes other settings; clients stay. `listen` is the old one.
    ///
    /// # Errors
    /// [`TlsError`] when the TLS files of the servers cannot be used; nothing has changed then.
    fn reload(&self, settings: Arc<config::Database>) -> Result<(), TlsError>;

    /// Serves one client to its end, the login included. Idle clients end when [`Door::closing`] turns true,
    /// those in a transaction behind it.
    fn serve(self: Arc<Self>, io: BoxIo, door: Door) -> Task;

    /// What must run for as long as the database is served: the pool's [`keep`](crate::pool::Pool::keep).
    fn keep(self: Arc<Self>) -> Task;

    /// Clients that are logged in.
    fn clients(&self) -> usize;

    /// The pool now.
    fn snapshot(&self) -> Snapshot;

    /// Hands out no connection, and waits until all are back.
    fn pause(self: Arc<Self>) -> Task;

    /// Ends a pause.
    fn resume(&self);

    /// Closes the pool.
    fn close(&self);
}

/// How a client came in.
#[derive(Clone)]
pub struct Door {
    /// Its address; `None` over a Unix socket.
    pub peer: Option<IpAddr>,
    /// TLS, when it is offered.
    pub tls: Option<TlsAcceptor>,
    /// Clients without TLS are refused.
    pub require_tls: bool,
    /// Who failed to log in lately.
    pub throttle: Arc<Throttle>,
    /// True once the process is about to stop.
    pub closing: watch::Receiver<bool>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door({:?})", self.peer)
    }
}

/// A bound socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixListener),
}

impl Socket {
    /// Binds; a Unix socket that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let domain = socket2::Domain::for_address(*address);
                let socket =
                    socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
                socket.set_reuse_address(true)?;
                socket.set_nonblocking(true)?;
                socket.bind(&(*address).into())?;
                socket.listen(BACKLOG)?;
                TcpListener::from_std(socket.into()).map(Self::Tcp)
            }
            Address::Unix(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                // Who may log in is asked behind it, as with the servers' own sockets.
                std::fs::set_permissions(path, Permissions::from_mode(OPEN))?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// The port, of a TCP socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(_) => None,
        }
    }

    async fn accept(&self) -> io::Result<(BoxIo, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                tune(&stream)?;
                Ok((Box::new(stream), Some(peer.ip().to_canonical())))
            }
            Self::Unix(listener) => Ok((Box::new(listener.accept().await?.0), None)),
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if found.file_type().is_socket() && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Hands clients to `front` until the process is about to stop; each in a task of its own.
pub async fn accept(socket: Socket, front: Arc<dyn Front>, door: Door) {
    let most = |front: &Arc<dyn Front>| {
        let clients = front.settings().limits.clients_max;
        clients.saturating_add(LOGGING_IN_MAX).min(Semaphore::MAX_PERMITS)
    };
    let mut allowed = most(&front);
    let slots = Arc::new(Semaphore::new(allowed));
    let mut closing = door.closing.clone();
    loop {
        // A reload may allow more; with fewer, logins beyond them are refused.
        let now = most(&front);
        slots.add_permits(now.saturating_sub(allowed));
        allowed = allowed.max(now);
        let accepted = tokio::select! {
            accepted = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, socket.accept().await)
            } => accepted,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        match accepted {
            (Ok(slot), Ok((io, peer))) => {
                let (front, door) = (Arc::clone(&front), Door { peer, ..door.clone() });
                tokio::spawn(async move {
                    front.serve(io, door).await;
                    drop(slot);
                });
            }
            (Err(_), _) => return,
            (_, Err(error)) => {
                warn!(database = %front.settings().name, %error, "cannot accept database clients");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
