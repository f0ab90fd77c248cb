//! HTTP dates: any bytes, no panic; what reads is written and reads the same.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use popgate::cache::policy::date;

fuzz_target!(|data: &[u8]| {
    let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    // A leap second at the end of 9999 reads, but has no written form.
    let unwritable = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    if let Some(time) = date::parse(data, now).filter(|time| *time < unwritable) {
        assert_eq!(date::parse(date::format(time).as_bytes(), now), Some(time));
    }
});
