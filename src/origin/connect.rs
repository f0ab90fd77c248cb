//! Opening sockets to origins.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::Address;

/// Idle time before the kernel probes a connection, and between its probes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// An open connection to a server, before TLS.
#[derive(Debug)]
pub enum Socket {
    /// TCP, with `TCP_NODELAY` and keep-alive probes set.
    Tcp(TcpStream),
    /// Unix stream socket.
    Unix(UnixStream),
}

impl Socket {
    /// Whether an idle connection is still of use: open, and nothing has arrived that nobody asked for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        // Asked of the kernel, not of tokio's readiness, which learns of a close only at its next poll.
        let mut byte = [MaybeUninit::uninit(); 1];
        let read = match self {
            Self::Tcp(stream) => SockRef::from(stream).peek(&mut byte),
            Self::Unix(stream) => SockRef::from(stream).peek(&mut byte),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// A second handle on the socket: it shuts down the connection, but must itself be dropped for the
    /// connection to end.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub(super) fn handle(&self) -> io::Result<socket2::Socket> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream).try_clone(),
            Self::Unix(stream) => SockRef::from(stream).try_clone(),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

/// Opens a connection within `timeout`.
///
/// # Errors
/// What the kernel says, or [`io::ErrorKind::TimedOut`].
pub async fn connect(address: &Address, timeout: Duration) -> io::Result<Socket> {
    let open = async {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let keepalive = TcpKeepalive::new()
                    .with_time(KEEPALIVE)
                    .with_interval(KEEPALIVE_INTERVAL);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                Ok(Socket::Tcp(stream))
            }
            Address::Unix(path) => UnixStream::connect(path).await.map(Socket::Unix),
        }
    };
    match tokio::time::timeout(timeout, open).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Runs an expression on whichever stream is inside.
macro_rules! on_stream {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket.get_mut() {
            Socket::Tcp($stream) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, UnixListener};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_tcp_connection_is_idle_until_the_peer_closes_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        let socket = connect(&address, TIMEOUT).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        assert!(socket.is_idle());
        drop(peer);
        while socket.is_idle() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_idle_connection_with_unasked_bytes_is_of_no_use() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        let socket = connect(&address, TIMEOUT).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"surprise").await.unwrap();
        while socket.is_idle() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn tcp_connections_have_nodelay_and_keepalive() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        let Socket::Tcp(stream) = connect(&address, TIMEOUT).await.unwrap() else {
            panic!("not TCP")
        };
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }

    #[tokio::test]
    async fn unix_sockets_are_opened_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(connect(&Address::Unix(path), TIMEOUT).await.unwrap().is_idle());
    }

    #[tokio::test]
    async fn a_refused_connection_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        drop(listener);
        let error = connect(&address, TIMEOUT).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
