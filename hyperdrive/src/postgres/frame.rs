//! Framing: a tag, a length, a body.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

/// Bytes of tag and length.
pub const HEADER: usize = 5;

/// A length that no peer may send.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Smaller than the length field itself.
    #[error("message length {0} is too small")]
    Short(i32),
    /// Larger than allowed.
    #[error("message of {length} bytes is larger than {max}")]
    Long {
        /// What was announced.
        length: usize,
        /// What is allowed.
        max: usize,
    },
}

/// The start of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub tag: u8,
    /// Its bytes in all, the header included.
    pub total: usize,
}

/// Reads the header of the message at the start of `input`; `None` while it is not all there.
///
/// # Errors
/// [`FrameError`] for a length below four or a message of more than `max` bytes.
pub fn header(input: &[u8], max: usize) -> Result<Option<Header>, FrameError> {
    let Some((&[tag, a, b, c, d], _)) = input.split_first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let length = i32::from_be_bytes([a, b, c, d]);
    let total = match usize::try_from(length) {
        Ok(length) if length >= 4 => length + 1,
        _ => return Err(FrameError::Short(length)),
    };
    if total > max {
        return Err(FrameError::Long { length: total, max });
    }
    Ok(Some(Header { tag, total }))
}

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub tag: u8,
    /// All of it, header included.
    pub bytes: Bytes,
}

impl Message {
    /// What follows the header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }
}

/// Takes a whole message off the start of `input`; `None` while it is not all there.
///
/// # Errors
/// As [`header`].
pub fn take(input: &mut BytesMut, max: usize) -> Result<Option<Message>, FrameError> {
    match header(input, max)? {
        Some(Header { tag, total }) if input.len() >= total => Ok(Some(Message {
            tag,
            bytes: input.split_to(total).freeze(),
        })),
        _ => Ok(None),
    }
}

/// A cursor over a body: nothing it does can panic.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the start of `body`.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Up to the next zero byte, which is passed over.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = &self.0[..end];
        self.0.advance(end + 1);
        Some(text)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// Four bytes as a number.
    pub fn int(&mut self) -> Option<i32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*bytes))
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_that_is_built_is_read_back(tag: u8, body in proptest::collection::vec(any::<u8>(), 0..300), more: Vec<u8>) {
            let mut input = BytesMut::new();
            super::super::message::put(&mut input, tag, |out| out.extend_from_slice(&body));
            input.extend_from_slice(&more);
            let read = take(&mut input, 1 << 20).unwrap().unwrap();
            prop_assert_eq!(read.tag, tag);
            prop_assert_eq!(read.body(), &body[..]);
            prop_assert_eq!(&input[..], &more[..]);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(message)) = take(&mut input, 64) {
                let mut reader = Reader::new(message.body());
                while reader.text().is_some() {}
                let _ = (reader.byte(), reader.int(), reader.bytes(9), reader.rest());
            }
        }
    }

    #[test]
    fn lengths_that_overflow_are_refused() {
        for length in [i32::MIN, -1, 0, 3] {
            let mut bytes = vec![b'Q'];
            bytes.extend_from_slice(&length.to_be_bytes());
            assert_eq!(header(&bytes, 100), Err(FrameError::Short(length)));
        }
        let mut bytes = vec![b'p'];
        bytes.extend_from_slice(&i32::MAX.to_be_bytes());
        assert!(matches!(header(&bytes, 100), Err(FrameError::Long { .. })));
    }
}
