//! Metrics of databases: what happens is counted as it does, what is there is looked at before a scrape.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use popgate_hyperdrive::listener::Front;
use popgate_hyperdrive::observe::{Event, From, Observer};
use popgate_hyperdrive::pool::Counters;
use prometheus::{Histogram, IntCounter};

use crate::telemetry::Metrics;

/// States of connections.
const STATES: [&str; 3] = ["active", "idle", "connecting"];

/// Metrics of one database.
#[derive(Debug)]
pub(super) struct Counts {
    name: String,
    metrics: Arc<Metrics>,
    /// The two that are counted with each statement.
    waits: Histogram,
    answers: IntCounter,
    pins: Mutex<BTreeMap<&'static str, u64>>,
    /// The pool's counters at the last scrape.
    seen: Mutex<Counters>,
}

impl Counts {
    pub(super) fn new(name: &str, metrics: &Arc<Metrics>) -> Self {
        Self {
            name: name.to_owned(),
            waits: metrics.db_wait_seconds.with_label_values(&[name]),
            answers: metrics.db_answers.with_label_values(&[name, From::Origin.name()]),
            pins: Mutex::default(),
            seen: Mutex::default(),
            metrics: Arc::clone(metrics),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How often connections were pinned, by reason.
    pub(super) fn pins(&self) -> BTreeMap<&'static str, u64> {
        self.pins.lock().clone()
    }

    /// Looks at the pool.
    pub(super) fn show(&self, name: &str, front: &dyn Front) {
        let now = front.snapshot();
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        for (state, count) in STATES.iter().zip([now.active, now.idle, now.connecting]) {
            let labels = [name, *state];
            self.metrics
                .db_connections
                .with_label_values(&labels)
                .set(gauge(count));
        }
        let single = [
            (&self.metrics.db_connections_max, now.max),
            (&self.metrics.db_clients, front.clients()),
            (&self.metrics.db_queue, now.waiting),
            (&self.metrics.db_paused, usize::from(now.paused)),
        ];
        for (metric, value) in single {
            metric.with_label_values(&[name]).set(gauge(value));
        }
        let mut seen = self.seen.lock();
        let counters = now.counters;
        let grown = [
            ("opened", counters.opened, seen.opened),
            ("failed", counters.failed, seen.failed),
            ("closed", counters.closed, seen.closed),
            ("evicted", counters.evicted, seen.evicted),
            ("reset", counters.reset, seen.reset),
        ];
        for (event, now, before) in grown {
            let labels = [name, event];
            self.metrics
                .db_connection_events
                .with_label_values(&labels)
                .inc_by(now.saturating_sub(before));
        }
        *seen = counters;
    }

    fn error(&self, kind: &str) {
        self.metrics
            .db_errors
            .with_label_values(&[&self.name, kind])
            .inc();
    }
}

impl Observer for Counts {
    fn observe(&self, name: &str, event: Event) {
        match event {
            Event::Login(login) => self
                .metrics
                .db_logins
                .with_label_values(&[name, login.name()])
                .inc(),
            Event::Answered(From::Origin) => self.answers.inc(),
            Event::Answered(from) => self
                .metrics
                .db_answers
                .with_label_values(&[name, from.name()])
                .inc(),
            Event::Pinned(reason) => {
                *self.pins.lock().entry(reason).or_default() += 1;
                self.metrics.db_pins.with_label_values(&[name, reason]).inc();
            }
            Event::Waited(time) => self.waits.observe(time.as_secs_f64()),
            Event::Refused(refusal) => self.error(refusal.name()),
            Event::Lost => self.error("lost"),
            Event::Limit(limit) => self.error(limit.name()),
            Event::Malformed => self.error("malformed"),
        }
    }
}

/// Takes a database that is gone out of what is shown as being there.
pub(super) fn forget(metrics: &Metrics, name: &str) {
    // What has never been shown cannot be taken out.
    for state in STATES {
        let _ = metrics.db_connections.remove_label_values(&[name, state]);
    }
    for metric in [
        &metrics.db_connections_max,
        &metrics.db_clients,
        &metrics.db_queue,
        &metrics.db_paused,
    ] {
        let _ = metric.remove_label_values(&[name]);
    }
}
