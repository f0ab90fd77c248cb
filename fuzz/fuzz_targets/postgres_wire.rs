//! PostgreSQL's protocol: any bytes from a client or a server, no panic.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use popgate_hyperdrive::postgres::{frame, message, scram, startup};

fuzz_target!(|data: &[u8]| {
    let mut input = BytesMut::from(data);
    while let Ok(Some(_)) = startup::first(&mut input) {}
    let mut input = BytesMut::from(data);
    while let Ok(Some(message)) = frame::take(&mut input, 1 << 20) {
        let _ = message::said(message.body());
        let mut reader = frame::Reader::new(message.body());
        while reader.text().is_some() {}
        let _ = (reader.int(), reader.byte(), reader.bytes(7));
    }
    let verifier = scram::Verifier::fake(&[0; 32], "user");
    let (first, last) = data.split_at(data.len() / 2);
    if let Ok(exchange) = verifier.challenge(first, "nonce") {
        assert!(exchange.finish(last).is_err());
    }
});
