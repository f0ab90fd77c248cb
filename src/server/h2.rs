//! HTTP/2 towards clients, under the options of one configuration: a connection keeps those it began with.

use std::sync::Arc;
use std::time::Duration;

use pingora_core::protocols::http::v2::server::H2Options;
use pingora_proxy::HttpProxy;

use super::lane::Lane;
use crate::app::App;
use crate::proxy::Gateway;

/// Flow control windows, in bytes: one stream, one connection.
const WINDOWS: (u32, u32) = (1 << 20, 2 << 20);
/// What a list of headers may be longer than `limits.header_bytes`: HTTP/2 counts 32 bytes more for each field.
const HEADER_SLACK: u32 = 8 * 1024;

/// What serves HTTP/2 connections.
pub struct H2Server {
    /// Serves what the lane does not.
    pub proxy: Arc<HttpProxy<Gateway>>,
    /// Answers fresh hits in front of it.
    pub lane: Lane,
    /// A connection without streams is closed after so long.
    pub idle: Duration,
    header_bytes: u32,
    streams: u32,
}

impl H2Server {
    /// For connections that begin under the configuration in force now.
    #[must_use]
    pub fn new(gateway: &Gateway, app: &App) -> Arc<Self> {
        let config = Arc::clone(&app.live().config);
        let header_bytes = u32::try_from(config.limits.header_bytes).unwrap_or(u32::MAX);
        Arc::new(Self {
            proxy: gateway.server(),
            lane: Lane::new(gateway.clone()),
            idle: config.timeouts.keepalive,
            header_bytes: header_bytes.saturating_add(HEADER_SLACK),
            streams: config.limits.h2_streams,
        })
    }

    /// What is agreed with a client.
    #[must_use]
    pub fn options(&self) -> H2Options {
        let mut options = H2Options::default();
        options
            .max_header_list_size(self.header_bytes)
            .max_concurrent_streams(self.streams)
            .initial_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1);
        options
    }
}
