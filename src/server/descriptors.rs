//! File descriptors: each connection takes one, so the process asks for as many as it may have.

use tracing::warn;

use crate::config::Config;

/// Descriptors for files, stores and the process itself.
const OTHERS: u64 = 256;

/// Raises the soft limit to the hard one and says so when even that is less than the configuration may
/// need. Then clients wait in the kernel's backlog; nothing that is open is closed.
pub fn raise_limit(config: &Config) {
    let wanted = wanted(config);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < wanted => warn!(
            limit,
            wanted,
            "fewer file descriptors than limits.connections, origins and databases may need; raise LimitNOFILE"
        ),
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit of file descriptors cannot be raised"),
    }
}

fn wanted(config: &Config) -> u64 {
    let clients = config.limits.connections;
    let origins: usize = config.origins.values().map(|origin| origin.connections_max).sum();
    let databases: usize = config
        .databases
        .values()
        .map(|database| database.limits.clients_max.saturating_add(database.pool.max))
        .sum();
    [clients, origins, databases]
        .iter()
        .fold(OTHERS, |sum, more| sum.saturating_add(*more as u64))
}
