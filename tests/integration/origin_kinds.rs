//! Origins of every kind, and what passes through besides plain answers.

use crate::support::*;

#[tokio::test]
async fn a_unix_socket_is_an_origin() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::unix(&folder.path().join("web.sock"), |_| Answer::fresh("unix").into());
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    assert_eq!(gateway.get("/").await.expect(200, "MISS").text(), "unix");
    gateway.get("/").await.expect(200, "HIT");
}

fn over_tls(origin: &Origin, ca: &Certs) -> Conf {
    Conf::origin(origin).app(json!({ "tls": { "sni": "inner.example", "ca": ca.ca() } }))
}

#[tokio::test]
async fn a_tls_origin_is_verified_against_its_ca() {
    let certs = Certs::new();
    let origin = Origin::tls(certs.acceptor("inner.example", &[]), false, |_| {
        Answer::ok("tls").into()
    })
    .await;
    let gateway = Gateway::start(over_tls(&origin, &certs)).await;
    assert_eq!(gateway.get("/").await.expect(200, "DYNAMIC").text(), "tls");
}

#[tokio::test]
async fn a_tls_origin_of_another_ca_or_name_is_502() {
    let (certs, others) = (Certs::new(), Certs::new());
    for acceptor in [
        others.acceptor("inner.example", &[]),
        certs.acceptor("other.example", &[]),
    ] {
        let origin = Origin::tls(acceptor, false, |_| Answer::ok("tls").into()).await;
        let gateway = Gateway::start(over_tls(&origin, &certs)).await;
        assert_eq!(gateway.get("/").await.status, 502);
        assert_eq!(origin.count(), 0);
    }
}

#[tokio::test]
async fn verification_can_be_switched_off() {
    let certs = Certs::new();
    let origin = Origin::tls(certs.acceptor("other.example", &[]), false, |_| {
        Answer::ok("tls").into()
    })
    .await;
    let conf = Conf::origin(&origin).app(json!({ "tls": { "sni": "inner.example", "verify": false } }));
    let gateway = Gateway::start(conf).await;
    assert_eq!(gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn an_http2_origin_is_spoken_to_by_prior_knowledge() {
    let origin = Origin::http2(|_| Answer::fresh("h2").into()).await;
    let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "http2": true }))).await;
    assert_eq!(gateway.get("/").await.expect(200, "MISS").text(), "h2");
    gateway.get("/").await.expect(200, "HIT");
    assert_eq!(origin.last().header(":authority").as_deref(), Some(SITE));
}

#[tokio::test]
async fn an_http2_origin_behind_tls_is_agreed_on_by_alpn() {
    let certs = Certs::new();
    let origin = Origin::tls(certs.acceptor("inner.example", &["h2"]), true, |_| {
        Answer::ok("h2").into()
    })
    .await;
    let gateway = Gateway::start(over_tls(&origin, &certs).app(json!({ "http2": true }))).await;
    assert_eq!(gateway.get("/").await.expect(200, "DYNAMIC").text(), "h2");
}

fn grpc(target: &str) -> Req {
    Req::new("POST", target)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

#[tokio::test]
async fn grpc_trailers_pass() {
    let origin = Origin::http2(|seen| {
        Answer::ok(seen.body.clone())
            .header("Content-Type", "application/grpc")
            .trailer("grpc-status", "5")
            .trailer("grpc-message", "not here")
            .into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "http2": true }))).await;
    let response = Wire::H2
        .fetch(&gateway, grpc("/pkg.Service/Call").body("\0\0\0\0\x03abc"))
        .await;
    assert_eq!(
        (response.status, response.text().as_str()),
        (200, "\0\0\0\0\x03abc")
    );
    assert_eq!(response.trailer("grpc-status"), Some("5"), "{response:?}");
    assert_eq!(response.trailer("grpc-message"), Some("not here"));
    assert_eq!(origin.last().header("te").as_deref(), Some("trailers"));
}

#[tokio::test]
async fn grpc_streams_both_ways_at_once() {
    let origin = Origin::http2(|_| Reply::Echo).await;
    let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "http2": true }))).await;
    let client = Http2::connect(gateway.h2c()).await;
    let (response, mut send) = client.begin(&grpc("/pkg.Service/Stream"), false).await.unwrap();
    send.send_data("one".into(), false).unwrap();
    let mut body = soon("the head while the request goes on", response)
        .await
        .unwrap()
        .into_body();
    assert_eq!(
        soon("the first message", body.data()).await.unwrap().unwrap(),
        "one"
    );
    send.send_data("two".into(), true).unwrap();
    assert_eq!(
        soon("the second message", body.data()).await.unwrap().unwrap(),
        "two"
    );
    let trailers = soon("the trailers", async {
        while body.data().await.is_some() {}
        body.trailers().await
    });
    assert_eq!(trailers.await.unwrap().unwrap()["grpc-status"], "0");
}

