//! Configuration files: broken ones are told what to mend, examples are good, generated files are
//! what the declared keys say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "config/broken.rs"]
mod broken;
#[path = "config/examples.rs"]
mod examples;
#[path = "config/files.rs"]
mod files;
#[path = "config/generated.rs"]
mod generated;
