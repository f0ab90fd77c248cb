//! An HTTP/2 client: prior knowledge, or over a TLS stream that has agreed on `h2`.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

use super::http1::Stream;
use super::message::{Fields, Req, Response};
use super::soon;

/// One client connection; cheap to clone, streams run side by side.
#[derive(Clone)]
pub struct Http2 {
    send: SendRequest<Bytes>,
}

impl Http2 {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream).await
    }

    pub async fn over(stream: impl Stream + 'static) -> Self {
        let (send, connection) = soon("an HTTP/2 handshake", h2::client::handshake(stream))
            .await
            .unwrap();
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Self { send }
    }

    pub async fn get(&self, target: &str) -> Response {
        self.fetch(&Req::get(target)).await
    }

    /// Sends a request and reads its answer.
    pub async fn fetch(&self, request: &Req) -> Response {
        match self.try_fetch(request).await {
            Ok(response) => response,
            Err(error) => panic!("{} {}: {error}", request.method, request.target),
        }
    }

    /// As `fetch`; a reset before the head is an error, one after it an incomplete response.
    pub async fn try_fetch(&self, request: &Req) -> Result<Response, h2::Error> {
        soon("an HTTP/2 answer", async {
            let (response, mut body) = self.begin(request, request.body.is_empty()).await?;
            if !request.body.is_empty() {
                body.send_data(Bytes::from(request.body.clone()), true)?;
            }
            collect(response.await?).await
        })
        .await
    }

    /// Sends the head only: the parts to go on with.
    pub async fn begin(
        &self,
        request: &Req,
        end: bool,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
        let mut builder = Request::builder()
            .method(request.method.as_str())
            .uri(format!("http://{}{}", request.host, request.target));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let mut send = self.send.clone().ready().await?;
        send.send_request(builder.body(()).unwrap(), end)
    }
}

/// Reads a response to its end.
pub async fn collect(response: http::Response<h2::RecvStream>) -> Result<Response, h2::Error> {
    let (head, mut body) = response.into_parts();
    let mut collected = Response {
        status: head.status.as_u16(),
        headers: fields(&head.headers),
        complete: true,
        ..Response::default()
    };
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                body.flow_control().release_capacity(data.len())?;
                collected.body.extend_from_slice(&data);
            }
            Err(_) => {
                collected.complete = false;
                return Ok(collected);
            }
        }
    }
    if let Some(trailers) = body.trailers().await? {
        collected.trailers = fields(&trailers);
    }
    Ok(collected)
}

/// Header fields as text.
pub fn fields(map: &HeaderMap) -> Fields {
    map.iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
