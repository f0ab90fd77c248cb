//! A connection for an upgrade (WebSocket), whose answer is never read too soon.
//!
//! The engine notes the end of the (empty) request body beside reading the answer. When an origin agrees
//! to the upgrade before that note is taken, the engine would take it for the client's goodbye. So after
//! each write the first reads find nothing and come back at once: by then the note is taken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::origin::Socket;

/// Reads that find nothing after a write.
const TURNS: u8 = 3;

/// A socket that gives others a turn between writing and reading.
#[derive(Debug)]
pub(super) struct Patient {
    socket: Socket,
    turns: u8,
}

impl Patient {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, turns: 0 }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.turns > 0 {
            self.turns -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.turns = TURNS;
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl VirtualSocket for Patient {
    /// The options were set when the socket was opened.
    fn set_socket_option(&self, _option: VirtualSockOpt) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_there_already_is_read_after_some_turns() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut origin, _) = listener.accept().await.unwrap();
        origin.write_all(b"answer").await.unwrap();
        stream.readable().await.unwrap();
        let mut patient = Patient::new(Socket::Tcp(stream));
        patient.write_all(b"request").await.unwrap();
        let mut buf = [0; 6];
        for _ in 0..TURNS {
            assert!(futures::poll!(Box::pin(patient.read(&mut buf))).is_pending());
        }
        patient.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"answer");
    }
}
