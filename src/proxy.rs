//! Pingora's hooks.

pub mod normalise;
