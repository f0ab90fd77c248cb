//! PostgreSQL: framing, authentication, session and relay.
//!
//! - [`frame`], [`message`], [`startup`], [`scram`]: the protocol, pure.
//! - [`facts`]: what a text means for sharing.
//! - [`wire`]: streams. [`origin`]: connections to servers. [`Postgres`]: what a listener serves.

pub mod facts;
pub mod frame;
mod front;
pub mod message;
pub mod origin;
pub mod scram;
mod session;
pub mod startup;
pub mod wire;

pub use front::Postgres;
