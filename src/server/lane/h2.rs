//! The lane for a stream of HTTP/2: the same decision over the same fields, before the proxy's machinery.

use std::net::{IpAddr, Ipv4Addr};

use http::Version;
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_http::ResponseHeader;
use tokio::time::Instant;

use super::decision::Pass;
use super::{Came, Found, Lane, write};
use crate::server::head::Request;
use crate::server::stream::Gate;

impl Lane {
    /// Answers the stream if it asks for a fresh hit; false: the request is the proxy's, and nothing was sent.
    pub async fn answer_h2(&self, stream: &mut HttpSession) -> bool {
        match self.find_h2(stream) {
            Ok(found) => {
                let ended = send(self, stream, found.head, found.body.clone()).await;
                let left = if ended.is_err() { found.body.len() } else { 0 };
                found
                    .report
                    .finish(&self.gateway, left, Instant::now(), ended.err());
                true
            }
            Err(pass) => {
                self.count(pass);
                false
            }
        }
    }

    fn find_h2(&self, stream: &HttpSession) -> Result<Found<Box<ResponseHeader>>, Pass> {
        if !stream.is_body_empty() {
            return Err(Pass::Body);
        }
        let request = stream.req_header();
        let target = request.uri.path_and_query().ok_or(Pass::Target)?.as_str();
        let mut fields = Vec::with_capacity(request.headers.len() + 1);
        // The host of HTTP/2 is no field; with both it is the proxy that compares them.
        if let Some(authority) = request.uri.authority() {
            fields.push(httparse::Header {
                name: "host",
                value: authority.as_str().as_bytes(),
            });
        }
        fields.extend(request.headers.iter().map(|(name, value)| httparse::Header {
            name: name.as_str(),
            value: value.as_bytes(),
        }));
        let head = Request {
            length: 0,
            gate: Gate::Closed,
            method: request.method.as_str(),
            target,
            version: 1,
            fields: &fields,
        };
        let came = Came {
            peer: match stream.client_addr() {
                Some(SocketAddr::Inet(address)) => address.ip().to_canonical(),
                _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            },
            tls: stream.digest().is_some_and(|digest| digest.ssl_digest.is_some()),
            last: false,
            version: Version::HTTP_2,
        };
        self.find(&head, came, |asked, hit, status, _| {
            let (mut parts, ()) = http::Response::new(()).into_parts();
            parts.status = status;
            parts.version = Version::HTTP_2;
            parts.headers = write::assemble(&self.gateway, asked, hit, status)?;
            Ok(Box::new(ResponseHeader::from(parts)))
        })
    }
}

async fn send(
    lane: &Lane,
    stream: &mut HttpSession,
    head: Box<ResponseHeader>,
    body: bytes::Bytes,
) -> Result<(), &'static str> {
    stream.set_write_timeout(Some(lane.gateway.app.live_now().config.timeouts.write));
    let end = body.is_empty();
    stream
        .write_response_header(head, end)
        .map_err(|_| "WriteError")?;
    if end {
        return Ok(());
    }
    stream.write_body(body, true).await.map_err(|_| "WriteError")
}
