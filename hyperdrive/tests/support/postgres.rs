//! A real PostgreSQL of Debian's.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::programs::missing;

/// The password of user `wp`.
pub const PASSWORD: &str = "s3cret";

/// A running server; ended with the value.
pub struct Postgres {
    pub dir: TempDir,
    pub port: u16,
    child: Child,
    bin: PathBuf,
}

fn bin() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<_> = found.flatten().map(|entry| entry.path().join("bin")).collect();
    found.sort();
    found.pop().filter(|bin| bin.join("postgres").exists())
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// PostgreSQL does not run as root.
fn plain(program: &std::path::Path) -> Command {
    if Command::new("id").arg("-u").output().unwrap().stdout != b"0\n" {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"])
        .arg(program);
    command
}

impl Postgres {
    /// `None` when PostgreSQL is not installed and that is allowed.
    pub fn start(extra: &[&str]) -> Option<Self> {
        let Some(bin) = bin() else {
            missing("postgresql");
            return None;
        };
        let dir = TempDir::with_prefix("popgate-pg").unwrap();
        Command::new("chmod")
            .arg("0777")
            .arg(dir.path())
            .status()
            .unwrap();
        let data = dir.path().join("data");
        std::fs::write(dir.path().join("pw"), PASSWORD).unwrap();
        let made = plain(&bin.join("initdb"))
            .args([
                "--no-sync",
                "-U",
                "wp",
                "-A",
                "scram-sha-256",
                "-E",
                "UTF8",
                "--locale=C",
                "--pwfile",
            ])
            .arg(dir.path().join("pw"))
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let port = free_port();
        let child = Self::spawn(&bin, &dir, port, extra);
        let server = Self {
            dir,
            port,
            child,
            bin,
        };
        server.ready();
        Some(server)
    }

    fn spawn(bin: &std::path::Path, dir: &TempDir, port: u16, extra: &[&str]) -> Child {
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        plain(&bin.join("postgres"))
            .arg("-D")
            .arg(dir.path().join("data"))
            .args([
                "-p",
                &port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
            ])
            .arg("-k")
            .arg(dir.path())
            .args(extra)
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn ready(&self) {
        let start = Instant::now();
        while self.psql(self.port, "SELECT 1").is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "postgres does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once, as a crash would, and starts it anew.
    pub fn restart(&mut self) {
        Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.bin, &self.dir, self.port, &[]);
        self.ready();
    }

    /// Runs a script in one psql; its output, or what it says when it fails.
    pub fn psql(&self, port: u16, sql: &str) -> Result<String, String> {
        self.client(
            "psql",
            port,
            &["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql],
        )
    }

    /// Runs a client of Debian's against a port.
    pub fn client(&self, program: &str, port: u16, args: &[&str]) -> Result<String, String> {
        let output = Command::new(program)
            .args(args)
            .env("PGPASSWORD", PASSWORD)
            .env("PGHOST", "127.0.0.1")
            .env("PGUSER", "wp")
            .env("PGPORT", port.to_string())
            .env("PGCONNECT_TIMEOUT", "10")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}
