//! What a pool may hold, and what it has done.

use std::time::Duration;

/// Sizes and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Kept open.
    pub min: usize,
    /// Never more: in use, idle and being opened.
    pub max: usize,
    /// Opened at the same time.
    pub connecting_max: usize,
    /// Users in the queue; more are refused at once.
    pub queue_max: usize,
    /// Longest wait for a connection.
    pub wait: Duration,
    /// Unused time after which one above `min` is closed.
    pub idle: Duration,
    /// Age at which one is closed, within a tenth.
    pub lifetime: Duration,
    /// Longest time to open one.
    pub connect: Duration,
}

/// What has happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Connections opened.
    pub opened: u64,
    /// Connections closed, for whatever reason.
    pub closed: u64,
    /// Failures to open one.
    pub failed: u64,
    /// Connections handed out.
    pub handed: u64,
    /// Connections closed to make room for one that fits.
    pub evicted: u64,
    /// Connections reset behind a client that went away.
    pub reset: u64,
    /// Users that had to wait.
    pub waits: u64,
    /// Their time in the queue, in all.
    pub waited: Duration,
    /// Users whose deadline passed in the queue.
    pub late: u64,
}

/// How many there are, and what has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// In use by a client.
    pub active: usize,
    /// Ready.
    pub idle: usize,
    /// Being opened.
    pub connecting: usize,
    /// Users that wait for one.
    pub waiting: usize,
    /// The cap.
    pub max: usize,
    /// Nothing is handed out.
    pub paused: bool,
    /// Since the start.
    pub counters: Counters,
}
