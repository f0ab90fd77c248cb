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
#[path = "support/mmdb_writer.rs"]
#[allow(dead_code, reason = "shared with tests that write more kinds of value")]
mod mmdb_writer;
#[path = "config/schema.rs"]
mod schema;
