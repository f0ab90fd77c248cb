//! An HTTP/1.1 client that sends exact bytes and reads exact answers.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;

use super::message::{Fields, Req, Response, find};
use super::soon;

/// Anything that bytes go through.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One client connection.
pub struct Http1 {
    stream: BufReader<Box<dyn Stream>>,
}

impl Http1 {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    pub async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// Over any stream: TLS, or one that has sent a PROXY header.
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: BufReader::with_capacity(64 * 1024, Box::new(stream)),
        }
    }

    /// Connects and sends `prefix` (a PROXY header) first.
    pub async fn connect_with(address: SocketAddr, prefix: &[u8]) -> Self {
        let mut client = Self::connect(address).await;
        client.send(prefix).await;
        client
    }

    /// Sends these bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).await.unwrap();
    }

    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes).await?;
        self.stream.get_mut().flush().await
    }

    /// Sends a request.
    pub async fn request(&mut self, request: &Req) {
        self.send(encode(request)).await;
    }

    /// Sends a request and reads its answer.
    pub async fn fetch(&mut self, request: &Req) -> Response {
        match self.try_fetch(request).await {
            Ok(response) => response,
            Err(error) => panic!("{} {}: {error}", request.method, request.target),
        }
    }

    pub async fn try_fetch(&mut self, request: &Req) -> io::Result<Response> {
        self.try_send(&encode(request)).await?;
        soon("an answer", self.try_read(&request.method)).await
    }

    pub async fn get(&mut self, target: &str) -> Response {
        self.fetch(&Req::get(target)).await
    }

    /// Reads the answer to a request with this method.
    pub async fn read(&mut self, method: &str) -> Response {
        soon("an answer", self.try_read(method)).await.unwrap()
    }

    pub async fn try_read(&mut self, method: &str) -> io::Result<Response> {
        let mut response = self.read_head().await?;
        while (100..200).contains(&response.status) && response.status != 101 {
            let mut next = self.read_head().await?;
            next.interim = response.interim;
            next.interim.push((response.status, response.headers));
            response = next;
        }
        response.complete = true;
        if method == "HEAD" || matches!(response.status, 101 | 204 | 304) {
            return Ok(response);
        }
        let ended = self.read_body(&mut response).await;
        match ended {
            Err(error) if is_end(&error) => response.complete = false,
            other => other?,
        }
        Ok(response)
    }

    /// Reads one head: status line and fields, no body.
    pub async fn read_head(&mut self) -> io::Result<Response> {
        let status_line = self.line().await?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| {
            io::Error::new(
                ErrorKind::InvalidData,
                format!("not a status line: {status_line}"),
            )
        })?;
        Ok(Response {
            status,
            headers: self.fields().await?,
            ..Response::default()
        })
    }

    async fn read_body(&mut self, response: &mut Response) -> io::Result<()> {
        let chunked = response
            .header("transfer-encoding")
            .is_some_and(|coding| coding.ends_with("chunked"));
        let length = response
            .header("content-length")
            .map(|length| length.parse::<u64>().unwrap());
        if chunked {
            loop {
                let line = self.line().await?;
                let size =
                    u64::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16).map_err(|_| {
                        io::Error::new(ErrorKind::InvalidData, format!("not a chunk size: {line}"))
                    })?;
                if size == 0 {
                    response.trailers = self.fields().await?;
                    return Ok(());
                }
                self.exactly(size, &mut response.body).await?;
                self.line().await?;
            }
        }
        match length {
            Some(length) => self.exactly(length, &mut response.body).await,
            None => self.stream.read_to_end(&mut response.body).await.map(|_| ()),
        }
    }

    async fn exactly(&mut self, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let got = (&mut self.stream).take(length).read_to_end(into).await?;
        if (got as u64) < length {
            Err(ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        if line.pop() != Some(b'\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }

    async fn fields(&mut self) -> io::Result<Fields> {
        let mut fields = Fields::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                return Ok(fields);
            };
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads up to `max` bytes of whatever comes; empty at the end of the stream.
    pub async fn some(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; max];
        let got = soon("some bytes", self.stream.read(&mut buffer)).await?;
        buffer.truncate(got);
        Ok(buffer)
    }

    /// Everything until the gateway closes, which it does without a reset.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        soon("the end of the connection", self.stream.read_to_end(&mut rest))
            .await
            .unwrap();
        rest
    }

    /// Reads exactly `length` bytes.
    pub async fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut buffer = vec![0; length];
        soon("bytes", self.stream.read_exact(&mut buffer)).await.unwrap();
        buffer
    }

    /// Whether the peer has closed, waited for.
    pub async fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        soon("a close", self.stream.read_to_end(&mut rest)).await.is_ok() && rest.is_empty()
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// The request's bytes; `Content-Length` is added to a body that has no framing of its own.
pub fn encode(request: &Req) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\n",
        request.method, request.target, request.host
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let framed = !find(&request.headers, "content-length").is_empty()
        || !find(&request.headers, "transfer-encoding").is_empty();
    if !framed && (!request.body.is_empty() || request.method == "POST") {
        head.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body);
    bytes
}
