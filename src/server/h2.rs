//! HTTP/2 towards clients: the lane, and behind it the engine's server, under the options of one configuration.
//! A connection keeps those it began with.

use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::H2Options;
use pingora_core::server::ShutdownWatch;
use pingora_proxy::HttpProxy;

use super::lane::Lane;
use crate::app::App;
use crate::proxy::Gateway;

/// Flow control windows, in bytes: one stream, one connection.
const WINDOWS: (u32, u32) = (1 << 20, 2 << 20);
/// What a list of headers may be longer than `limits.header_bytes`: HTTP/2 counts 32 bytes more for each field.
const HEADER_SLACK: u32 = 8 * 1024;

/// The engine's server for HTTP/2 connections.
pub struct H2Server {
    proxy: Arc<HttpProxy<Gateway>>,
    lane: Lane,
    options: HttpServerOptions,
    header_bytes: u32,
    streams: u32,
}

impl H2Server {
    /// For connections that begin under the configuration in force now.
    #[must_use]
    pub fn new(gateway: &Gateway, app: &App) -> Arc<Self> {
        let config = Arc::clone(&app.live().config);
        let proxy = gateway.server();
        let mut options = proxy.server_options.clone().unwrap_or_default();
        options.h2_idle_timeout = Some(config.timeouts.keepalive);
        let header_bytes = u32::try_from(config.limits.header_bytes).unwrap_or(u32::MAX);
        Arc::new(Self {
            proxy,
            lane: Lane::new(gateway.clone()),
            options,
            header_bytes: header_bytes.saturating_add(HEADER_SLACK),
            streams: config.limits.h2_streams,
        })
    }
}

#[async_trait]
impl HttpServerApp for H2Server {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if let ServerSession::H2(stream) = &mut session
            && self.lane.answer_h2(stream).await
        {
            return None;
        }
        self.proxy.process_new_http(session, shutdown).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = H2Options::default();
        options
            .max_header_list_size(self.header_bytes)
            .max_concurrent_streams(self.streams)
            .initial_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1);
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}
