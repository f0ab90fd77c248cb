//! Requests that are refused, and how the others look to the origin.

use crate::support::*;

async fn plain() -> (Origin, Gateway) {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    (origin, gateway)
}

/// The status that these bytes are answered with.
async fn status_of(gateway: &Gateway, bytes: &str) -> u16 {
    let mut client = Http1::connect(gateway.address()).await;
    client.send(bytes).await;
    client.read("GET").await.status
}

#[tokio::test]
async fn rfc9112_3_2_a_missing_host_is_400() {
    let (origin, gateway) = plain().await;
    assert_eq!(status_of(&gateway, "GET / HTTP/1.1\r\n\r\n").await, 400);
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn rfc9112_3_2_a_second_host_is_400() {
    let (origin, gateway) = plain().await;
    let twice = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nHost: {SITE}\r\n\r\n");
    assert_eq!(status_of(&gateway, &twice).await, 400);
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn a_malformed_host_is_400() {
    let (origin, gateway) = plain().await;
    for host in [
        "site..example",
        "site.example/x",
        "site example",
        "user@site.example",
        "site.example:x",
        "[::1",
    ] {
        assert_eq!(
            status_of(&gateway, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await,
            400,
            "{host}"
        );
    }
    assert_eq!(origin.count(), 0);
}

on_both_wires!(
    an_unknown_host_is_421,
    a_long_target_is_414,
    a_large_announced_body_is_413,
    large_headers_are_431
);

async fn an_unknown_host_is_421(wire: Wire) {
    let (origin, gateway) = plain().await;
    assert_eq!(
        wire.fetch(&gateway, Req::get("/").host("other.example"))
            .await
            .status,
        421
    );
    assert_eq!(origin.count(), 0);
    let rejected = gateway
        .metric("popgate_rejected_total", &[("reason", "unknown_site")])
        .await;
    assert_eq!(rejected, 1.0);
}

async fn a_long_target_is_414(wire: Wire) {
    let (origin, gateway) = plain().await;
    let target = format!("/{}", "a".repeat(9000));
    assert_eq!(wire.get(&gateway, &target).await.status, 414);
    assert_eq!(origin.count(), 0);
}

async fn a_large_announced_body_is_413(wire: Wire) {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "body_max": "10KiB" }))).await;
    let upload = |size: usize| {
        Req::new("POST", "/")
            .header("content-length", &size.to_string())
            .body(vec![b'x'; size])
    };
    assert_eq!(wire.fetch(&gateway, upload(10_000)).await.status, 200);
    assert_eq!(wire.fetch(&gateway, upload(20_000)).await.status, 413);
    assert_eq!(origin.count(), 1);
}

async fn large_headers_are_431(wire: Wire) {
    let (origin, gateway) = plain().await;
    let request = Req::get("/")
        .header("x-large", &"a".repeat(20_000))
        .header("x-more", &"a".repeat(20_000));
    assert_eq!(wire.fetch(&gateway, request).await.status, 431);
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn many_headers_are_431() {
    let (origin, gateway) = plain().await;
    let request = (0..150).fold(Req::get("/"), |request, n| request.header(&format!("x-{n}"), "1"));
    assert_eq!(gateway.fetch(request).await.status, 431);
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn a_chunked_body_that_grows_too_large_is_refused() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "body_max": "10KiB" }))).await;
    let mut client = Http1::connect(gateway.address()).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        .await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..4 {
        // The refusal may come before all is sent.
        let _ = client.try_send(chunk.as_bytes()).await;
    }
    let _ = client.try_send(b"0\r\n\r\n").await;
    match client.try_read("POST").await {
        Ok(response) => assert_eq!(response.status, 413, "{response:?}"),
        Err(error) => panic!("no answer: {error}"),
    }
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn rfc9112_6_1_content_length_beside_transfer_encoding_smuggles_nothing() {
    let (origin, gateway) = plain().await;
    let mut client = Http1::connect(gateway.address()).await;
    client
        .send(format!(
            "POST /first HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: {SITE}\r\n\r\n"
        ))
        .await;
    let first = client.read("POST").await;
    if first.status == 400 {
        assert_eq!(origin.count(), 0);
    } else {
        assert_eq!(origin.count_of("/first"), 1);
        assert_eq!(origin.seen()[0].header("content-length"), None);
    }
}

#[tokio::test]
async fn garbage_is_400_or_a_close_and_the_gateway_lives() {
    let (_origin, gateway) = plain().await;
    for bytes in [
        "\0\x01\x02\x03\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        let mut client = Http1::connect(gateway.address()).await;
        client.send(bytes).await;
        if let Ok(response) = soon("an answer or a close", client.try_read("GET")).await {
            assert!((400..=505).contains(&response.status), "{bytes:?}: {response:?}");
        }
    }
    gateway.get("/").await.expect(200, "MISS");
}

