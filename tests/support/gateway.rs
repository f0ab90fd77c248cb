//! A popgate process on free ports.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::metrics::Metrics;
use super::{Conf, Http1, PATIENCE, Req, Response, Wire, eventually, free_port, loopback};

/// The binary under test.
pub const POPGATE: &str = env!("CARGO_BIN_EXE_popgate");

/// A running gateway; killed when dropped.
pub struct Gateway {
    child: Child,
    folder: Arc<TempDir>,
    ports: Vec<u16>,
    admin: u16,
}

/// A gateway that ended instead of starting.
#[derive(Debug)]
pub struct Refused {
    pub code: Option<i32>,
    pub output: String,
}

impl Gateway {
    /// Starts a gateway and waits until it is ready.
    pub async fn start(conf: Conf) -> Self {
        Self::start_text(&conf.text()).await
    }

    /// As `start`, from a text with the same placeholders as in [`Conf`].
    pub async fn start_text(text: &str) -> Self {
        match Self::try_start_text(text).await {
            Ok(gateway) => gateway,
            Err(refused) => panic!("popgate did not start: {refused:#?}\n{text}"),
        }
    }

    /// As `start`, but an early end is a value. Port collisions are tried again.
    pub async fn try_start(conf: &Conf) -> Result<Self, Refused> {
        Self::try_start_text(&conf.text()).await
    }

    async fn try_start_text(text: &str) -> Result<Self, Refused> {
        let mut last = None;
        for _ in 0..4 {
            let folder = Arc::new(tempfile::tempdir().unwrap());
            let ports = (0..10).map(|_| free_port()).collect();
            match Self::launch(Some(text), folder, ports, free_port()).await {
                Err(refused) if refused.output.contains("in use") => last = Some(refused),
                other => return other,
            }
        }
        Err(last.unwrap())
    }

    async fn launch(
        text: Option<&str>,
        folder: Arc<TempDir>,
        ports: Vec<u16>,
        admin: u16,
    ) -> Result<Self, Refused> {
        let file = folder.path().join("popgate.yaml");
        if let Some(text) = text {
            std::fs::write(&file, fill_in(text, folder.path(), &ports, admin)).unwrap();
        }
        let log = |name: &str| {
            File::options()
                .create(true)
                .append(true)
                .open(folder.path().join(name))
                .unwrap()
        };
        let child = Command::new(POPGATE)
            .arg("run")
            .arg("-c")
            .arg(&file)
            .current_dir(folder.path())
            .env_remove("POPGATE_CONFIG")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(log("stdout.log"))
            .stderr(log("stderr.log"))
            .spawn()
            .unwrap();
        let mut gateway = Self {
            child,
            folder,
            ports,
            admin,
        };
        gateway.wait_ready().await.map(|()| gateway)
    }

