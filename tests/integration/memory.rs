//! Memory stays within its bounds.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::*;

const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gigabyte_streams_through_without_being_held() {
    let size = 1024 * MIB;
    let origin =
        Origin::fixed(Answer::with(200, Body::Generated(size)).header("Cache-Control", "max-age=60")).await;
    let gateway = Gateway::start(Conf::origin(&origin).with(json!({ "cache": { "memory": "16MiB" } }))).await;
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    client
        .write_all(&http1::encode(&Req::get("/").header("Connection", "close")))
        .await
        .unwrap();
    let (mut received, mut highest) = (0u64, 0u64);
    let mut buffer = vec![0; 256 * 1024];
    let mut next_look = 0;
    loop {
        let got = soon("more of the body", client.read(&mut buffer)).await.unwrap();
        if got == 0 {
            break;
        }
        received += got as u64;
        if received >= next_look {
            highest = highest.max(gateway.resident_bytes());
            next_look = received + 16 * MIB;
        }
    }
    assert!(received > size, "{received} bytes of {size} and a head");
    assert!(highest < 128 * MIB, "{} MiB resident", highest / MIB);
}

/// Asks for `count` different keys on a few connections, many requests in flight on each.
async fn distinct_keys(gateway: &Gateway, count: usize) {
    const CONNECTIONS: usize = 8;
    const WINDOW: usize = 100;
    let workers = (0..CONNECTIONS).map(|worker| {
        let address = gateway.address();
        tokio::spawn(async move {
            let mut client = Http1::connect(address).await;
            let mut batch = String::new();
            for first in (0..count / CONNECTIONS).step_by(WINDOW) {
                batch.clear();
                for n in first..first + WINDOW {
                    write!(batch, "GET /{worker}/{n} HTTP/1.1\r\nHost: {SITE}\r\n\r\n").unwrap();
                }
                client.send(&batch).await;
                for _ in 0..WINDOW {
                    assert_eq!(client.read("GET").await.status, 200);
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

async fn memory_stays_bounded(count: usize) {
    let origin = Origin::start(|_| {
        Answer::ok(vec![b'x'; 1000])
            .header("Cache-Control", "max-age=3600")
            .into()
    })
    .await;
    let conf = Conf::origin(&origin).with(json!({
        "cache": { "memory": "32MiB" },
        "limits": { "keepalive_requests": 1_000_000 },
    }));
    let gateway = Gateway::start(conf).await;
    distinct_keys(&gateway, count).await;
    let metrics = gateway.metrics().await;
    let (resident, held) = (
        gateway.resident_bytes(),
        metrics.sum("popgate_cache_bytes", &[("tier", "memory")]),
    );
    assert!(resident < (32 + 64) * MIB, "{} MiB resident", resident / MIB);
    assert!(
        held <= 32.0 * 1024.0 * 1024.0 && held > 0.0,
        "{held} bytes counted"
    );
    assert!(
        metrics.sum(
            "popgate_cache_evictions_total",
            &[("tier", "memory"), ("reason", "size")]
        ) > 0.0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_bounded_over_a_hundred_thousand_keys() {
    memory_stays_bounded(100_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; scripts/test runs it by name"]
async fn memory_stays_bounded_over_a_million_keys() {
    memory_stays_bounded(1_000_000).await;
}

#[tokio::test]
async fn a_slow_reader_holds_its_origin_back_instead_of_filling_memory() {
    let origin = Origin::fixed(Answer::with(200, Body::Generated(512 * MIB))).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let before = gateway.resident_bytes();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = Http1::connect(gateway.address()).await;
        client.request(&Req::get("/")).await;
        client.bytes(1000).await;
        clients.push(client);
    }
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 64 * MIB, "{} MiB for 20 slow readers", grown / MIB);
}
