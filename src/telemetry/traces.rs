//! Traces: what happens besides requests, to standard error, one line per state change.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts tracing once; `POPGATE_LOG` (tracing's filter syntax) wins over `level`.
pub fn start(level: &str, json: bool) {
    let quiet = crate::proxy::ENGINE_TRACES;
    let filter =
        EnvFilter::try_from_env("POPGATE_LOG").unwrap_or_else(|_| EnvFilter::new(format!("{level},{quiet}")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second start (tests) keeps the first.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
}
