//! What databases are at, for `GET /databases` and `popgate databases`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::Running;

/// All databases.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    databases: Vec<Row>,
}

/// One database and its pool.
#[derive(Debug, Clone, Serialize)]
struct Row {
    name: String,
    protocol: &'static str,
    listen: Vec<String>,
    servers: Vec<String>,
    mode: &'static str,
    paused: bool,
    clients: usize,
    connections: Connections,
    waits: Waits,
    /// How often connections were pinned, by reason.
    pins: BTreeMap<&'static str, u64>,
}

/// Connections now, and what became of those before.
#[derive(Debug, Clone, Serialize)]
struct Connections {
    active: usize,
    idle: usize,
    connecting: usize,
    max: usize,
    opened: u64,
    failed: u64,
    closed: u64,
}

/// Who waits now, and who did.
#[derive(Debug, Clone, Serialize)]
struct Waits {
    now: usize,
    total: u64,
    seconds: f64,
    late: u64,
}

impl Report {
    pub(super) fn new<'a>(running: impl Iterator<Item = (&'a String, &'a Arc<Running>)>) -> Self {
        let databases = running.map(|(name, running)| row(name, running)).collect();
        Self { databases }
    }
}

fn row(name: &str, running: &Running) -> Row {
    let (settings, now) = (running.front.settings(), running.front.snapshot());
    let counters = now.counters;
    Row {
        name: name.to_owned(),
        protocol: settings.protocol.name(),
        listen: settings
            .listen
            .iter()
            .map(|listen| listen.address.to_string())
            .collect(),
        servers: settings
            .servers
            .iter()
            .map(|server| server.address.to_string())
            .collect(),
        mode: settings.pool.mode.name(),
        paused: now.paused,
        clients: running.front.clients(),
        connections: Connections {
            active: now.active,
            idle: now.idle,
            connecting: now.connecting,
            max: now.max,
            opened: counters.opened,
            failed: counters.failed,
            closed: counters.closed,
        },
        waits: Waits {
            now: now.waiting,
            total: counters.waits,
            seconds: counters.waited.as_secs_f64(),
            late: counters.late,
        },
        pins: running.counts.pins(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.databases.is_empty() {
            return writeln!(f, "no databases");
        }
        for (index, row) in self.databases.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            row.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paused = if self.paused { ", paused" } else { "" };
        writeln!(f, "{} ({}, {}{paused})", self.name, self.protocol, self.mode)?;
        writeln!(f, "  listen       {}", self.listen.join(", "))?;
        writeln!(f, "  servers      {}", self.servers.join(", "))?;
        writeln!(f, "  clients      {}", self.clients)?;
        let is = &self.connections;
        writeln!(
            f,
            "  connections  {} active, {} idle, {} connecting, at most {}; {} opened, {} closed, {} failed",
            is.active, is.idle, is.connecting, is.max, is.opened, is.closed, is.failed
        )?;
        let waits = &self.waits;
        writeln!(
            f,
            "  waits        {} now; {} in all for {:.3} s, {} in vain",
            waits.now, waits.total, waits.seconds, waits.late
        )?;
        let pins: Vec<String> = self
            .pins
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let pins = if pins.is_empty() {
            "none".to_owned()
        } else {
            pins.join(", ")
        };
        writeln!(f, "  pins         {pins}")
    }
}
