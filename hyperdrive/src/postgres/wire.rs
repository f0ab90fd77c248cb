//! Two streams at once: reads and writes of a client and its connection never wait for each other.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::frame::{self, FrameError, Message};
use crate::net::BoxIo;

/// Output that has not been taken yet, beyond which nothing is read that would add to it.
const HIGH: usize = 64 * 1024;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// A stream with what has been read from it and what is to be written to it.
pub struct Wire {
    io: BoxIo,
    /// Read, and not understood yet.
    pub input: BytesMut,
    /// To be written.
    pub output: BytesMut,
    unflushed: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire(in {}, out {})", self.input.len(), self.output.len())
    }
}

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The stream.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The framing.
    #[error("{0}")]
    Frame(#[from] FrameError),
}

impl Wire {
    /// Around a stream.
    #[must_use]
    pub fn new(io: BoxIo) -> Self {
        Self {
            io,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
        }
    }

    /// The stream, to be put inside another.
    #[must_use]
    pub fn into_io(self) -> BoxIo {
        self.io
    }

    /// Looks at an idle stream, without waiting.
    pub fn peek(&mut self) -> crate::net::Peek {
        crate::net::peek(&mut self.io, &mut self.input)
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(context, &self.output))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.output.advance(written),
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(context))?;
            self.unflushed = false;
        }
        // A large buffer is not kept by an idle client.
        if self.output.capacity() > HIGH {
            self.output = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    /// Writes all.
    ///
    /// # Errors
    /// The stream's.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_write(context)).await
    }

    /// Reads once.
    ///
    /// # Errors
    /// The stream's; its end is one.
    pub async fn fill(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_read(context)).await
    }

    /// Writes all and reads a message of at most `max` bytes.
    ///
    /// # Errors
    /// [`WireError`].
    pub async fn next(&mut self, max: usize) -> Result<Message, WireError> {
        self.flush().await?;
        loop {
            if let Some(message) = frame::take(&mut self.input, max)? {
                return Ok(message);
            }
            self.fill().await?;
        }
    }
}

/// What has moved.
#[derive(Debug)]
pub enum Moved {
    /// Bytes from the client, the server, or both.
    Read {
        /// From the client.
        client: bool,
        /// From the server.
        server: bool,
    },
    /// The client has gone.
    ClientGone,
    /// The server has gone.
    ServerGone,
}

/// Writes what can be written and reads what can be read, until something has been read or somebody has gone.
pub async fn step(client: &mut Wire, mut server: Option<&mut Wire>) -> Moved {
    poll_fn(|context| {
        if matches!(client.poll_write(context), Poll::Ready(Err(_))) {
            return Poll::Ready(Moved::ClientGone);
        }
        let mut from_server = false;
        let mut backlog = 0;
        let mut gone = false;
        if let Some(server) = &mut server {
            // What the server still has to say comes before the fact that it takes no more.
            let refused = matches!(server.poll_write(context), Poll::Ready(Err(_)));
            backlog = server.output.len();
            if client.output.len() < HIGH {
                match server.poll_read(context) {
                    Poll::Ready(Ok(())) => from_server = true,
                    Poll::Ready(Err(_)) => gone = true,
                    Poll::Pending => gone = refused,
                }
            }
        }
        let mut from_client = false;
        if backlog < HIGH {
            match client.poll_read(context) {
                Poll::Ready(Ok(())) => from_client = true,
                Poll::Ready(Err(_)) if !from_server => return Poll::Ready(Moved::ClientGone),
                _ => {}
            }
        }
        match (from_client || from_server, gone) {
            (_, true) => Poll::Ready(Moved::ServerGone),
            (true, _) => Poll::Ready(Moved::Read {
                client: from_client,
                server: from_server,
            }),
            _ => Poll::Pending,
        }
    })
    .await
}
