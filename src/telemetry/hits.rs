//! Counters of one site's hits, looked up once: the lane has no time for labels.

use http::StatusCode;
use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::Metrics;
use crate::serve::status_label::status_label;

/// The label value of a hit.
const HIT: &str = "hit";

/// Requests and their times, of hits of one site.
#[derive(Debug)]
pub struct HitMetrics {
    site: String,
    ok: IntCounter,
    not_modified: IntCounter,
    requests: IntCounterVec,
    seconds: Histogram,
}

impl HitMetrics {
    /// For the site of this name.
    #[must_use]
    pub fn new(metrics: &Metrics, site: &str) -> Self {
        let of = |status| metrics.requests.with_label_values(&[site, status, HIT]);
        Self {
            site: site.to_owned(),
            ok: of(status_label(StatusCode::OK)),
            not_modified: of(status_label(StatusCode::NOT_MODIFIED)),
            requests: metrics.requests.clone(),
            seconds: metrics.request_seconds.with_label_values(&[site, HIT]),
        }
    }

    /// Counts an answer that took `seconds`.
    pub fn count(&self, status: StatusCode, seconds: f64) {
        match status {
            StatusCode::OK => self.ok.inc(),
            StatusCode::NOT_MODIFIED => self.not_modified.inc(),
            other => self
                .requests
                .with_label_values(&[self.site.as_str(), status_label(other), HIT])
                .inc(),
        }
        self.seconds.observe(seconds);
    }
}
