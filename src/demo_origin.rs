//! The origin behind `popgate demo`: a few pages that show caching, headers and time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections served at once.
const CONNECTIONS_MAX: usize = 256;

/// Serves the demo pages until the task is dropped.
pub async fn serve(listener: TcpListener) {
    let served = Arc::new(AtomicU64::new(0));
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let served = Arc::clone(&served);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let count = served.fetch_add(1, Ordering::Relaxed) + 1;
                async move { Ok::<_, Infallible>(page(&request, count).await) }
            });
            // The gateway may close its pooled connections at any time.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(slot);
        });
    }
}

async fn page(request: &Request<Incoming>, count: u64) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/" => html(
            count,
            "public, max-age=60",
            "A page that may be cached for 60 seconds.",
        ),
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            html(count, "public, max-age=60", "This took the origin one second.")
        }
        "/private" => html(count, "private", "A page for one visitor: never cached."),
        "/headers" => headers(request),
        _ => answer(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "max-age=10",
            "no such page\n".to_owned(),
        ),
    }
}

fn html(count: u64, cache_control: &str, text: &str) -> Response<Full<Bytes>> {
    let body = format!(
        "<!doctype html>\n<html><head><title>popgate demo</title></head>\n<body><h1>popgate demo</h1>\n<p>{text}</p>\n\
         <p>The origin has answered {count} requests so far.</p></body></html>\n"
    );
    answer(StatusCode::OK, "text/html; charset=utf-8", cache_control, body)
}

/// Shows the request's headers, one a line.
fn headers(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut body = String::new();
    for (name, value) in request.headers() {
        body.push_str(&format!(
            "{name}: {}\n",
            String::from_utf8_lossy(value.as_bytes())
        ));
    }
    answer(StatusCode::OK, "text/plain; charset=utf-8", "no-store", body)
}

fn answer(
    status: StatusCode,
    content_type: &str,
    cache_control: &str,
    body: String,
) -> Response<Full<Bytes>> {
    let built = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, cache_control)
        .body(Full::new(Bytes::from(body)));
    // All parts above are constants that are valid.
    built.unwrap_or_default()
}
