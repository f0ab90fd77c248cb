//! What popgate tells: metrics, the access log, traces.

pub mod access_log;
pub mod hits;
pub mod metrics;
pub mod rfc3339;
pub mod traces;

pub use access_log::{AccessLine, AccessLog};
pub use hits::HitMetrics;
pub use metrics::Metrics;
