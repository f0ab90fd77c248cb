//! Text to values: pure functions, each error with its mend.

mod host;
mod net;
mod quantity;

pub(crate) use host::{host_header, host_pattern};
pub(crate) use net::{cidr, server, socket, split_host_port};
pub(crate) use quantity::{
    bytes_text, decimal, duration, duration_text, flag, integer, size, statuses, url_path,
};

/// Why a text is not the value it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// What is wrong.
    pub(crate) problem: String,
    /// What to write instead.
    pub(crate) mend: String,
}

impl Wrong {
    pub(crate) fn new(problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Wrong {
            problem: problem.into(),
            mend: mend.into(),
        }
    }
}

/// The text in backticks, shortened when it is long.
pub(crate) fn quoted(text: &str) -> String {
    const MAX: usize = 80;
    if text.chars().count() <= MAX {
        return format!("`{}`", text.escape_debug());
    }
    let start: String = text.chars().take(MAX).collect();
    format!("`{}…`", start.escape_debug())
}

#[cfg(test)]
mod tests;
