//! How an origin stands now: a look for people, which changes nothing.

use tokio::time::Instant;

use super::eject::Standing;
use super::pool::Origin;
use super::state::Slot;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOverview {
    /// Name in metrics and logs.
    pub name: String,
    /// Whether it is picked while others are in order.
    pub usable: bool,
    /// How it stands, in a word or two.
    pub standing: &'static str,
    /// Requests at it.
    pub requests: usize,
    /// Connections to it, warm ones counted.
    pub connections: usize,
    /// Connections it may have.
    pub connections_max: usize,
}

/// An origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginOverview {
    /// Its servers. Empty while names are not resolved.
    pub servers: Vec<ServerOverview>,
    /// Requests waiting for a place.
    pub queue: usize,
    /// Its names have not been resolved for the first time.
    pub resolving: bool,
}

impl Origin {
    /// Requests that wait for a place.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.locked().waiters.len()
    }

    /// How it stands now.
    #[must_use]
    pub fn overview(&self) -> OriginOverview {
        let now = Instant::now();
        let state = self.locked();
        OriginOverview {
            servers: state.slots.iter().map(|slot| server(slot, now)).collect(),
            queue: state.waiters.len(),
            resolving: state.resolving,
        }
    }
}

fn server(slot: &Slot, now: Instant) -> ServerOverview {
    ServerOverview {
        name: slot.server.target.name.clone(),
        usable: slot.share > 0 && slot.usable(now),
        standing: match slot.breaker.standing(now) {
            _ if !slot.health.healthy() => "unhealthy",
            _ if slot.share == 0 => "idle, connections_max is too low",
            Standing::Closed => "in use",
            Standing::TrialDue => "to be tried again",
            Standing::Ejected => "put aside",
            Standing::Unreachable => "unreachable",
        },
        requests: slot.in_flight,
        connections: slot.connections(),
        connections_max: slot.share,
    }
}
