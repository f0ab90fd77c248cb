//! Server names to addresses, again and again, keeping the last good answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Address, Origin, Target};
use crate::config::{Origin as Settings, Server};

/// Addresses taken from one answer; more are dropped.
const ADDRESSES_MAX: usize = 64;
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Turns a name into addresses.
#[async_trait]
pub trait Resolve: Send + Sync + std::fmt::Debug {
    /// Addresses of `host`, with `port`.
    ///
    /// # Errors
    /// When the name has none or nobody answered.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver, off the runtime's threads.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// The servers of `settings` that need no resolving.
pub(super) fn literals(settings: &Settings) -> Vec<Target> {
    let mut targets = Vec::new();
    for server in &settings.servers {
        let address = match server {
            Server::Address(address) => Address::Tcp(*address),
            Server::Unix(path) => Address::Unix(path.clone()),
            Server::Name(..) => continue,
        };
        targets.push(Target {
            name: address.to_string(),
            address,
        });
    }
    targets
}

/// The names of `settings` with their ports.
pub(super) fn names(settings: &Settings) -> impl Iterator<Item = (&str, u16)> {
    settings.servers.iter().filter_map(|server| match server {
        Server::Name(host, port) => Some((host.as_str(), *port)),
        Server::Address(_) | Server::Unix(_) => None,
    })
}

/// Prefix of the names of all targets a name resolves to.
fn prefix(host: &str, port: u16) -> String {
    format!("{host}:{port}/")
}

/// Targets among `known` that come from a name in `settings`.
pub(super) fn still_named<'a>(settings: &Settings, known: impl Iterator<Item = &'a Target>) -> Vec<Target> {
    let prefixes: Vec<_> = names(settings).map(|(host, port)| prefix(host, port)).collect();
    let named = known.filter(|target| prefixes.iter().any(|prefix| target.name.starts_with(prefix)));
    named.cloned().collect()
}

/// Targets of one answer, in a fixed order whatever the order of the answer.
fn targets(host: &str, port: u16, mut addresses: Vec<SocketAddr>) -> Vec<Target> {
    addresses.sort();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    let prefix = prefix(host, port);
    let named = addresses.into_iter().map(|address| Target {
        name: format!("{prefix}{}", address.ip()),
        address: Address::Tcp(address),
    });
    named.collect()
}

impl Origin {
    /// Resolves every name once; a name that fails keeps the addresses it had. True when all answered.
    pub(super) async fn resolve_once(self: &Arc<Self>, resolver: &dyn Resolve) -> bool {
        let settings = self.settings();
        if names(&settings).next().is_none() {
            return true;
        }
        let asked = names(&settings).map(|(host, port)| async move {
            let answer = tokio::time::timeout(TIMEOUT, resolver.resolve(host, port)).await;
            let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            (host, port, answer)
        });
        let mut all = literals(&settings);
        let mut complete = true;
        for (host, port, answer) in futures::future::join_all(asked).await {
            match answer {
                Ok(addresses) if !addresses.is_empty() => all.extend(targets(host, port, addresses)),
                failed => {
                    complete = false;
                    let error = failed
                        .err()
                        .map_or_else(|| "no address".to_owned(), |e| e.to_string());
                    tracing::debug!(origin = self.name(), host, error, "name not resolved");
                    let prefix = prefix(host, port);
                    let state = self.locked();
                    let known = state.slots.iter().map(|slot| &slot.server.target);
                    all.extend(known.filter(|target| target.name.starts_with(&prefix)).cloned());
                }
            }
        }
        // A reload meanwhile has other servers in mind, and asks for its own resolution.
        if Arc::ptr_eq(&settings, &self.settings()) {
            self.set_targets(all);
            self.resolved();
        }
        complete
    }
}

#[cfg(test)]
mod tests;
