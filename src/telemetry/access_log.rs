//! The access log: one JSON line per answered request, written by a thread of its own.
//!
//! A request never waits for the log: lines go through a bounded queue, and when the disk or the pipe
//! cannot keep up the rest is dropped and counted (`popgate_access_log_dropped_total`).

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde::Serialize;
use tracing::warn;

use super::Metrics;
use crate::config;

/// One line. Absent values are left out; times are in milliseconds.
#[derive(Debug, Serialize)]
pub struct AccessLine<'a> {
    /// RFC 3339, UTC, milliseconds.
    pub time: String,
    /// The request's id, as sent in `CF-Ray`.
    pub ray: &'a str,
    /// Site name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<&'a str>,
    /// The visitor.
    pub client: String,
    /// Visitor's country, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<&'a str>,
    /// Method.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host as sent.
    pub host: &'a str,
    /// Target as sent: path and query.
    pub target: &'a str,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: &'a str,
    /// Status sent; 0 when the client was gone.
    pub status: u16,
    /// Body bytes sent.
    pub bytes: u64,
    /// Milliseconds until the end of the answer.
    pub duration_ms: f64,
    /// X-Cache value in lower case.
    pub cache: &'a str,
    /// The decision's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// Origin server asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<&'a str>,
    /// Its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// Milliseconds until its first byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<f64>,
    /// Tries at origins.
    #[serde(skip_serializing_if = "is_zero")]
    pub tries: usize,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// User-Agent as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
    /// Referer as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referer: Option<&'a str>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes references"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

enum Message {
    Line(Vec<u8>),
    Reopen,
    Flush(std::sync::mpsc::Sender<()>),
}

/// Handle to the writing thread; `None` inside when the log is off.
#[derive(Debug, Clone)]
pub struct AccessLog {
    queue: Option<SyncSender<Message>>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

impl AccessLog {
    /// Opens the target and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread not started.
    pub fn open(log: &config::Log, metrics: Arc<Metrics>) -> io::Result<Self> {
        let target = match &log.access {
            config::AccessLog::Off => return Ok(Self { queue: None, metrics }),
            config::AccessLog::Stdout => Target::Stdout,
            config::AccessLog::File(path) => Target::File(path.clone(), BufWriter::new(append(path)?)),
        };
        let (queue, lines) = sync_channel(log.queue_max.max(1));
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_lines(target, &lines))?;
        Ok(Self {
            queue: Some(queue),
            metrics,
        })
    }

    /// Whether lines are wanted at all.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues one line.
    pub fn write(&self, line: &AccessLine<'_>) {
        let Some(queue) = &self.queue else { return };
        let Ok(mut bytes) = serde_json::to_vec(line) else {
            return;
        };
        bytes.push(b'\n');
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            queue.try_send(Message::Line(bytes))
        {
            self.metrics.access_log_dropped.inc();
        }
    }

    /// Opens the file again by its name, after it was rotated away.
    pub fn reopen(&self) {
        if let Some(queue) = &self.queue {
            // A full queue means the writer is behind; the next rotation signal comes through.
            let _ = queue.try_send(Message::Reopen);
        }
    }

    /// Waits until everything queued is written, at most `deadline`.
    pub fn flush(&self, deadline: Duration) {
        if let Some(queue) = &self.queue {
            let (done, written) = std::sync::mpsc::channel();
            if queue.try_send(Message::Flush(done)).is_ok() {
                let _ = written.recv_timeout(deadline);
            }
        }
    }
}

enum Target {
    Stdout,
    File(PathBuf, BufWriter<File>),
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Writes until all handles are gone. A failed write loses its lines, says so once, and goes on.
fn write_lines(mut target: Target, lines: &Receiver<Message>) {
    let mut failing = false;
    while let Ok(first) = lines.recv() {
        let mut message = Some(first);
        while let Some(next) = message {
            let result = match next {
                Message::Line(bytes) => target.write(&bytes),
                Message::Reopen => target.reopen(),
                Message::Flush(done) => {
                    let flushed = target.flush();
                    let _ = done.send(());
                    flushed
                }
            };
            report(result, &mut failing);
            message = lines.try_recv().ok();
        }
        report(target.flush(), &mut failing);
    }
}

fn report(result: io::Result<()>, failing: &mut bool) {
    match result {
        Ok(()) => *failing = false,
        Err(error) if !std::mem::replace(failing, true) => warn!(%error, "access log cannot be written"),
        Err(_) => {}
    }
}

impl Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(bytes),
            Self::File(_, file) => file.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().flush(),
            Self::File(_, file) => file.flush(),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File(path, file) = self {
            file.flush()?;
            *file = BufWriter::new(append(path)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(target: &'a str) -> AccessLine<'a> {
        AccessLine {
            time: "2026-01-01T00:00:00.000Z".to_owned(),
            ray: "0123456789abcdef-sin1",
            site: Some("a.example"),
            client: "192.0.2.1".to_owned(),
            country: None,
            method: "GET",
            scheme: "https",
            host: "a.example",
            target,
            protocol: "HTTP/1.1",
            status: 200,
            bytes: 5,
            duration_ms: 1.5,
            cache: "hit",
            reason: None,
            upstream: None,
            upstream_status: None,
            upstream_ms: None,
            tries: 0,
            error: None,
            user_agent: None,
            referer: None,
        }
    }

    #[test]
    fn a_reopened_log_goes_on_in_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let settings = config::Log {
            access: config::AccessLog::File(path.clone()),
            level: "info".to_owned(),
            json: false,
            queue_max: 16,
        };
        let log = AccessLog::open(&settings, Metrics::new().unwrap()).unwrap();
        log.write(&line("/1\n\"x"));
        log.flush(Duration::from_secs(5));
        let rotated = folder.path().join("access.log.1");
        std::fs::rename(&path, &rotated).unwrap();
        log.reopen();
        log.write(&line("/2"));
        log.flush(Duration::from_secs(5));
        let old = std::fs::read_to_string(rotated).unwrap();
        let new = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            old.lines().count(),
            1,
            "a newline in a target must not break the line"
        );
        let parsed: serde_json::Value = serde_json::from_str(&new).unwrap();
        assert_eq!(parsed["target"], "/2");
    }
}
