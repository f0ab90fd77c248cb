//! What popgate tells: metrics, the access log, traces.

pub mod metrics;

pub use metrics::Metrics;
