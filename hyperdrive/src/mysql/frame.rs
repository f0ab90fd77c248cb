//! Frames: three bytes of length, one of sequence, then the payload. A payload of 16 MiB - 1 goes on in the
//! next frame; one that is an exact multiple of that ends with an empty frame.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use thiserror::Error;

/// Longest payload of one frame.
pub const FRAME_MAX: usize = 0xFF_FFFF;

/// Length of a frame's header.
pub const HEADER: usize = 4;

/// A whole packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What is in it.
    pub payload: Bytes,
    /// Sequence number of its last frame.
    pub seq: u8,
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Longer than allowed.
    #[error("a packet is larger than {0} bytes")]
    TooLarge(usize),
    /// A sequence number is not the expected one.
    #[error("packets are out of order")]
    OutOfOrder,
}

/// Length and sequence number of the frame that starts here.
#[must_use]
pub fn header(input: &[u8]) -> Option<(usize, u8)> {
    let bytes: [u8; HEADER] = input.get(..HEADER)?.try_into().ok()?;
    let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    Some((length as usize, bytes[3]))
}

/// Takes a whole packet off `input`; `None` while more bytes are needed. Its first frame must have the
/// sequence number `seq`.
///
/// # Errors
/// [`FrameError`]; known as soon as a header says so, before the payload is there.
pub fn take(input: &mut BytesMut, seq: u8, max: usize) -> Result<Option<Packet>, FrameError> {
    let (mut offset, mut expected, mut total) = (0, seq, 0_usize);
    loop {
        let Some((length, number)) = header(&input[offset..]) else {
            return Ok(None);
        };
        total += length;
        if total > max {
            return Err(FrameError::TooLarge(max));
        }
        if number != expected {
            return Err(FrameError::OutOfOrder);
        }
        offset += HEADER + length;
        if input.len() < offset {
            return Ok(None);
        }
        if length < FRAME_MAX {
            break;
        }
        expected = expected.wrapping_add(1);
    }
    let mut whole = input.split_to(offset);
    if offset == total + HEADER {
        whole.advance(HEADER);
        return Ok(Some(Packet {
            payload: whole.freeze(),
            seq: expected,
        }));
    }
    let mut payload = BytesMut::with_capacity(total);
    while let Some((length, _)) = header(&whole) {
        payload.put_slice(&whole[HEADER..HEADER + length]);
        whole.advance(HEADER + length);
    }
    Ok(Some(Packet {
        payload: payload.freeze(),
        seq: expected,
    }))
}

/// Appends a packet in as many frames as it takes, and moves `seq` past them.
pub fn put(out: &mut BytesMut, seq: &mut u8, mut payload: &[u8]) {
    loop {
        let (head, tail) = payload.split_at(payload.len().min(FRAME_MAX));
        put_header(out, seq, head.len());
        out.put_slice(head);
        payload = tail;
        if head.len() < FRAME_MAX {
            return;
        }
    }
}

/// Appends a frame's header alone, and moves `seq` past it.
pub fn put_header(out: &mut BytesMut, seq: &mut u8, length: usize) {
    out.put_uint_le(length as u64, 3);
    out.put_u8(*seq);
    *seq = seq.wrapping_add(1);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_never_panic(bytes: Vec<u8>, seq: u8) {
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take(&mut input, seq, 1000) {}
        }

        #[test]
        fn packets_read_as_written(payload: Vec<u8>, seq: u8, cut in 0..300_usize) {
            let (mut out, mut next) = (BytesMut::new(), seq);
            put(&mut out, &mut next, &payload);
            let mut input = BytesMut::from(&out[..cut.min(out.len() - 1)]);
            prop_assert_eq!(take(&mut input, seq, 1 << 20), Ok(None));
            let packet = take(&mut out, seq, 1 << 20).unwrap().unwrap();
            prop_assert_eq!(&packet.payload[..], &payload[..]);
            prop_assert_eq!(packet.seq.wrapping_add(1), next);
        }
    }

    #[test]
    fn a_packet_of_many_frames_is_joined_and_ends_with_a_short_one() {
        for length in [FRAME_MAX - 1, FRAME_MAX, FRAME_MAX + 5, 2 * FRAME_MAX] {
            let payload: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0]).collect();
            let (mut out, mut seq) = (BytesMut::new(), 0);
            put(&mut out, &mut seq, &payload);
            assert_eq!(usize::from(seq), length / FRAME_MAX + 1);
            let packet = take(&mut out, 0, 1 << 26).unwrap().unwrap();
            assert_eq!(packet.payload, payload);
            assert!(out.is_empty());
        }
    }

    #[test]
    fn too_large_is_known_from_the_header_alone() {
        let mut input = BytesMut::from(&[255, 255, 255, 0][..]);
        assert_eq!(take(&mut input, 0, 1 << 20), Err(FrameError::TooLarge(1 << 20)));
        let mut input = BytesMut::from(&[1, 0, 0, 5, 0][..]);
        assert_eq!(take(&mut input, 0, 10), Err(FrameError::OutOfOrder));
    }
}
