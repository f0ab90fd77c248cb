use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::config::OriginTls;
use crate::origin::testing::{build, health, settings_at};

/// Reads one request header and answers with `answer`; returns what was asked.
async fn answer_once<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &str) -> String {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8(asked).unwrap()
}

async fn listen() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    (listener, address)
}

fn checked(address: &Address) -> Settings {
    Settings {
        health: Some(health()),
        ..settings_at(std::slice::from_ref(address), 4)
    }
}

fn healthy(origin: &Arc<Origin>) -> bool {
    origin.locked().slots.iter().all(|slot| slot.health.healthy())
}

const GOOD: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[tokio::test]
async fn a_check_asks_the_path_with_the_configured_host_and_closes() {
    let (listener, address) = listen().await;
    let (origin, _) = build(Settings {
        host: Some("blog.example".into()),
        ..checked(&address)
    });
    let server = async { answer_once(listener.accept().await.unwrap().0, GOOD).await };
    let ((), asked) = tokio::join!(origin.check_all(), server);
    let asked = asked.to_ascii_lowercase();
    assert!(asked.starts_with("get /healthz http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nhost: blog.example\r\n") && asked.contains("\r\nconnection: close\r\n"));
    assert!(healthy(&origin));
    assert!(
        origin
            .locked()
            .all()
            .all(|slot| slot.open == 0 && slot.in_flight == 0)
    );
}

#[tokio::test]
async fn bad_statuses_garbage_and_refusal_count_against_a_server() {
    for answer in [
        "HTTP/1.1 503 Gone\r\ncontent-length: 0\r\n\r\n",
        "what?\r\n\r\n",
        "",
    ] {
        let (listener, address) = listen().await;
        let (origin, _) = build(checked(&address));
        let server = async { answer_once(listener.accept().await.unwrap().0, answer).await };
        tokio::join!(origin.check_all(), server);
        assert!(!healthy(&origin), "{answer:?}");
        drop(listener);
        origin.check_all().await;
        assert!(!healthy(&origin));
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_without_an_answer_ends_at_its_timeout() {
    let (_listener, address) = listen().await;
    let (origin, _) = build(checked(&address));
    origin.check_all().await;
    assert!(!healthy(&origin));
}

#[tokio::test]
async fn an_http2_origin_is_checked_over_http2() {
    let (listener, address) = listen().await;
    let (origin, _) = build(Settings {
        http2: true,
        ..checked(&address)
    });
    let server = async {
        let io = TokioIo::new(listener.accept().await.unwrap().0);
        let service = hyper::service::service_fn(|asked: Request<Incoming>| async move {
            assert_eq!(asked.uri().path(), "/healthz");
            Ok::<_, std::convert::Infallible>(http::Response::new(Empty::<Bytes>::new()))
        });
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .await
    };
    let ((), _) = tokio::join!(origin.check_all(), server);
    assert!(healthy(&origin));
}

#[tokio::test]
async fn unix_sockets_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (origin, _) = build(checked(&Address::Unix(path)));
    let server = async { answer_once(listener.accept().await.unwrap().0, GOOD).await };
    let ((), asked) = tokio::join!(origin.check_all(), server);
    assert!(asked.to_ascii_lowercase().contains("host: localhost\r\n"));
    assert!(healthy(&origin));
}

#[tokio::test]
async fn a_saturated_server_is_not_checked() {
    let (listener, address) = listen().await;
    let (origin, _) = build(checked(&address));
    let leases = futures::future::join_all((0..4).map(|_| origin.lease(0, &[], None))).await;
    drop(listener);
    origin.check_all().await;
    assert!(healthy(&origin), "a check would have been refused");
    drop(leases);
    origin.check_all().await;
    assert!(!healthy(&origin));
}

#[tokio::test]
async fn a_check_uses_the_warm_connection_when_the_cap_allows_no_other() {
    let (listener, address) = listen().await;
    let settings = Settings {
        idle_min: 1,
        connections_max: 1,
        ..checked(&address)
    };
    let (origin, _) = build(settings);
    origin.refill().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = async {
        let stream = listener.accept().await.unwrap().0;
        accepted.fetch_add(1, Ordering::Relaxed);
        answer_once(stream, GOOD).await
    };
    tokio::join!(origin.check_all(), server);
    assert!(healthy(&origin));
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
    assert_eq!(origin.locked().connections(), 0);
}

/// A TLS listener for `localhost` and its certificate as a PEM file.
async fn listen_tls(
    folder: &std::path::Path,
) -> (TcpListener, tokio_rustls::TlsAcceptor, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener, Arc::new(config).into(), ca)
}

async fn checked_over_tls(tls: impl FnOnce(std::path::PathBuf) -> OriginTls) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (listener, acceptor, ca) = listen_tls(folder.path()).await;
    let address = Address::Tcp(listener.local_addr().unwrap());
    let (origin, _) = build(Settings {
        tls: Some(tls(ca)),
        ..checked(&address)
    });
    let server = async {
        let stream = listener.accept().await.unwrap().0;
        if let Ok(stream) = acceptor.accept(stream).await {
            answer_once(stream, GOOD).await;
        }
    };
    tokio::join!(origin.check_all(), server);
    healthy(&origin)
}

#[tokio::test]
async fn tls_is_verified_against_the_configured_ca_and_name() {
    let sni = Some("localhost".to_owned());
    assert!(
        checked_over_tls(|ca| OriginTls {
            sni: sni.clone(),
            ca: Some(ca),
            verify: true
        })
        .await
    );
    let other = Some("other.example".to_owned());
    assert!(
        !checked_over_tls(|ca| OriginTls {
            sni: other.clone(),
            ca: Some(ca),
            verify: true
        })
        .await
    );
    assert!(
        !checked_over_tls(|_| OriginTls {
            sni: sni.clone(),
            ca: None,
            verify: true
        })
        .await
    );
    assert!(
        checked_over_tls(|_| OriginTls {
            sni: other,
            ca: None,
            verify: false
        })
        .await
    );
}
