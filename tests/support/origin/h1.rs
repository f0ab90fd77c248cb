//! The HTTP/1.1 side of the scripted origin.

use std::io;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::{Answer, Body, End, Reply, Seen, State};
use crate::support::http1::Stream;
use crate::support::message::Fields;

const KEPT: usize = 1024 * 1024;

type Reader = BufReader<Box<dyn Stream>>;

pub(super) async fn serve(state: &State, stream: Box<dyn Stream>, connection: usize) -> End {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(mut seen)) = read_head(&mut stream, connection).await {
        let active = state.active.enter();
        if seen.header("upgrade").is_none() && read_body(state, &mut stream, &mut seen).await.is_err() {
            break;
        }
        state.record(&seen);
        let reply = state.reply(&seen);
        if matches!(reply, Reply::Reset) {
            return End::Reset;
        }
        let keep = act(&mut stream, &seen, reply).await;
        drop(active);
        if !matches!(keep, Ok(true)) {
            break;
        }
    }
    let _ = stream.get_mut().shutdown().await;
    End::Closed
}

async fn act(stream: &mut Reader, seen: &Seen, reply: Reply) -> io::Result<bool> {
    match reply {
        Reply::Answer(answer) => write_answer(stream, seen, *answer).await,
        Reply::Raw(bytes) => {
            stream.get_mut().write_all(&bytes).await?;
            stream.get_mut().flush().await?;
            Ok(false)
        }
        Reply::Close | Reply::Reset => Ok(false),
        Reply::CloseAfter(gate) => {
            gate.wait().await;
            Ok(false)
        }
        Reply::Hang => {
            let mut sink = Vec::new();
            stream.read_to_end(&mut sink).await?;
            Ok(false)
        }
        Reply::Echo => echo(stream, seen).await.map(|()| false),
        Reply::EchoAfter(gate) => {
            gate.wait().await;
            echo(stream, seen).await.map(|()| false)
        }
    }
}

async fn echo(stream: &mut Reader, seen: &Seen) -> io::Result<()> {
    let upgrade = seen.header("upgrade").unwrap_or_default();
    let head =
        format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes()).await?;
    let mut buffer = [0; 16 * 1024];
    loop {
        let got = stream.read(&mut buffer).await?;
        if got == 0 {
            return Ok(());
        }
        stream.get_mut().write_all(&buffer[..got]).await?;
    }
}

async fn line(stream: &mut Reader) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let got = stream.read_until(b'\n', &mut line).await?;
    Ok((got > 0).then(|| {
        String::from_utf8_lossy(&line)
            .trim_end_matches(['\r', '\n'])
            .to_owned()
    }))
}

async fn fields(stream: &mut Reader) -> io::Result<Fields> {
    let mut fields = Fields::new();
    while let Some(line) = line(stream).await? {
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(fields)
}

async fn read_head(stream: &mut Reader, connection: usize) -> io::Result<Option<Seen>> {
    let Some(first) = line(stream).await? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let headers = fields(stream).await?;
    Ok(Some(Seen {
        method,
        target,
        headers,
        body: Vec::new(),
        connection,
    }))
}

async fn read_body(state: &State, stream: &mut Reader, seen: &mut Seen) -> io::Result<()> {
    if seen.header("expect").is_some() {
        stream
            .get_mut()
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await?;
    }
    if seen.header("transfer-encoding").is_some() {
        loop {
            let size = line(stream).await?.unwrap_or_default();
            let size = u64::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            if size == 0 {
                seen.headers.extend(fields(stream).await?);
                return Ok(());
            }
            take(state, stream, size, &mut seen.body).await?;
            line(stream).await?;
        }
    }
    let length = seen
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    take(state, stream, length, &mut seen.body).await
}

async fn take(state: &State, stream: &mut Reader, mut length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    while length > 0 {
        let most = buffer.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let got = stream.read(&mut buffer[..most]).await?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length -= got as u64;
        state.body_bytes.fetch_add(got as u64, Ordering::SeqCst);
        let kept = got.min(KEPT.saturating_sub(into.len()));
        into.extend_from_slice(&buffer[..kept]);
    }
    Ok(())
}

fn head(status: u16, headers: &Fields, framing: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(framing);
    head.push_str("\r\n");
    head.into_bytes()
}

/// Writes the response; whether the connection may go on.
async fn write_answer(stream: &mut Reader, seen: &Seen, answer: Answer) -> io::Result<bool> {
    for (status, headers) in &answer.interim {
        stream.get_mut().write_all(&head(*status, headers, "")).await?;
        stream.get_mut().flush().await?;
    }
    if let Some(gate) = &answer.before_head {
        gate.wait().await;
    }
    let framing = match &answer.body {
        Body::Sized(_) if matches!(answer.status, 204 | 304) => String::new(),
        Body::Sized(body) => format!("Content-Length: {}\r\n", body.len()),
        Body::Generated(length) => format!("Content-Length: {length}\r\n"),
        Body::Cut { declared, .. } => format!("Content-Length: {declared}\r\n"),
        Body::Chunked(_) | Body::CutChunked(_) => "Transfer-Encoding: chunked\r\n".to_owned(),
        Body::UntilClose(_) => "Connection: close\r\n".to_owned(),
    };
    stream
        .get_mut()
        .write_all(&head(answer.status, &answer.headers, &framing))
        .await?;
    stream.get_mut().flush().await?;
    let asked_to_close = seen
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    if seen.method == "HEAD" || matches!(answer.status, 204 | 304) {
        return Ok(!asked_to_close);
    }
    let open = write_body(stream, &answer).await?;
    stream.get_mut().flush().await?;
    Ok(open && !asked_to_close)
}

async fn write_body(stream: &mut Reader, answer: &Answer) -> io::Result<bool> {
    let gate = answer.within_body.as_ref();
    match &answer.body {
        Body::Sized(body) => halves(stream, body, gate).await.map(|()| true),
        Body::Cut { sent, .. } | Body::UntilClose(sent) => halves(stream, sent, gate).await.map(|()| false),
        Body::CutChunked(sent) => {
            halves(stream, &chunk(sent), gate).await?;
            Ok(false)
        }
        Body::Chunked(pieces) => {
            for (n, piece) in pieces.iter().enumerate() {
                if let Some(gate) = gate.filter(|_| n == pieces.len() / 2) {
                    stream.get_mut().flush().await?;
                    gate.wait().await;
                }
                stream.get_mut().write_all(&chunk(piece)).await?;
            }
            let trailers = head(0, &answer.trailers, "");
            let trailers = trailers
                .splitn(2, |byte| *byte == b'\n')
                .nth(1)
                .unwrap_or_default();
            stream.get_mut().write_all(&[b"0\r\n", trailers].concat()).await?;
            Ok(true)
        }
        Body::Generated(length) => {
            if let Some(gate) = gate {
                gate.wait().await;
            }
            let piece = vec![b'x'; 64 * 1024];
            let mut left = *length;
            while left > 0 {
                let now = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                stream.get_mut().write_all(&piece[..now]).await?;
                left -= now as u64;
            }
            Ok(true)
        }
    }
}

async fn halves(stream: &mut Reader, body: &[u8], gate: Option<&super::Gate>) -> io::Result<()> {
    let (first, second) = body.split_at(if gate.is_some() { body.len() / 2 } else { 0 });
    stream.get_mut().write_all(first).await?;
    stream.get_mut().flush().await?;
    if let Some(gate) = gate {
        gate.wait().await;
    }
    stream.get_mut().write_all(second).await
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
