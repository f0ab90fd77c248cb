//! Real redis servers for tests: free port, temporary folder, ended by pid.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{LinkState, RedisLink};
use crate::config::model::{RedisLogin, RedisServer, RedisTarget};
use crate::telemetry::Metrics;

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// `127.0.0.1:port` without login, database 0.
pub(crate) fn server(port: u16) -> RedisServer {
    RedisServer {
        host: "127.0.0.1".to_owned(),
        port,
        login: RedisLogin::default(),
    }
}

/// A redis-server process.
pub(crate) struct TestRedis {
    pub(crate) port: u16,
    args: Vec<String>,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl TestRedis {
    /// Starts one and waits until it accepts connections. `{port}` in an argument becomes its port.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut redis = Self::stopped(args);
        redis.run();
        redis
    }

    /// Reserves the port without starting.
    pub(crate) fn stopped(args: &[&str]) -> Self {
        Self {
            port: free_port(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            dir: tempfile::tempdir().unwrap(),
            child: None,
        }
    }

    /// Starts (again) on the same port.
    pub(crate) fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--save", ""]);
        self.spawn(command);
    }

    /// Starts from a configuration file, which sentinels rewrite.
    pub(crate) fn run_with_file(&mut self, file: &std::path::Path) {
        let mut command = Command::new("redis-server");
        command.arg(file);
        self.spawn(command);
    }

    fn spawn(&mut self, mut command: Command) {
        let port = self.port.to_string();
        let child = command
            .args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--dir",
                &self.dir.path().display().to_string(),
            ])
            .args(self.args.iter().map(|arg| arg.replace("{port}", &port)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                Instant::now() < deadline,
                "redis-server did not start on {}",
                self.port
            );
            std::thread::yield_now();
        }
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A stopped process is killed, too: SIGKILL needs no continue.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP: accepts connections, answers nothing.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    /// Its folder, gone when it is dropped.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// redis-cli's output, trimmed.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(args)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn server(&self) -> RedisServer {
        server(self.port)
    }

    pub(crate) fn target(&self) -> RedisTarget {
        RedisTarget::Single(self.server())
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A link with metrics of its own.
pub(crate) fn link(target: &RedisTarget, timeout: Duration) -> (Arc<RedisLink>, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    (
        RedisLink::new(target, "test", timeout, Arc::clone(&metrics)).unwrap(),
        metrics,
    )
}

/// Waits for the link to be up and returns the connection's number.
pub(crate) async fn up(link: &RedisLink) -> u64 {
    let mut state = link.watch_state();
    let waited = tokio::time::timeout(
        Duration::from_secs(20),
        state.wait_for(|state| matches!(state, LinkState::Up(_))),
    )
    .await;
    match *waited.expect("redis link did not come up").unwrap() {
        LinkState::Up(generation) => generation,
        LinkState::Down => unreachable!(),
    }
}

/// Waits for the link to be down.
pub(crate) async fn down(link: &RedisLink) {
    let mut state = link.watch_state();
    tokio::time::timeout(
        Duration::from_secs(20),
        state.wait_for(|state| *state == LinkState::Down),
    )
    .await
    .expect("redis link did not go down")
    .unwrap();
}
