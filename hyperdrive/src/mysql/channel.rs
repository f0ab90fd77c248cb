//! Packets over a stream, read and written through buffers.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;

use super::frame::{self, FrameError};
use crate::net::{BoxIo, fill};

/// Read at once from a server.
const ROOM: usize = 32 * 1024;
/// Read at once while nothing is expected soon.
const ROOM_IDLE: usize = 1024;

/// A stream of packets.
pub struct Channel {
    pub(super) io: BoxIo,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    /// Sequence number of the next packet in either direction.
    pub(super) seq: u8,
    max: usize,
}

/// Why a packet cannot be read or written.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// The connection broke or ended.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no packet.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// A packet does not say what it must.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({} bytes waiting)", self.input.len())
    }
}

impl Channel {
    /// Packets over `io`, none larger than `max` bytes.
    #[must_use]
    pub fn new(io: BoxIo, max: usize) -> Self {
        Self {
            io,
            input: BytesMut::new(),
            output: BytesMut::new(),
            seq: 0,
            max,
        }
    }

    /// The next packet. Safe to drop while it waits.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub async fn packet(&mut self) -> Result<Bytes, ChannelError> {
        loop {
            if let Some(packet) = frame::take(&mut self.input, self.seq, self.max)? {
                self.seq = packet.seq.wrapping_add(1);
                return Ok(packet.payload);
            }
            self.fill().await?;
        }
    }

    /// The next command, which starts a sequence of its own. Holds little memory while it waits.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub async fn command(&mut self) -> Result<Bytes, ChannelError> {
        loop {
            if let Some(packet) = frame::take(&mut self.input, 0, self.max)? {
                self.seq = packet.seq.wrapping_add(1);
                return Ok(packet.payload);
            }
            if self.input.is_empty() {
                (self.input, self.output) = (BytesMut::new(), BytesMut::new());
                fill(&mut self.io, &mut self.input, ROOM_IDLE).await?;
            } else {
                self.fill().await?;
            }
        }
    }

    /// Reads more bytes.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` at the end.
    pub async fn fill(&mut self) -> io::Result<()> {
        fill(&mut self.io, &mut self.input, ROOM).await
    }

    /// Appends a packet to what is written next.
    pub fn put(&mut self, payload: &[u8]) {
        frame::put(&mut self.output, &mut self.seq, payload);
    }

    /// Appends a command, which starts a sequence of its own.
    pub fn put_command(&mut self, command: u8, argument: &[u8]) {
        let mut payload = BytesMut::with_capacity(1 + argument.len());
        payload.extend_from_slice(&[command]);
        payload.extend_from_slice(argument);
        self.seq = 0;
        self.put(&payload);
    }

    /// Writes out what was put. Dropped while it waits, it goes on where it was.
    ///
    /// # Errors
    /// The system's.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.io.write_all_buf(&mut self.output).await?;
        }
        self.io.flush().await
    }

    /// Puts one packet and writes it out.
    ///
    /// # Errors
    /// The system's.
    pub async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        self.put(payload);
        self.flush().await
    }

    /// Packets of at most `max` bytes from here on.
    pub fn limit(&mut self, max: usize) {
        self.max = max;
    }
}
