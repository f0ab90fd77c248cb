//! popgate in front of a real WordPress: MariaDB, PHP-FPM and nginx from the system's packages.
//!
//! One WordPress serves all tests of this binary, each test has a gateway of its own. Skips with a printed
//! reason where the packages are absent, unless `POPGATE_TEST_REQUIRE_ALL=1`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/harness.rs"]
mod support;

mod anonymous;
mod files;
mod leaks;
mod nonces;
mod outage;
mod people;
mod poison;
mod rest;
mod visitor;
mod world;
mod writes;
