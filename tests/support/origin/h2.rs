//! The HTTP/2 side of the scripted origin.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::{Answer, Body, Reply, Seen, State};
use crate::support::http1::Stream;
use crate::support::http2::fields;
use crate::support::message::Fields;

pub(super) async fn serve(state: &State, stream: Box<dyn Stream>, connection: usize) {
    let Ok(mut server) = h2::server::handshake(stream).await else {
        return;
    };
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = server.accept() => match accepted {
                Some(Ok((request, respond))) => running.push(answer(state, request, respond, connection)),
                _ => return,
            },
            Some(_) = running.next(), if !running.is_empty() => {}
        }
    }
}

async fn answer(
    state: &State,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    connection: usize,
) -> Option<()> {
    let _active = state.active.enter();
    let (head, mut body) = request.into_parts();
    let mut headers = fields(&head.headers);
    if let Some(authority) = head.uri.authority() {
        headers.push((":authority".to_owned(), authority.to_string()));
    }
    let mut seen = Seen {
        method: head.method.to_string(),
        target: head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers,
        body: Vec::new(),
        connection,
    };
    if matches!(state.reply(&seen), Reply::Echo) {
        state.record(&seen);
        return echo(&mut respond, body).await;
    }
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        state.body_bytes.fetch_add(data.len() as u64, Ordering::SeqCst);
        seen.body.extend_from_slice(&data);
    }
    if let Ok(Some(trailers)) = body.trailers().await {
        seen.headers.extend(fields(&trailers));
    }
    state.record(&seen);
    match state.reply(&seen) {
        Reply::Answer(answer) => write_answer(&mut respond, *answer).await,
        Reply::Hang => std::future::pending().await,
        Reply::CloseAfter(gate) => {
            gate.wait().await;
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
            Some(())
        }
        Reply::Raw(_) | Reply::Close | Reply::Reset | Reply::Echo | Reply::EchoAfter(_) => {
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
            Some(())
        }
    }
}

async fn echo(respond: &mut SendResponse<Bytes>, mut body: RecvStream) -> Option<()> {
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .ok()?;
    let mut send = respond.send_response(head, false).ok()?;
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        let _ = body.flow_control().release_capacity(data.len());
        write(&mut send, data, false).await?;
    }
    let trailers = Fields::from([("grpc-status".to_owned(), "0".to_owned())]);
    send.send_trailers(map(&trailers)).ok()
}

async fn write_answer(respond: &mut SendResponse<Bytes>, answer: Answer) -> Option<()> {
    if let Some(gate) = &answer.before_head {
        gate.wait().await;
    }
    let mut head = Response::builder().status(answer.status).body(()).ok()?;
    *head.headers_mut() = map(&answer.headers);
    let (pieces, cut) = match answer.body {
        Body::Sized(body) | Body::UntilClose(body) => (vec![body], false),
        Body::Chunked(pieces) => (pieces, false),
        Body::Cut { sent, .. } | Body::CutChunked(sent) => (vec![sent], true),
        Body::Generated(length) => (vec![vec![b'x'; usize::try_from(length).ok()?]], false),
    };
    let mut send = respond.send_response(head, false).ok()?;
    for piece in pieces {
        write(&mut send, Bytes::from(piece), false).await?;
    }
    if let Some(gate) = &answer.within_body {
        gate.wait().await;
    }
    if cut {
        send.send_reset(h2::Reason::INTERNAL_ERROR);
        return Some(());
    }
    if answer.trailers.is_empty() {
        write(&mut send, Bytes::new(), true).await
    } else {
        send.send_trailers(map(&answer.trailers)).ok()
    }
}

/// Sends all of `data` as the peer's window allows.
async fn write(send: &mut SendStream<Bytes>, mut data: Bytes, end: bool) -> Option<()> {
    while !data.is_empty() {
        send.reserve_capacity(data.len());
        let room = std::future::poll_fn(|cx| send.poll_capacity(cx)).await?.ok()?;
        let now = data.split_to(room.min(data.len()));
        send.send_data(now, false).ok()?;
    }
    if end {
        send.send_data(Bytes::new(), true).ok()
    } else {
        Some(())
    }
}

fn map(fields: &Fields) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}
