//! `Cache-Control` of requests and responses: any bytes, no panic, and no lifetime beyond the cap.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popgate::cache::policy::cache_control::{DELTA_MAX, RequestCacheControl, ResponseDirectives};

fuzz_target!(|data: &[u8]| {
    let found = ResponseDirectives::parse(data);
    for delta in [found.max_age, found.s_maxage, found.stale_while_revalidate, found.stale_if_error] {
        assert!(delta.is_none_or(|delta| delta.as_secs() <= DELTA_MAX));
    }
    let _ = RequestCacheControl::parse(data);
});
