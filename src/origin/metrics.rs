//! The handles of one origin's metrics, looked up once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::{IntCounter, IntGauge};

use super::LeaseError;
use super::eject::Outcome;
use super::state::{Slot, State};
use crate::telemetry::metrics::Metrics;

/// Metrics of one origin.
#[derive(Debug)]
pub(super) struct Meters {
    metrics: Arc<Metrics>,
    origin: String,
    gone: AtomicBool,
    queue: IntGauge,
    open: IntGauge,
    active: IntGauge,
    warm: IntGauge,
    maximum: IntGauge,
    requests_ok: IntCounter,
    connects_ok: IntCounter,
    connects_warm: IntCounter,
}

impl Meters {
    pub fn new(metrics: &Arc<Metrics>, origin: &str) -> Self {
        let connections = |state| metrics.origin_connections.with_label_values(&[origin, state]);
        let connects = |result| metrics.origin_connects.with_label_values(&[origin, result]);
        Self {
            queue: metrics.origin_queue.with_label_values(&[origin]),
            open: connections("open"),
            active: connections("active"),
            warm: connections("warm"),
            maximum: metrics.origin_connections_max.with_label_values(&[origin]),
            requests_ok: metrics.origin_requests.with_label_values(&[origin, "ok"]),
            connects_ok: connects("ok"),
            connects_warm: connects("warm"),
            origin: origin.to_owned(),
            gone: AtomicBool::new(false),
            metrics: metrics.clone(),
        }
    }

    /// Sets the gauges from the state they describe.
    pub fn publish(&self, state: &State) {
        let warm: usize = state.slots.iter().map(|slot| slot.warm.len()).sum();
        let active: usize = state.all().map(|slot| slot.in_flight).sum();
        self.queue.set(signed(state.waiters.len()));
        self.open.set(signed(state.connections()));
        self.active.set(signed(active));
        self.warm.set(signed(warm));
        self.maximum.set(signed(state.settings.connections_max));
    }

    /// Sets the health of a live server; one that left gets no new series.
    pub fn healthy(&self, slot: &Slot, usable: bool) {
        if slot.retired || self.gone.load(Ordering::Relaxed) {
            return;
        }
        let gauge = &self.metrics.origin_healthy;
        gauge
            .with_label_values(&[&self.origin, &slot.server.target.name])
            .set(i64::from(usable));
    }

    /// A server left: its series ends. An absent series is not an error.
    pub fn forget_server(&self, name: &str) {
        let _ = self
            .metrics
            .origin_healthy
            .remove_label_values(&[&self.origin, name]);
    }

    pub fn outcome(&self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.requests_ok.inc(),
            Outcome::ConnectFailed => self.request("connect_failed"),
            Outcome::Timeout => self.request("timeout"),
            Outcome::Reset => self.request("reset"),
            Outcome::BadResponse => self.request("bad_response"),
            Outcome::Status5xx => self.request("error_5xx"),
        }
    }

    pub fn refused(&self, error: LeaseError) {
        self.request(match error {
            LeaseError::NoServer { .. } => "no_server",
            LeaseError::QueueFull => "queue_full",
            LeaseError::QueueTimeout => "queue_timeout",
        });
    }

    fn request(&self, result: &str) {
        self.metrics
            .origin_requests
            .with_label_values(&[&self.origin, result])
            .inc();
    }

    pub fn connected(&self, warm: bool) {
        if warm {
            self.connects_warm.inc()
        } else {
            self.connects_ok.inc()
        }
    }

    pub fn connect_failed(&self, result: &str) {
        self.metrics
            .origin_connects
            .with_label_values(&[&self.origin, result])
            .inc();
    }

    /// The origin left the configuration: its gauges end, its counters stay for the last scrape.
    pub fn forget(&self) {
        self.gone.store(true, Ordering::Relaxed);
        let metrics = &self.metrics;
        let _ = metrics.origin_queue.remove_label_values(&[&self.origin]);
        let _ = metrics
            .origin_connections_max
            .remove_label_values(&[&self.origin]);
        for state in ["open", "active", "warm"] {
            let _ = metrics
                .origin_connections
                .remove_label_values(&[&self.origin, state]);
        }
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
