//! Frames from Redis: any bytes are an entry or an error; what is an entry is written the same again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use popgate::cache::KeyHash;
use popgate::cache::codec::{self, Frame};

fuzz_target!(|data: &[u8]| {
    let mut frame = data.to_vec();
    // Half of the inputs get a fitting length, slot and checksum, so that the fields behind are reached.
    if data.first().is_some_and(|byte| byte % 2 == 0) {
        codec::seal(KeyHash(1), &mut frame);
    }
    let frame = Bytes::from(frame);
    if let Ok(Frame::Object(entry)) = codec::decode(KeyHash(1), &frame) {
        let again = codec::encode(&entry).expect("what was read can be written");
        codec::decode(KeyHash(1), &again).expect("what was written can be read");
    }
});
