//! A database client of Debian's that stays connected.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::PASSWORD;
use crate::support::Gateway;

/// A client that takes statements one by one; killed when dropped.
pub(super) struct Talk {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Talk {
    /// `mariadb` at the database `my`.
    pub(super) fn mysql(gateway: &Gateway) -> Self {
        Self::start(
            Command::new("mariadb")
                .args([
                    "--no-defaults",
                    "-N",
                    "-B",
                    "-n",
                    "-h127.0.0.1",
                    "--protocol=tcp",
                    "--skip-ssl",
                    "--skip-reconnect",
                ])
                .arg(format!("-P{}", gateway.listener(2).port()))
                .args(["-uapp", "-psecret", "app"]),
        )
    }

    /// `psql` at the database `pg`.
    pub(super) fn postgres(gateway: &Gateway) -> Self {
        Self::start(
            Command::new("psql")
                .args(["-XAtq", "-h", "127.0.0.1", "-U", "wp", "-d", "postgres", "-p"])
                .arg(gateway.listener(3).port().to_string())
                .env("PGPASSWORD", PASSWORD),
        )
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            to: child.stdin.take(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Sends a statement that answers with one line, and returns that.
    pub(super) fn ask(&mut self, sql: &str) -> String {
        self.send(sql);
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        if line.is_empty() {
            panic!("no answer to {sql}: {}", self.complaint());
        }
        line.trim_end().to_owned()
    }

    /// Sends a statement.
    pub(super) fn send(&mut self, sql: &str) {
        let to = self.to.as_mut().unwrap();
        writeln!(to, "{sql};").unwrap();
        to.flush().unwrap();
    }

    /// Ends the input and returns what the client complained about, when it has ended.
    pub(super) fn complaint(&mut self) -> String {
        drop(self.to.take());
        let mut said = String::new();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut said);
        let _ = self.child.wait();
        said
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
