//! Geo databases: any bytes are validated in bounded time, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = popgate::geo::mmdb::validate(data);
});
