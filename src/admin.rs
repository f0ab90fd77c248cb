//! The admin listener: metrics, health, purges and reloads over HTTP/1.1.
//!
//! Loopback only, unless a token file is given; then everything but the two health checks asks for the
//! token. Every change is written to the log with its outcome.

mod advise;
mod databases;
pub mod purge;
pub mod reload;
pub mod token;
mod why;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::app::App;
use crate::server::drain::Phase;

/// Largest purge request, in bytes.
const BODY_MAX: usize = 1024 * 1024;
/// Admin connections served at once.
const CONNECTIONS_MAX: usize = 64;
/// Longest wait for a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves the admin listener until the process stops (it outlives draining, so that `/readyz` can tell).
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.life.reached(Phase::Stopped) => return,
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "admin listener cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| {
                let app = Arc::clone(&app);
                async move { Ok::<_, Infallible>(answer(request, &app).await) }
            });
            // A client that breaks off has its own error already.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(slot);
        });
    }
}

async fn answer(request: Request<Incoming>, app: &App) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let health = matches!(path.as_str(), "/healthz" | "/readyz");
    if !health
        && !app
            .admin_token()
            .is_none_or(|token| token.admits(request.headers().get(header::AUTHORIZATION)))
    {
        let mut refused = text(StatusCode::UNAUTHORIZED, "the admin token is missing or wrong\n");
        refused
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refused;
    }
    match (request.method(), path.as_str()) {
        (&Method::GET | &Method::HEAD, "/healthz") => text(StatusCode::OK, "alive\n"),
        (&Method::GET | &Method::HEAD, "/readyz") => readiness(app),
        (&Method::GET | &Method::HEAD, "/metrics") => metrics(app),
        (&Method::GET | &Method::HEAD, "/") => text(StatusCode::OK, INDEX),
        (&Method::POST, "/purge") => match Limited::new(request.into_body(), BODY_MAX).collect().await {
            Ok(body) => purge::answer(app, &body.to_bytes()).await,
            Err(_) => text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "a purge request takes at most 1 MiB\n",
            ),
        },
        (&Method::GET | &Method::HEAD, "/advise") => advise::answer(app, request.uri().query()),
        (&Method::GET | &Method::HEAD, "/databases") => databases::answer(app, request.uri().query()),
        (&Method::POST, path) if path.starts_with("/databases/") => {
            databases::act(app, path.strip_prefix("/databases/").unwrap_or_default()).await
        }
        (&Method::GET | &Method::HEAD, "/why") => why::by_query(app, request.uri().query()).await,
        (&Method::POST, "/why") => {
            let query = request.uri().query().map(str::to_owned);
            match Limited::new(request.into_body(), BODY_MAX).collect().await {
                Ok(body) => why::by_body(app, query.as_deref(), &body.to_bytes()).await,
                Err(_) => text(StatusCode::PAYLOAD_TOO_LARGE, "a question takes at most 1 MiB\n"),
            }
        }
        (_, "/healthz" | "/readyz" | "/metrics" | "/advise" | "/databases" | "/") => not_allowed("GET, HEAD"),
        (&Method::GET | &Method::HEAD, path) if path.starts_with("/purge/") => {
            let id = path.strip_prefix("/purge/").unwrap_or_default();
            purge::proof(app, id, request.headers().get(header::ACCEPT)).await
        }
        (&Method::POST, "/reload") => reload::answer(app).await,
        (_, "/purge" | "/reload") => not_allowed("POST"),
        (_, "/why") => not_allowed("GET, HEAD, POST"),
        _ => text(StatusCode::NOT_FOUND, "no such page; GET / lists what there is\n"),
    }
}

const INDEX: &str = "popgate admin\n\n\
    GET  /metrics   Prometheus metrics\n\
    GET  /healthz   200 while the process lives\n\
    GET  /readyz    200 while it may take traffic, 503 at start and while draining\n\
    POST /purge     {\"urls\":[]} {\"tags\":[],\"on\":[]} {\"hosts\":[]} {\"prefixes\":[]} {\"everything\":true}, \"hard\":true\n\
    POST /reload    read the configuration again; says what came of it\n\
    GET  /purge/ID  which popgates have applied a purge; text with Accept: text/plain\n\
    POST /why       {\"url\":\"\", \"method\":\"\", \"headers\":[\"Name: value\"], \"client\":\"IP\"} ?format=text\n\
    GET  /why       ?url= &method= &header= &client= &format=text\n\
    GET  /advise    what lowers the hit ratio in the last hour; ?site= &format=text\n\
    GET  /databases what the database pools are at; ?format=text\n\
    POST /databases/NAME/pause   hand out no connection of a database; …/resume ends it\n";

fn readiness(app: &App) -> Response<Full<Bytes>> {
    match app.life.phase() {
        Phase::Running => text(StatusCode::OK, "ready\n"),
        Phase::Starting => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Phase::Announcing | Phase::Draining | Phase::Stopped => {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
    }
}

fn metrics(app: &App) -> Response<Full<Bytes>> {
    app.refresh_gauges();
    match app.metrics.render() {
        Ok(page) => {
            let mut response = Response::new(Full::new(Bytes::from(page)));
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
            );
            response
        }
        Err(error) => {
            warn!(%error, "metrics cannot be rendered");
            text(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be rendered\n")
        }
    }
}

fn not_allowed(allow: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed here\n");
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// A plain text answer.
fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    owned_text(status, body)
}

/// A plain text answer made for this request.
fn owned_text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// A JSON answer.
fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
