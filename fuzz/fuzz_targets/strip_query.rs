//! `strip_query`: any query is rewritten to one that rewriting leaves alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popgate_filters::builtin::strip_query::{Ignored, rewrite};

fuzz_target!(|query: &str| {
    let ignored = Ignored::new(["utm_*", "fbclid"]).unwrap_or_default();
    for sort in [false, true] {
        if let Some(once) = rewrite(query, &ignored, sort) {
            assert!(once.len() <= query.len());
            assert_eq!(rewrite(&once, &ignored, sort).as_deref(), Some(&*once));
        }
    }
});
