//! A real MariaDB of Debian's in a temporary folder.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::programs::{find, missing, run};

/// Longest wait for it to start: the machine may be busy with other tests.
const START: Duration = Duration::from_secs(60);

/// A running server with the databases `app` and `other`, and user `app` with password `secret`; it listens on
/// a Unix socket only. Ended with the value.
pub struct MariaDb {
    folder: tempfile::TempDir,
    server: Child,
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl MariaDb {
    /// `None` when MariaDB is not installed and that is allowed.
    pub fn start() -> Option<Self> {
        let Some(program) = find("mariadbd") else {
            missing("mariadbd");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let me = run(Command::new("id").arg("-un")).unwrap();
        let as_me = format!("--user={}", me.trim());
        run(Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                &as_me,
            ])
            .arg(format!("--datadir={}", data.display()))
            // Several at once would meet each other's temporary tables.
            .env("TMPDIR", folder.path()))
        .unwrap();
        let server = Command::new(program)
            .args([
                "--no-defaults",
                "--skip-networking",
                "--innodb-buffer-pool-size=16M",
                &as_me,
            ])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", folder.path().join("db.sock").display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { folder, server };
        let setup = "CREATE DATABASE app; CREATE DATABASE other; CREATE USER app@localhost IDENTIFIED BY 'secret'; \
                     GRANT ALL ON *.* TO app@localhost";
        let start = Instant::now();
        while let Err(error) = server.root(setup) {
            assert!(start.elapsed() < START, "{error}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("db.sock")
    }

    /// Runs a statement as root, past whatever stands in front.
    pub fn root(&self, sql: &str) -> Result<String, String> {
        run(Command::new("mariadb")
            .args(["--no-defaults", "-uroot", "-N", "-B", "-e", sql, "-S"])
            .arg(self.socket()))
    }
}

/// Runs statements in one client of Debian's at a port of this machine, in the database `app`.
pub fn client(port: u16, user: &str, password: &str, sql: &str) -> Result<String, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, sql.as_bytes()).unwrap();
    let mut command = Command::new("mariadb");
    command
        .args([
            "--no-defaults",
            "-N",
            "-B",
            "-h127.0.0.1",
            "--protocol=tcp",
            "--skip-ssl",
        ])
        .arg(format!("-P{port}"))
        .arg(format!("-u{user}"))
        .arg(format!("-p{password}"))
        .arg("app")
        .stdin(file.reopen().unwrap());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
