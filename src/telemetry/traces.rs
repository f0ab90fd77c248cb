//! Traces: what happens besides requests, to standard error, one line per state change.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

type Filter = reload::Layer<EnvFilter, Registry>;
type Filtered = Layered<Filter, Registry>;
type Lines = Box<dyn Layer<Filtered> + Send + Sync>;

/// What a reload changes: which lines, and how they look.
static RUNNING: OnceLock<(
    reload::Handle<EnvFilter, Registry>,
    reload::Handle<Lines, Filtered>,
)> = OnceLock::new();

/// Starts tracing once; `POPGATE_LOG` (tracing's filter syntax) wins over `level`.
pub fn start(level: &str, json: bool) {
    let (filter, filters) = reload::Layer::new(filter(level));
    let (lines, forms) = reload::Layer::new(lines(json));
    // A second start (tests) keeps the first.
    if tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .is_ok()
    {
        let _ = RUNNING.set((filters, forms));
    }
}

/// Goes on with another level and form.
pub fn change(level: &str, json: bool) {
    if let Some((filters, forms)) = RUNNING.get() {
        // They fail only when the subscriber is gone, and nobody listens then.
        let _ = filters.reload(filter(level));
        let _ = forms.reload(lines(json));
    }
}

fn filter(level: &str) -> EnvFilter {
    let quiet = crate::proxy::ENGINE_TRACES;
    EnvFilter::try_from_env("POPGATE_LOG").unwrap_or_else(|_| EnvFilter::new(format!("{level},{quiet}")))
}

fn lines(json: bool) -> Lines {
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    if json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.boxed()
    }
}
