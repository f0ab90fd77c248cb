//! Black-box tests: the real binary, real sockets, scripted and real neighbours.
//!
//! One module an area; each test is named after the rule it holds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/harness.rs"]
mod support;

mod harness;
