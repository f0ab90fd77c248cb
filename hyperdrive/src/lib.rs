//! Warm, shared database connections at the PoP.
//!
//! Clients speak the database's own protocol to popgate; popgate keeps few warm connections to the origin
//! and shares them safely. No Pingora and no HTTP here: the gateway's crate configures, starts, reloads and
//! observes what this one offers.
//!
//! - [`sql`]: lexer and classification of statements, pure: what a statement does to the session, what it
//!   reads and writes, whether its result may be kept.
//! - [`result_cache`]: results of reads, invalidated by the writes that pass through the pool.
//! - [`pool`]: the protocol-independent pool: cap, queue, hand-off, warm minimum, lifetimes.
//! - [`mysql`]: MySQL and MariaDB. [`postgres`]: PostgreSQL.

pub mod mysql;
pub mod pool;
pub mod postgres;
pub mod result_cache;
pub mod sql;
