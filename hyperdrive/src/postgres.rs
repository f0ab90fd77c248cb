//! PostgreSQL: framing, authentication, session and relay.
//!
//! - [`frame`], [`message`], [`startup`], [`scram`]: the protocol, pure.
//! - [`wire`]: streams. [`origin`]: connections to servers.

pub mod frame;
pub mod message;
pub mod origin;
pub mod scram;
pub mod startup;
pub mod wire;
