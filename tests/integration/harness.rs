//! The harness holds what it promises, without any gateway.

use crate::support::*;

#[tokio::test]
async fn a_scripted_origin_answers_and_counts_over_one_connection() {
    let origin = Origin::start(|seen| Answer::ok(seen.target.clone()).header("X-One", "1").into()).await;
    let mut client = Http1::connect(loopback(origin.port())).await;
    let first = client.get("/a").await;
    assert_eq!(
        (first.status, first.text().as_str(), first.complete),
        (200, "/a", true)
    );
    assert_eq!(first.header("x-one").as_deref(), Some("1"));
    assert_eq!(
        client.fetch(&Req::new("POST", "/b").body("hello")).await.text(),
        "/b"
    );
    assert_eq!(
        (origin.count(), origin.opened(), origin.last().body),
        (2, 1, b"hello".to_vec())
    );
}

#[tokio::test]
async fn chunks_trailers_and_interim_answers_are_read() {
    let origin = Origin::fixed(
        Answer::with(200, Body::Chunked(vec![b"ab".to_vec(), b"c".to_vec()]))
            .trailer("X-Sum", "3")
            .interim(103, "Link", "</a>"),
    )
    .await;
    let response = Http1::connect(loopback(origin.port())).await.get("/").await;
    assert_eq!(
        (response.text().as_str(), response.trailer("x-sum")),
        ("abc", Some("3"))
    );
    assert_eq!(
        response.interim,
        [(103, vec![("link".to_owned(), "</a>".to_owned())])]
    );
}

#[tokio::test]
async fn a_cut_body_is_seen_as_incomplete() {
    for body in [
        Body::Cut {
            declared: 10,
            sent: b"abc".to_vec(),
        },
        Body::CutChunked(b"abc".to_vec()),
    ] {
        let origin = Origin::fixed(Answer::with(200, body)).await;
        let response = Http1::connect(loopback(origin.port())).await.get("/").await;
        assert_eq!((response.text().as_str(), response.complete), ("abc", false));
    }
}

#[tokio::test]
async fn a_reset_is_an_error_and_a_close_is_an_end() {
    let origin = Origin::start(|seen| {
        if seen.target == "/r" {
            Reply::Reset
        } else {
            Reply::Close
        }
    })
    .await;
    let mut client = Http1::connect(loopback(origin.port())).await;
    let error = client.try_fetch(&Req::get("/r")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut client = Http1::connect(loopback(origin.port())).await;
    let error = client.try_fetch(&Req::get("/c")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn an_origin_goes_down_and_comes_back_on_its_port() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let mut client = Http1::connect(loopback(origin.port())).await;
    client.get("/").await;
    origin.down().await;
    assert!(client.closed().await);
    assert!(Http1::try_connect(loopback(origin.port())).await.is_err());
    origin.up().await;
    assert_eq!(
        Http1::connect(loopback(origin.port()))
            .await
            .get("/")
            .await
            .text(),
        "x"
    );
}

#[tokio::test]
async fn http2_carries_bodies_and_trailers_both_ways() {
    let origin = Origin::http2(|seen| Answer::ok(seen.body.clone()).trailer("grpc-status", "0").into()).await;
    let client = Http2::connect(loopback(origin.port())).await;
    let response = client
        .fetch(&Req::new("POST", "/x").body(vec![b'z'; 200_000]))
        .await;
    assert_eq!(
        (response.body.len(), response.trailer("grpc-status")),
        (200_000, Some("0"))
    );
    assert_eq!(origin.last().header(":authority").as_deref(), Some(SITE));
}

#[tokio::test]
async fn tls_shows_the_certificate_that_was_issued() {
    let certs = Certs::new();
    let origin = Origin::tls(certs.acceptor("a.example", &["h2"]), true, |_| {
        Answer::ok("tls").into()
    })
    .await;
    let stream = certs.connect(origin.port(), "a.example", &["h2"]).await.unwrap();
    assert_eq!(Http2::over(stream).await.get("/").await.text(), "tls");
    assert!(certs.connect(origin.port(), "b.example", &["h2"]).await.is_err());
}

#[tokio::test]
async fn redis_is_killed_and_comes_back_on_its_port() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    assert!(redis.keys(0).await.is_empty());
    redis.kill();
    assert!(Http1::try_connect(loopback(redis.port)).await.is_err());
    redis.up().await;
}

#[tokio::test]
async fn nginx_serves_files() {
    let Some(nginx) = Nginx::start("").await else {
        return;
    };
    std::fs::write(nginx.root().join("a.txt"), "file").unwrap();
    let response = Http1::connect(loopback(nginx.port)).await.get("/a.txt").await;
    assert_eq!((response.status, response.text().as_str()), (200, "file"));
}

#[test]
fn metrics_are_read_back() {
    let text = "# HELP a b\na_total{x=\"1\",y=\"two words\"} 3\na_total{x=\"2\",y=\"\"} 4\nplain 1.5\n";
    let metrics = metrics::Metrics::parse(text);
    assert_eq!(metrics.sum("a_total", &[]), 7.0);
    assert_eq!(metrics.sum("a_total", &[("y", "two words")]), 3.0);
    assert_eq!(metrics.sum("plain", &[]), 1.5);
    assert!(metrics.has("plain") && !metrics.has("a"));
}
