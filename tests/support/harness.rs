//! What the black-box tests share: a gateway process, scripted origins, clients and real servers.
//!
//! Nothing here sleeps to synchronise: what takes time is polled with [`eventually`] or waited for on a
//! [`Gate`]. Everything that is started is ended by its own handle when dropped.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part of the harness"
)]

pub mod certs;
pub mod conf;
pub mod gateway;
pub mod http1;
pub mod http2;
pub mod message;
pub mod metrics;
pub mod nginx;
pub mod origin;
pub mod redis;
pub mod wire;

#[path = "../../hyperdrive/tests/support/servers.rs"]
mod servers;

use std::collections::HashSet;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

pub use certs::Certs;
pub use conf::Conf;
pub use gateway::Gateway;
pub use http1::Http1;
pub use http2::Http2;
pub use message::{Req, Response};
pub use nginx::Nginx;
pub use origin::{Answer, Body, Gate, Origin, Reply};
pub use redis::Redis;
pub use serde_json::json;
pub use servers::{mariadb, postgres};
pub use wire::Wire;

/// Longest wait for anything that a test expects to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The host of the site that [`Conf::origin`] declares.
pub const SITE: &str = "site.example";

/// Polls until `check` is true, and fails with `what` after [`PATIENCE`].
pub async fn eventually<F, Fut>(what: &str, mut check: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = Instant::now() + PATIENCE;
    while !check().await {
        assert!(Instant::now() < deadline, "did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for `future`, and fails with `what` after [`PATIENCE`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("still waiting: {what}"),
    }
}

/// A TCP port that nobody listens on, handed out once per test binary.
///
/// Below the kernel's range for outgoing connections, so that no client takes it in the meantime.
pub fn free_port() -> u16 {
    static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    loop {
        let port = rand::random_range(10_000..32_000);
        if TAKEN.lock().unwrap().insert(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// `127.0.0.1:port`.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Where a program lies: on `PATH` or in the folders for system programs.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The program, or `None` after saying that the test is skipped.
///
/// With `POPGATE_TEST_REQUIRE_ALL=1` in the environment a missing program fails the test instead.
pub fn required(name: &str) -> Option<PathBuf> {
    let found = program(name);
    if found.is_none() {
        let strict = std::env::var_os("POPGATE_TEST_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!strict, "{name} is not installed");
        println!("skipped: {name} is not installed");
    }
    found
}

/// Sends a signal (`TERM`, `HUP`, `STOP` …) to one process.
pub fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .unwrap();
    assert!(status.success(), "kill -{name} {pid}: {status}");
}

/// Resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A closure for [`Origin::start`] whose answers depend on how many requests came before.
pub fn numbered(
    answer: impl Fn(usize, &origin::Seen) -> Answer + Send + Sync + 'static,
) -> impl Fn(&origin::Seen) -> Reply + Send + Sync + 'static {
    let count = std::sync::atomic::AtomicUsize::new(0);
    move |seen| answer(count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1, seen).into()
}

/// Asks until the answer is no longer a plain hit, and returns that answer.
pub async fn first_past_freshness(wire: Wire, gateway: &Gateway, request: &Req) -> Response {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let response = wire.fetch(gateway, request.clone()).await;
        if response.x_cache() != "HIT" {
            return response;
        }
        assert!(Instant::now() < deadline, "stays fresh: {response:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
