//! Listeners and connections: everything between a client's socket and a parsed request.

pub mod connection;
pub mod drain;
pub mod head;
pub mod listener;
pub mod proxy_header;
pub mod stream;
pub mod systemd;
pub mod tls;
