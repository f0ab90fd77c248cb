//! The lane for a stream of HTTP/2: the same decision over the same fields, before the proxy's machinery.

use std::net::{IpAddr, Ipv4Addr};

use ::h2::SendStream;
use bytes::Bytes;
use http::Version;
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::protocols::http::v2::write_body;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_http::ResponseHeader;
use tokio::time::Instant;

use super::decision::Pass;
use super::report::Report;
use super::{Came, Found, Lane, write};
use crate::server::head::Request;
use crate::server::stream::Gate;

/// What became of a stream that was shown to the lane.
pub enum Offered {
    /// It is answered, as far as popgate is concerned.
    Answered,
    /// It is answered but for a body that must wait for the client.
    Waiting(Box<Waiting>),
    /// The request is the proxy's, and nothing was sent.
    Passed(Box<HttpSession>),
}

/// A body that does not fit into the client's window.
pub struct Waiting {
    writer: SendStream<Bytes>,
    body: Bytes,
    report: Report,
}

impl Waiting {
    /// Sends it as the client takes it.
    pub async fn send(mut self, lane: &Lane) {
        let wait = lane.gateway.app.live_now().config.timeouts.write;
        let length = self.body.len();
        let sent = write_body(&mut self.writer, self.body, true, Some(wait)).await;
        let (left, error) = match sent {
            Ok(()) => (0, None),
            Err(_) => (length, Some("WriteError")),
        };
        self.report.finish(&lane.gateway, left, Instant::now(), error);
    }
}

impl Lane {
    /// Answers the stream if it asks for a fresh hit. Never waits: what the client's window takes is handed to the connection.
    pub fn offer_h2(&self, mut stream: HttpSession) -> Offered {
        let found = match self.find_h2(&stream) {
            Ok(found) => found,
            Err(pass) => {
                self.count(pass);
                return Offered::Passed(Box::new(stream));
            }
        };
        let Found {
            head, body, report, ..
        } = found;
        let failed = |report: Report, left| {
            report.finish(&self.gateway, left, Instant::now(), Some("WriteError"));
            Offered::Answered
        };
        if stream.write_response_header(head, body.is_empty()).is_err() {
            return failed(report, body.len());
        }
        let Some(mut writer) = stream.take_response_body_writer().filter(|_| !body.is_empty()) else {
            report.finish(&self.gateway, 0, Instant::now(), None);
            return Offered::Answered;
        };
        writer.reserve_capacity(body.len());
        if writer.capacity() < body.len() {
            return Offered::Waiting(Box::new(Waiting { writer, body, report }));
        }
        let length = body.len();
        if writer.send_data(body, true).is_err() {
            return failed(report, length);
        }
        report.finish(&self.gateway, 0, Instant::now(), None);
        Offered::Answered
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
