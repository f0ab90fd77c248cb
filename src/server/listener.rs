//! Listening sockets and their accept loops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::drain::{Lifecycle, Phase};

/// Connections the kernel may hold before they are accepted.
const BACKLOG: i32 = 4096;
/// Pause after an accept that failed for lack of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds a listening socket. Must be called within a tokio runtime.
///
/// # Errors
/// The system's: the address is in use, not ours, or needs a privilege.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until draining begins; each connection runs in a task of its own, made by `serve`. A
/// connection takes one of `slots`; when all are taken new ones wait in the kernel's backlog.
pub async fn accept_loop<F, T>(listener: TcpListener, slots: Arc<Semaphore>, life: Arc<Lifecycle>, serve: F)
where
    F: Fn(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let mut failing = false;
    let draining = life.reached(Phase::Draining);
    tokio::pin!(draining);
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = &mut draining => return,
        };
        // The semaphore is never closed.
        let Ok(slot) = slot else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut draining => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                if std::mem::take(&mut failing) {
                    info!("accepting connections again");
                }
                // Without it small answers wait for the client's acknowledgement.
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, peer, slot));
            }
            Err(error) if is_transient(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(%error, "cannot accept connections, trying again every 100 ms");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Errors of one connection, not of the listener (accept(2)).
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
