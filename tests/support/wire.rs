//! The same request over either protocol.

use super::{Gateway, Http1, Http2, Req, Response};

/// How a test talks to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1 over TCP.
    H1,
    /// HTTP/2 by prior knowledge.
    H2,
}

impl Wire {
    /// One request on a connection of its own.
    pub async fn fetch(self, gateway: &Gateway, request: Req) -> Response {
        match self {
            Self::H1 => Http1::connect(gateway.address()).await.fetch(&request).await,
            Self::H2 => Http2::connect(gateway.h2c()).await.fetch(&request).await,
        }
    }

    /// One `GET` on a connection of its own.
    pub async fn get(self, gateway: &Gateway, target: &str) -> Response {
        self.fetch(gateway, Req::get(target)).await
    }
}
