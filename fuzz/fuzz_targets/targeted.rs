//! Targeted fields: any bytes, no panic; what parses has no empty or repeated keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popgate::cache::policy::{structured, targeted};

fuzz_target!(|data: &[u8]| {
    let _ = targeted::parse(data);
    if let Some(members) = structured::dictionary(data) {
        let mut keys: Vec<_> = members.iter().map(|(key, _)| key).collect();
        assert!(keys.iter().all(|key| !key.is_empty()));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), members.len());
    }
});
