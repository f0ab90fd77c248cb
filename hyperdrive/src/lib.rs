//! Warm, shared database connections at the PoP.
//!
//! Clients speak the database's own protocol to popgate; popgate keeps few warm connections to the origin
//! and shares them safely. No Pingora and no HTTP here; the gateway starts what
//! `databases:` in its configuration asks for.
//!
//! - [`config`]: what a database is told, as plain values.
//! - [`sql`]: lexer and classification of statements, pure: what a statement does to the session, what it
//!   reads and writes, whether its result may be kept.
//! - [`pool`]: the protocol-independent pool: cap, queue, hand-off, warm minimum, lifetimes.
//! - [`listener`]: sockets, accept loops, the login throttle. [`net`]: streams, plain or with TLS.
//! - [`observe`]: what is counted, told to whoever keeps the metrics.
//! - [`mysql`]: MySQL and MariaDB. [`postgres`]: PostgreSQL.

pub mod config;
pub mod listener;
pub mod mysql;
pub mod net;
pub mod observe;
pub mod pool;
pub mod postgres;
pub mod sql;
