//! Purge records from Redis: any bytes purge something.

#![no_main]

use libfuzzer_sys::fuzz_target;
use popgate::cache::purge::Record;

fuzz_target!(|data: &[u8]| {
    assert!(!Record::from_json(data).scopes.is_empty());
});