#[tokio::test]
async fn no_refusal_names_the_engine() {
    let (origin, gateway) = plain().await;
    for (bytes, status) in [
        (
            format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nHost: {SITE}\r\n\r\n"),
            400,
        ),
        (format!("GET / HTTP/1.1\r\nHost: u@{SITE}\r\n\r\n"), 400),
        (
            format!("GET http://other.example/ HTTP/1.1\r\nHost: {SITE}\r\n\r\n"),
            400,
        ),
        (format!("GET http://u:p@{SITE}/ HTTP/1.1\r\n\r\n"), 400),
        (
            format!("CONNECT {SITE}:443 HTTP/1.1\r\nHost: {SITE}:443\r\n\r\n"),
            405,
        ),
        ("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n".to_owned(), 421),
    ] {
        let mut client = Http1::connect(gateway.address()).await;
        client.send(&bytes).await;
        let response = client.read("GET").await;
        assert_eq!(
            (response.status, response.header("server")),
            (status, None),
            "{bytes}"
        );
    }
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn rfc9110_15_5_6_methods_that_are_never_served_get_405_and_those_that_are() {
    let (origin, gateway) = plain().await;
    let refused = [
        gateway.fetch(Req::new("TRACE", "/")).await,
        Wire::H2.fetch(&gateway, Req::new("TRACE", "/")).await,
        gateway.fetch(Req::new("CONNECT", "/")).await,
    ];
    for response in refused {
        let allow = response.header("allow").unwrap_or_default();
        assert!(
            response.status == 405 && allow.starts_with("GET, HEAD, POST"),
            "{response:?}"
        );
    }
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn absolute_form_is_the_same_as_origin_form() {
    let (origin, gateway) = plain().await;
    gateway.get("/a?b=c").await.expect(200, "MISS");
    let response = gateway.fetch(Req::get(&format!("http://{SITE}/a?b=c"))).await;
    response.expect(200, "HIT");
    let response = gateway.fetch(Req::get(&format!("http://{SITE}/d"))).await;
    response.expect(200, "MISS");
    assert_eq!(origin.last().target, "/d");
    assert_eq!(origin.last().header("host").as_deref(), Some(SITE));
}

#[tokio::test]
async fn rfc9113_8_2_3_cookie_lines_of_http2_are_joined() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let request = Req::get("/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("cookie", "c=3");
    Wire::H2.fetch(&gateway, request).await;
    assert_eq!(origin.last().all("cookie"), ["a=1; b=2; c=3"]);
}

#[tokio::test]
async fn the_origin_sees_http1_with_the_visitor_s_host_from_either_protocol() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for wire in [Wire::H1, Wire::H2] {
        wire.get(&gateway, "/path?query=1").await;
        let seen = origin.last();
        assert_eq!(
            (seen.target.as_str(), seen.all("host")),
            ("/path?query=1", vec![SITE])
        );
        assert!(seen.header("via").unwrap().contains("popgate"), "{seen:?}");
    }
}

#[tokio::test]
async fn the_origin_s_own_host_can_be_set() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "host": "inner.example" }))).await;
    gateway.get("/").await;
    assert_eq!(origin.last().all("host"), ["inner.example"]);
    assert_eq!(origin.last().header("x-forwarded-host").as_deref(), Some(SITE));
}

#[tokio::test]
async fn paths_choose_between_sites_of_one_host() {
    let (all, shop) = (
        Origin::fixed(Answer::ok("all")).await,
        Origin::fixed(Answer::ok("shop")).await,
    );
    let conf = Conf::base().with(json!({
        "origins": { "all": { "servers": [all.to_string()] }, "shop": { "servers": [shop.to_string()] } },
        "sites": [
            { "hosts": [SITE], "origin": "all" },
            { "hosts": [SITE], "path": "/shop", "origin": "shop" },
            { "hosts": ["*.example"], "origin": "all" },
        ],
    }));
    let gateway = Gateway::start(conf).await;
    for (host, target, answer) in [
        (SITE, "/", "all"),
        (SITE, "/shop/x", "shop"),
        (SITE, "/shopping", "all"),
        ("a.b.example", "/shop/", "all"),
    ] {
        let response = gateway.fetch(Req::get(target).host(host)).await;
        assert_eq!(response.text(), answer, "{host}{target}");
    }
}

#[tokio::test]
async fn a_header_that_never_ends_is_closed_in_bounded_time() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).with(json!({ "timeouts": { "read": "1s" } }))).await;
    let mut client = Http1::connect(gateway.address()).await;
    client
        .send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX-Slow: "))
        .await;
    let rest = soon("the close", client.try_read("GET")).await;
    assert!(
        rest.as_ref().map_or(true, |response| response.status == 408),
        "{rest:?}"
    );
}
