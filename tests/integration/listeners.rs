//! TLS, HTTP/2 and the PROXY protocol.

use std::net::Ipv4Addr;

use crate::support::*;

fn files(certs: &Certs, name: &str) -> serde_json::Value {
    let (certificate, key) = certs.issue(name);
    json!({ "certificate": certificate, "key": key })
}

async fn with_tls(certs: &Certs, origin: &Origin) -> Gateway {
    let certificates = json!([
        files(certs, "first.example"),
        files(certs, "a.example"),
        files(certs, "*.b.example")
    ]);
    let conf = Conf::origin(origin)
        .site(json!({ "hosts": ["*"] }))
        .with(json!({ "listen": [
        { "address": "127.0.0.1:@PORT0@" },
        { "address": "127.0.0.1:@PORT2@", "tls": { "certificates": certificates } },
    ] }));
    Gateway::start(conf).await
}

#[tokio::test]
async fn sni_picks_the_exact_name_then_the_wildcard() {
    let (certs, origin) = (Certs::new(), Origin::fixed(Answer::fresh("x")).await);
    let gateway = with_tls(&certs, &origin).await;
    for name in ["first.example", "a.example", "x.b.example"] {
        let stream = certs
            .connect(gateway.listener(2).port(), name, &["http/1.1"])
            .await
            .unwrap();
        let response = Http1::over(stream).fetch(&Req::get("/").host(name)).await;
        assert_eq!(response.status, 200, "{name}: {response:?}");
    }
    assert!(
        certs
            .connect(gateway.listener(2).port(), "other.example", &[])
            .await
            .is_err(),
        "the first is shown"
    );
}

#[tokio::test]
async fn alpn_chooses_http2() {
    let (certs, origin) = (Certs::new(), Origin::fixed(Answer::fresh("x")).await);
    let gateway = with_tls(&certs, &origin).await;
    let stream = certs
        .connect(gateway.listener(2).port(), "a.example", &["h2", "http/1.1"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let client = Http2::over(stream).await;
    client
        .fetch(&Req::get("/").host("a.example"))
        .await
        .expect(200, "MISS");
    client
        .fetch(&Req::get("/").host("a.example"))
        .await
        .expect(200, "HIT");
}

#[tokio::test]
async fn without_alpn_it_is_http1_and_the_scheme_is_https() {
    let (certs, origin) = (Certs::new(), Origin::fixed(Answer::ok("x")).await);
    let gateway = with_tls(&certs, &origin).await;
    let stream = certs
        .connect(gateway.listener(2).port(), "a.example", &[])
        .await
        .unwrap();
    Http1::over(stream)
        .fetch(&Req::get("/").host("a.example"))
        .await
        .expect(200, "DYNAMIC");
    let seen = origin.last();
    assert_eq!(seen.header("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(
        seen.header("cf-visitor").as_deref(),
        Some("{\"scheme\":\"https\"}")
    );
}

#[tokio::test]
async fn http_and_https_do_not_share_entries() {
    let (certs, origin) = (Certs::new(), Origin::fixed(Answer::fresh("x")).await);
    let gateway = with_tls(&certs, &origin).await;
    gateway
        .fetch(Req::get("/").host("a.example"))
        .await
        .expect(200, "MISS");
    let stream = certs
        .connect(gateway.listener(2).port(), "a.example", &[])
        .await
        .unwrap();
    Http1::over(stream)
        .fetch(&Req::get("/").host("a.example"))
        .await
        .expect(200, "MISS");
}

#[tokio::test]
async fn plain_bytes_on_a_tls_listener_are_closed_and_counted() {
    let (certs, origin) = (Certs::new(), Origin::fixed(Answer::fresh("x")).await);
    let gateway = with_tls(&certs, &origin).await;
    let mut client = Http1::connect(gateway.listener(2)).await;
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    let _ = client.some(100).await;
    gateway
        .metric_becomes("popgate_connections_total", &[("result", "tls_failed")], |now| {
            now >= 1.0
        })
        .await;
}

async fn behind_proxy(trusted: &str) -> (Origin, Gateway) {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin).with(json!({
        "trusted_proxies": [trusted],
        "geo": { "networks": { "203.0.113.0/24": { "country": "JP" } } },
        "listen": [{ "address": "127.0.0.1:@PORT0@", "proxy_protocol": true, "h2c": true }],
    }));
    let gateway = Gateway::start(conf).await;
    (origin, gateway)
}

fn v2_header(source: Ipv4Addr) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(source.octets());
    header.extend(Ipv4Addr::LOCALHOST.octets());
    header.extend(40_000u16.to_be_bytes());
    header.extend(80u16.to_be_bytes());
    header
}

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n";

#[tokio::test]
async fn proxy_v1_and_v2_name_the_visitor() {
    let (origin, gateway) = behind_proxy("127.0.0.0/8").await;
    for header in [V1.to_vec(), v2_header(Ipv4Addr::new(203, 0, 113, 7))] {
        let mut client = Http1::connect_with(gateway.address(), &header).await;
        assert_eq!(client.get("/").await.status, 200);
        let seen = origin.last();
        assert_eq!(seen.all("cf-connecting-ip"), ["203.0.113.7"]);
        assert_eq!(seen.all("cf-ipcountry"), ["JP"]);
    }
}

#[tokio::test]
async fn faked_headers_behind_the_proxy_protocol_reach_nobody() {
    let (origin, gateway) = behind_proxy("127.0.0.0/8").await;
    let mut client = Http1::connect_with(gateway.address(), V1).await;
    let request = Req::get("/")
        .header("CF-Connecting-IP", "6.6.6.6")
        .header("CF-IPCountry", "US")
        .header("X-Forwarded-For", "6.6.6.6");
    client.fetch(&request).await;
    let seen = origin.last();
    assert_eq!(seen.all("cf-connecting-ip"), ["203.0.113.7"]);
    assert_eq!(seen.all("cf-ipcountry"), ["JP"]);
    assert!(
        !seen.header("x-forwarded-for").unwrap().contains("6.6.6.6"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn the_proxy_protocol_goes_before_http2() {
    let (origin, gateway) = behind_proxy("127.0.0.0/8").await;
    let mut stream = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, V1)
        .await
        .unwrap();
    assert_eq!(Http2::over(stream).await.get("/").await.status, 200);
    assert_eq!(origin.last().all("cf-connecting-ip"), ["203.0.113.7"]);
}

#[tokio::test]
async fn a_proxy_header_from_elsewhere_is_refused() {
    let (origin, gateway) = behind_proxy("10.0.0.0/8").await;
    let mut client = Http1::connect_with(gateway.address(), V1).await;
    let _ = client.try_send(&http1::encode(&Req::get("/"))).await;
    let answer = soon("an answer or a close", client.try_read("GET")).await;
    assert!(
        answer.as_ref().map_or(true, |response| response.status == 400),
        "{answer:?}"
    );
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn a_missing_proxy_header_is_refused() {
    let (origin, gateway) = behind_proxy("127.0.0.0/8").await;
    let mut client = Http1::connect(gateway.address()).await;
    let _ = client.try_send(&http1::encode(&Req::get("/"))).await;
    let answer = soon("an answer or a close", client.try_read("GET")).await;
    assert!(
        answer.as_ref().map_or(true, |response| response.status == 400),
        "{answer:?}"
    );
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn plain_listeners_do_not_take_http2_unasked() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let answer = soon("an answer or a close", client.try_read("GET")).await;
    assert!(
        answer.as_ref().map_or(true, |response| response.status >= 400),
        "{answer:?}"
    );
    assert_eq!(origin.count(), 0);
}