fn websocket() -> Req {
    Req::get("/socket")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// Upgrades and sends two messages, which come back.
async fn talk(gateway: &Gateway) -> Http1 {
    let mut client = Http1::connect(gateway.address()).await;
    client.request(&websocket()).await;
    let head = soon("the upgrade", client.read_head()).await.unwrap();
    assert_eq!(head.status, 101, "{head:?}");
    assert_eq!(head.header("upgrade").as_deref(), Some("websocket"));
    for message in ["\x01first", "\x02second with \0 bytes"] {
        client.send(message).await;
        assert_eq!(client.bytes(message.len()).await, message.as_bytes());
    }
    client
}

#[tokio::test]
async fn a_websocket_passes_both_ways() {
    let gate = Gate::new();
    let shut = gate.clone();
    let origin = Origin::start(move |_| Reply::EchoAfter(shut.clone())).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let opening = async {
        origin.reached(1).await;
        gate.open();
    };
    let (_client, ()) = tokio::join!(talk(&gateway), opening);
    let key = origin.last().header("sec-websocket-key");
    assert_eq!(key.as_deref(), Some("dGhlIHNhbXBsZSBub25jZQ=="));
}

#[tokio::test]
async fn a_websocket_whose_origin_agrees_at_once_stays_open() {
    let origin = Origin::start(|_| Reply::Echo).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for _ in 0..30 {
        talk(&gateway).await;
    }
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_answer() {
    let origin = Origin::fixed(Answer::new(400, "no socket here")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let response = gateway.fetch(websocket()).await;
    assert_eq!(
        (response.status, response.text().as_str()),
        (400, "no socket here")
    );
}

#[tokio::test]
async fn expect_100_continue_is_answered_before_the_body_is_sent() {
    let origin = Origin::start(|seen| Answer::ok(seen.body.clone()).into()).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        ))
        .await;
    let interim = soon("100 Continue", client.read_head()).await.unwrap();
    assert_eq!(interim.status, 100, "{interim:?}");
    client.send("hello").await;
    assert_eq!(client.read("POST").await.text(), "hello");
}

#[tokio::test]
async fn early_hints_reach_the_client_and_are_not_stored() {
    let origin = Origin::fixed(Answer::fresh("x").interim(103, "Link", "</style.css>; rel=preload")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let miss = gateway.get("/").await.expect(200, "MISS");
    assert_eq!(miss.interim.len(), 1, "{miss:?}");
    assert_eq!(miss.header("link"), None);
    let hit = gateway.get("/").await.expect(200, "HIT");
    assert_eq!((hit.interim.len(), hit.header("link")), (0, None));
}

#[tokio::test]
async fn an_answer_is_passed_on_while_it_comes() {
    let gate = Gate::new();
    let answer = Answer::with(200, Body::Chunked(vec![b"first".to_vec(), b"second".to_vec()]));
    let origin = Origin::fixed(answer.halting_at(&gate)).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.request(&Req::get("/")).await;
    soon("the head", client.read_head()).await.unwrap();
    assert_eq!(client.bytes(10).await, b"5\r\nfirst\r\n");
    gate.open();
    assert!(client.bytes(11).await.starts_with(b"6\r\nsecond"));
}

#[tokio::test]
async fn a_cacheable_answer_is_passed_on_while_it_comes() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh(vec![b'x'; 100_000]).halting_at(&gate)).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.request(&Req::get("/")).await;
    soon("the head", client.read_head()).await.unwrap();
    client.bytes(50_000).await;
    gate.open();
    client.bytes(50_000).await;
    gateway.get("/").await.expect(200, "HIT");
}

#[tokio::test]
async fn the_beginning_of_a_small_answer_does_not_wait_for_its_end() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::ok("0123456789").halting_at(&gate)).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.request(&Req::get("/")).await;
    soon("the head", client.read_head()).await.unwrap();
    assert_eq!(client.bytes(5).await, b"01234");
    gate.open();
    assert_eq!(client.bytes(5).await, b"56789");
}

