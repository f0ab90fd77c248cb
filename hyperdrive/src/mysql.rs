//! MySQL and MariaDB: framing, authentication, session and relay.
//!
//! A client logs in here and has a [session](session); what it is (settings, database, what it may ask about
//! its last statement) is kept at the PoP. A connection to the origin ([`origin`]) is linked for a statement,
//! brought to the session's state in the same write, and goes back behind it.

pub mod auth;
pub mod channel;
pub mod consts;
pub mod database;
pub mod frame;
pub mod handshake;
mod lexer;
pub mod origin;
pub mod packet;
pub mod profile;
pub mod response;
mod session;
mod set;
mod statement;
pub mod wire;

pub use database::Database;