    async fn wait_ready(&mut self) -> Result<(), Refused> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(Refused {
                    code: status.code(),
                    output: self.output(),
                });
            }
            if self.ready().await {
                return Ok(());
            }
            assert!(
                Instant::now() < deadline,
                "popgate is not ready:\n{}",
                self.output()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether `/readyz` answers 200 now.
    pub async fn ready(&self) -> bool {
        self.admin(Req::get("/readyz"))
            .await
            .is_some_and(|response| response.status == 200)
    }

    /// Whether `/readyz` answers 503 now; a machine too busy for an answer says nothing.
    pub async fn announces_a_stop(&self) -> bool {
        self.admin(Req::get("/readyz"))
            .await
            .is_some_and(|response| response.status == 503)
    }

    /// A request to the admin listener; `None` when it cannot be reached.
    pub async fn admin(&self, request: Req) -> Option<Response> {
        let mut client = Http1::try_connect(loopback(self.admin)).await.ok()?;
        client.try_fetch(&request.host("127.0.0.1")).await.ok()
    }

    /// The admin listener.
    pub fn admin_address(&self) -> SocketAddr {
        loopback(self.admin)
    }

    /// The plain listener.
    pub fn address(&self) -> SocketAddr {
        self.listener(0)
    }

    /// The listener that speaks HTTP/2 by prior knowledge.
    pub fn h2c(&self) -> SocketAddr {
        self.listener(1)
    }

    /// The listener on `@PORTn@`.
    pub fn listener(&self, n: usize) -> SocketAddr {
        loopback(self.ports[n])
    }

    /// Its temporary folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("popgate.yaml")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One `GET` over HTTP/1.1 on a connection of its own.
    pub async fn get(&self, target: &str) -> Response {
        Wire::H1.get(self, target).await
    }

    /// One request over HTTP/1.1 on a connection of its own.
    pub async fn fetch(&self, request: Req) -> Response {
        Wire::H1.fetch(self, request).await
    }

    /// All metrics now.
    pub async fn metrics(&self) -> Metrics {
        let response = self.admin(Req::get("/metrics")).await.unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        Metrics::parse(&response.text())
    }

    /// One sum of [`Metrics::sum`].
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.metrics().await.sum(name, labels)
    }

    /// Waits until a metric's sum passes the test.
    pub async fn metric_becomes(&self, name: &str, labels: &[(&str, &str)], test: impl Fn(f64) -> bool) {
        eventually(&format!("{name}{labels:?}"), async || {
            test(self.metric(name, labels).await)
        })
        .await;
    }

    /// Waits until it has read the purges in its Redis: until then what it stores counts as older.
    pub async fn in_step(&self) {
        self.metric_becomes("popgate_purge_synced", &[], |now| now == 1.0)
            .await;
    }

    /// `POST /purge`.
    pub async fn purge(&self, what: Value) -> Response {
        let request = Req::new("POST", "/purge")
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&what).unwrap());
        self.admin(request).await.unwrap()
    }

    /// As `purge`, and fails unless it was accepted.
    pub async fn purged(&self, what: Value) {
        let response = self.purge(what).await;
        assert!((200..300).contains(&response.status), "{response:?}");
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        super::signal(self.pid(), name);
    }

    /// Writes another configuration to its file, with the same ports.
    pub fn rewrite(&self, conf: &Conf) {
        self.rewrite_text(&conf.text());
    }

    /// As `rewrite`, with any text.
    pub fn rewrite_text(&self, text: &str) {
        let text = fill_in(text, self.folder.path(), &self.ports, self.admin);
        std::fs::write(self.file(), text).unwrap();
    }

    /// Sends SIGHUP and waits until the reload was counted under `result`.
    pub async fn reload(&self, result: &str) {
        let labels = [("result", result)];
        let before = self.metric("popgate_config_reloads_total", &labels).await;
        self.signal("HUP");
        self.metric_becomes("popgate_config_reloads_total", &labels, |now| now > before)
            .await;
    }

    /// Waits for the process to end by itself.
    pub async fn exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "popgate does not end:\n{}",
                self.output()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends the process with SIGTERM and starts it again: same file, same folder, same ports.
    pub async fn restart(mut self) -> Self {
        self.signal("TERM");
        let status = self.exit().await;
        assert!(status.success(), "{status}\n{}", self.output());
        self.again().await
    }

    /// Kills the process (SIGKILL) and starts it again.
    pub async fn crash_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.exit().await;
        self.again().await
    }

    async fn again(self) -> Self {
        let (folder, ports, admin) = (self.folder.clone(), self.ports.clone(), self.admin);
        Self::launch(None, folder, ports, admin).await.unwrap()
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        super::resident_bytes(self.pid())
    }

    /// Standard output so far.
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stdout.log")).unwrap_or_default()
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr.log")).unwrap_or_default()
    }

    /// The end of all that it has printed.
    pub fn output(&self) -> String {
        let all = format!("{}{}", self.stdout(), self.stderr());
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let output = self.output();
        if std::thread::panicking() {
            eprintln!("--- popgate said:\n{output}\n---");
        } else {
            // A backtrace is longer than the end that `output` shows.
            let all = format!("{}{}", self.stdout(), self.stderr());
            let panic = all
                .lines()
                .skip_while(|line| !line.contains("panicked at"))
                .take(60);
            let panic: Vec<&str> = panic.collect();
            assert!(panic.is_empty(), "popgate panicked:\n{}", panic.join("\n"));
        }
    }
}

fn fill_in(text: &str, folder: &Path, ports: &[u16], admin: u16) -> String {
    let mut text = text.replace("@DIR@", folder.to_str().unwrap());
    for (n, port) in ports.iter().enumerate() {
        text = text.replace(&format!("@PORT{n}@"), &port.to_string());
    }
    text.replace("@ADMIN@", &admin.to_string())
}

/// Runs popgate with these arguments to its end.
pub fn popgate(arguments: &[&str]) -> std::process::Output {
    Command::new(POPGATE)
        .args(arguments)
        .env_remove("POPGATE_CONFIG")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}
