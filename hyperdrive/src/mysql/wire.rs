//! Values within packets: integers, length-encoded integers and strings. Bounds are checked everywhere.

use bytes::{BufMut, BytesMut};

/// Reads values off the front of a packet. Every getter is `None` at the end, and moves on only when it has
/// something.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// Two bytes, low first.
    pub fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// Four bytes, low first.
    pub fn u32(&mut self) -> Option<u32> {
        self.take(4)
            .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A length-encoded integer; `None` also for NULL (0xFB) and 0xFF.
    pub fn int(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first()?;
        let more = match first {
            0..=0xFA => 0,
            0xFC => 2,
            0xFD => 3,
            0xFE => 8,
            0xFB | 0xFF => return None,
        };
        if more == 0 {
            self.0 = rest;
            return Some(u64::from(*first));
        }
        let (value, tail) = rest.split_at_checked(more)?;
        self.0 = tail;
        let mut bytes = [0; 8];
        bytes[..more].copy_from_slice(value);
        Some(u64::from_le_bytes(bytes))
    }

    /// A length-encoded string.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let mut copy = *self;
        let length = usize::try_from(copy.int()?).ok()?;
        let value = copy.take(length)?;
        *self = copy;
        Some(value)
    }

    /// Bytes up to a NUL, which is skipped.
    pub fn to_nul(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let value = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(value)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// Appends a length-encoded integer.
pub fn put_int(out: &mut BytesMut, value: u64) {
    match value {
        0..=0xFA => out.put_u8(value.to_le_bytes()[0]),
        0xFB..=0xFFFF => {
            out.put_u8(0xFC);
            out.put_slice(&value.to_le_bytes()[..2]);
        }
        0x1_0000..=0xFF_FFFF => {
            out.put_u8(0xFD);
            out.put_slice(&value.to_le_bytes()[..3]);
        }
        _ => {
            out.put_u8(0xFE);
            out.put_slice(&value.to_le_bytes());
        }
    }
}

/// Appends a length-encoded string.
pub fn put_string(out: &mut BytesMut, value: &[u8]) {
    put_int(out, value.len() as u64);
    out.put_slice(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_read_as_written(value: u64) {
            let mut out = BytesMut::new();
            put_int(&mut out, value);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.int(), Some(value));
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn strings_read_as_written(value: Vec<u8>) {
            let mut out = BytesMut::new();
            put_string(&mut out, &value);
            prop_assert_eq!(Reader(&out).string(), Some(&value[..]));
            prop_assert_eq!(Reader(&out[..out.len() - 1]).string(), None);
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_no_string() {
        assert_eq!(
            Reader(&[0xFE, 255, 255, 255, 255, 255, 255, 255, 255, 1]).string(),
            None
        );
        assert_eq!(Reader(&[0xFB]).int(), None);
        assert_eq!(Reader(b"abc").to_nul(), None);
    }
}
