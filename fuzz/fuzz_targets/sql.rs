//! Classifying and digesting any bytes as SQL, both dialects: no panic, spans inside the text, and what may be
//! kept neither writes nor pins.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popgate_hyperdrive::sql::{Cache, Dialect, Options, Writes, classify, digest};

fuzz_target!(|data: &[u8]| {
    for dialect in [Dialect::MySql, Dialect::Postgres] {
        let options = Options::default();
        for statement in classify(dialect, data, &options).statements {
            assert!(statement.span.start <= statement.span.end && statement.span.end <= data.len());
            if statement.cache == Cache::Cacheable {
                assert!(statement.pin.is_none() && statement.writes == Writes::None);
            }
        }
        let _ = digest(dialect, data, &options, 200);
    }
});
