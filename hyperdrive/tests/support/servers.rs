//! Real database servers, for this crate's tests and the gateway's.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod mariadb;
pub mod postgres;
pub mod programs;