#[tokio::test]
async fn a_request_body_is_passed_on_while_it_comes() {
    let origin = Origin::fixed(Answer::ok("done")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 200000\r\n\r\n"
        ))
        .await;
    client.send(vec![b'x'; 100_000]).await;
    eventually("half of the body is at the origin", async || {
        origin.body_bytes() == 100_000
    })
    .await;
    client.send(vec![b'x'; 100_000]).await;
    assert_eq!(client.read("POST").await.text(), "done");
    assert_eq!(origin.body_bytes(), 200_000);
}

#[tokio::test]
async fn request_chunks_and_trailing_fields_arrive_whole() {
    let origin = Origin::start(|seen| Answer::ok(seen.body.clone()).into()).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client
        .send(format!(
            "PUT / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        ))
        .await;
    assert_eq!(client.read("PUT").await.text(), "abcde");
}

#[tokio::test]
async fn a_real_nginx_is_an_origin() {
    let Some(nginx) = Nginx::start("etag on; location / { expires 1h; }").await else {
        return;
    };
    let body: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(nginx.root().join("file.bin"), &body).unwrap();
    let gateway = Gateway::start(Conf::origin(loopback(nginx.port))).await;
    assert!(gateway.get("/file.bin").await.expect(200, "MISS").body == body);
    let hit = gateway.get("/file.bin").await.expect(200, "HIT");
    assert!(hit.body == body);
    let etag = hit.header("etag").unwrap();
    assert_eq!(
        gateway
            .fetch(Req::get("/file.bin").header("If-None-Match", &etag))
            .await
            .status,
        304
    );
    let part = gateway
        .fetch(Req::get("/file.bin").header("Range", "bytes=100-199"))
        .await;
    assert!(part.status == 206 && part.body == body[100..200]);
    assert_eq!(gateway.get("/absent").await.status, 404);
}

/// The whole of what one connection gets for `request`.
async fn wire(gateway: &Gateway, request: &str) -> String {
    let mut client = Http1::connect(gateway.address()).await;
    client.send(request).await;
    String::from_utf8_lossy(&client.rest().await).into_owned()
}

#[tokio::test]
async fn rfc9112_2_3_the_version_is_the_gateways_own() {
    let old = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_vec();
    let origin = Origin::start(move |_| Reply::Raw(old.clone())).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let asked = "GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n";
    let answer = wire(&gateway, asked).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hi"),
        "{answer}"
    );
}

#[tokio::test]
async fn rfc9112_6_1_an_http_1_0_client_gets_no_chunks() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_vec();
    let until_close = b"HTTP/1.0 200 OK\r\n\r\nhi".to_vec();
    for raw in [chunked, until_close] {
        let origin = Origin::start(move |_| Reply::Raw(raw.clone())).await;
        let gateway = Gateway::start(Conf::origin(&origin)).await;
        let answer = wire(&gateway, "GET / HTTP/1.0\r\nHost: site.example\r\n\r\n").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nhi"),
            "{answer}"
        );
        assert!(!answer.to_lowercase().contains("transfer-encoding"), "{answer}");
    }
}

#[tokio::test]
async fn rfc9112_9_6_an_answer_arrives_though_requests_follow_that_are_not_served() {
    let origin = Origin::start(|_| Reply::Close).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let many = http1::encode(&Req::get("/")).repeat(2000);
    let answer = wire(&gateway, std::str::from_utf8(&many).unwrap()).await;
    assert!(
        answer.starts_with("HTTP/1.1 502 ") && answer.contains("onnection: close"),
        "{answer}"
    );
    assert!(answer.ends_with("502 Bad Gateway\n"), "{answer}");
}

#[tokio::test]
async fn rfc9112_9_6_who_sends_too_much_learns_why_it_is_refused() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin).site(json!({ "body_max": "1KiB" }));
    let gateway = Gateway::start(conf).await;
    let head = "POST / HTTP/1.1\r\nHost: site.example\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let much = "x".repeat(4_000_000);
    for (framing, body) in [
        ("Content-Length: 4000000\r\n\r\n", much),
        (
            "Transfer-Encoding: chunked\r\n\r\n",
            chunk.repeat(60) + "0\r\n\r\n",
        ),
    ] {
        let answer = wire(&gateway, &[head, framing, &body].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    gateway
        .metric_becomes("popgate_connections_lingering", &[], |now| now == 0.0)
        .await;
}
