//! Any bytes are a configuration or a list of complaints: never a panic, never silence.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use popgate::config::{self, Env};

fuzz_target!(|bytes: &[u8]| {
    match config::parse(bytes, Path::new("/nonexistent/popgate.yaml"), &Env::default()) {
        Ok(config) => {
            assert!(!config.sites.is_empty() && !config.listen.is_empty());
            config::explain(&config);
        }
        Err(errors) => assert!(!errors.is_empty()),
    }
});
