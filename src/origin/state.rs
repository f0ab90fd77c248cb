//! Who may be asked next: the bookkeeping of one origin, without I/O and without locks.
//!
//! Invariants, all counted here and nowhere else:
//! - connections of a server (open + warm) never exceed its share, those of the origin never the cap;
//! - a request is let through only when a connection for it exists or may be opened;
//! - whoever waits was asked to wait because nothing it may use was free, so that a newcomer is looked
//!   at after everyone who waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::balance::{self, Candidate};
use super::eject::{Breaker, Standing};
use super::health::HealthState;
use super::held::HeldSet;
use super::warm::WarmSocket;
use super::{LeaseError, Server, ServerId, Target, share};
use crate::config::{Balance, Origin as Settings};

/// Streams that one HTTP/2 connection to an origin is used for at once.
pub const STREAMS_PER_CONNECTION: usize = 100;

/// One server and its counts.
#[derive(Debug)]
pub(super) struct Slot {
    pub server: Arc<Server>,
    /// Connections it may have.
    pub share: usize,
    /// Leases out.
    pub in_flight: usize,
    /// Connections open or being opened, warm ones not counted.
    pub open: usize,
    /// Connections opened ahead.
    pub warm: VecDeque<WarmSocket>,
    /// Open connections whose sockets are known.
    pub held: HeldSet,
    pub breaker: Breaker,
    pub health: HealthState,
    pub retired: bool,
}

impl Slot {
    fn new(target: Target) -> Self {
        Self {
            server: Arc::new(Server::new(target)),
            share: 0,
            in_flight: 0,
            open: 0,
            warm: VecDeque::new(),
            held: HeldSet::default(),
            breaker: Breaker::default(),
            health: HealthState::default(),
            retired: false,
        }
    }

    /// Connections that exist.
    pub fn connections(&self) -> usize {
        self.open + self.warm.len()
    }

    /// Connections that exist or that leases already given may open.
    fn committed(&self, streams: usize) -> usize {
        self.connections().max(self.in_flight.div_ceil(streams))
    }

    /// Whether it may be picked while others are in order.
    pub fn usable(&self, now: Instant) -> bool {
        self.health.healthy() && matches!(self.breaker.standing(now), Standing::Closed | Standing::TrialDue)
    }
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub key: u64,
    pub excluded: Vec<ServerId>,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub ticket: u64,
    pub ask: Ask,
    pub reply: oneshot::Sender<Result<super::Lease, LeaseError>>,
}

/// The answer to an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// Slot at this index has a place.
    Server(usize),
    /// Everything it may use is taken.
    Wait,
    /// Nothing may be asked before this time has passed.
    None(Duration),
}

/// The bookkeeping of one origin.
#[derive(Debug)]
pub(super) struct State {
    pub settings: Arc<Settings>,
    /// Live servers, by name.
    pub slots: Vec<Slot>,
    /// Servers that are gone from the configuration or from DNS but still have leases or connections.
    pub retired: Vec<Slot>,
    pub waiters: VecDeque<Waiter>,
    /// Next number for a waiter or a connection.
    pub next_ticket: u64,
    pub rotation: usize,
    /// Names have not been resolved for the first time.
    pub resolving: bool,
    /// No server is in order; said once in the log.
    pub panic: bool,
}

impl State {
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            slots: Vec::new(),
            retired: Vec::new(),
            waiters: VecDeque::new(),
            next_ticket: 0,
            rotation: 0,
            resolving: false,
            panic: false,
        }
    }

    /// Requests per connection.
    pub fn streams(&self) -> usize {
        if self.settings.http2 {
            STREAMS_PER_CONNECTION
        } else {
            1
        }
    }

    /// Connections that exist, retired servers' counted.
    pub fn connections(&self) -> usize {
        self.all().map(Slot::connections).sum()
    }

    /// Connections that exist or may be opened by leases already given.
    fn committed(&self) -> usize {
        let streams = self.streams();
        self.all().map(|slot| slot.committed(streams)).sum()
    }

    pub fn all(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().chain(&self.retired)
    }

    pub fn slot_mut(&mut self, id: ServerId) -> Option<&mut Slot> {
        let mut all = self.slots.iter_mut().chain(&mut self.retired);
        all.find(|slot| slot.server.id == id)
    }

    /// Whether a connection to this server may be opened now: the hard gate.
    pub fn may_open(&self, id: ServerId) -> bool {
        self.connections() < self.settings.connections_max
            && self
                .all()
                .any(|slot| slot.server.id == id && slot.connections() < slot.share)
    }

    /// Whether a connection nobody asked for (warm, health check) may be opened without standing in the
    /// way of a lease already given.
    pub fn may_open_spare(&self, id: ServerId) -> bool {
        let streams = self.streams();
        self.committed() < self.settings.connections_max
            && self
                .slots
                .iter()
                .any(|slot| slot.server.id == id && slot.committed(streams) < slot.share)
    }

    /// Whether one more request to this slot finds a connection or may open one.
    fn has_place(&self, slot: &Slot) -> bool {
        let streams = self.streams();
        slot.in_flight < slot.share * streams
            && ((slot.in_flight + 1).div_ceil(streams) <= slot.committed(streams)
                || self.committed() < self.settings.connections_max)
    }

    /// As [`Self::has_place`], for a live server by identity.
    pub fn has_place_at(&self, id: ServerId) -> bool {
        let mut live = self.slots.iter();
        live.any(|slot| slot.server.id == id && self.has_place(slot))
    }

    /// Whether nobody who waits can be answered, neither with a server nor with a refusal.
    pub fn saturated(&self, now: Instant) -> bool {
        let mut live = self.slots.iter();
        live.any(|slot| slot.breaker.standing(now) != Standing::Unreachable)
            && !self.slots.iter().any(|slot| self.has_place(slot))
    }

    /// Makes room for a connection to `id` by closing an idle one that is in the way; false when none is.
    pub fn make_room(&mut self, id: ServerId) -> bool {
        match self.slots.iter_mut().find(|slot| slot.server.id == id) {
            Some(slot) if slot.connections() >= slot.share => slot.held.close_oldest_idle(),
            // Idle connections of servers that left were told to go when they left.
            _ => false,
        }
    }

    /// The next number.
    pub fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Picks a server for `ask`. Servers the ask excludes are used only when no other one is in order.
    pub fn pick(&self, ask: &Ask, now: Instant) -> Pick {
        let fresh = |slot: &Slot| !ask.excluded.contains(&slot.server.id);
        if self.slots.is_empty() {
            return if self.resolving {
                Pick::Wait
            } else {
                Pick::None(Duration::from_secs(1))
            };
        }
        let usable = |slot: &Slot| slot.share > 0 && slot.usable(now);
        // Panic mode: whatever accepts connections is asked, however badly it answered.
        let reachable = |slot: &Slot| slot.share > 0 && slot.breaker.standing(now) != Standing::Unreachable;
        self.among(ask, |slot| usable(slot) && fresh(slot))
            .or_else(|| self.among(ask, usable))
            .or_else(|| self.among(ask, |slot| reachable(slot) && fresh(slot)))
            .or_else(|| self.among(ask, reachable))
            .unwrap_or_else(|| self.trial(now))
    }

    /// The pick among the slots that pass `filter`; `None` when there are none.
    fn among(&self, ask: &Ask, filter: impl Fn(&Slot) -> bool) -> Option<Pick> {
        let streams = self.streams();
        let mut candidates = Vec::with_capacity(self.slots.len());
        let mut any = false;
        let sticky = self.settings.balance == Balance::ConsistentHash;
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| filter(slot)) {
            any = true;
            // A key waits for its own server rather than warm another one's cache.
            if sticky || self.has_place(slot) {
                candidates.push(Candidate {
                    index,
                    in_flight: slot.in_flight,
                    capacity: slot.share * streams,
                    seed: slot.server.seed,
                });
            }
        }
        let chosen = balance::pick(self.settings.balance, &candidates, self.rotation, ask.key);
        match chosen.and_then(|index| Some((index, self.slots.get(index)?))) {
            Some((index, slot)) if self.has_place(slot) => Some(Pick::Server(index)),
            _ => any.then_some(Pick::Wait),
        }
    }

    /// Every server is unreachable: one of them may be due for a trial, else the request fails at once.
    fn trial(&self, now: Instant) -> Pick {
        let eject = self.settings.eject;
        let waits = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| self.has_place(slot));
        let soonest = waits
            .filter_map(|(index, slot)| Some((slot.breaker.trial_wait(eject, now)?, index)))
            .min();
        match soonest {
            Some((wait, index)) if wait.is_zero() => Pick::Server(index),
            Some((wait, _)) => Pick::None(wait),
            None => Pick::None(eject.time / 2),
        }
    }

    /// Counts a lease on the slot at `index`; true when it is the server's trial.
    pub fn take(&mut self, index: usize, now: Instant) -> Option<(Arc<Server>, bool)> {
        self.rotation = self.rotation.wrapping_add(1);
        let slot = self.slots.get_mut(index)?;
        let aside = slot.breaker.standing(now);
        let trial = matches!(aside, Standing::TrialDue | Standing::Unreachable) && slot.breaker.begin();
        slot.in_flight += 1;
        Some((slot.server.clone(), trial))
    }

    /// Whether another server than `id` is in order.
    pub fn others_usable(&self, id: ServerId, now: Instant) -> bool {
        let mut others = self.slots.iter().filter(|slot| slot.server.id != id);
        others.any(|slot| slot.share > 0 && slot.usable(now))
    }

    /// Makes `targets` the live servers: those already known keep their state, the others retire.
    /// Returns the names that came and that went.
    pub fn set_targets(&mut self, mut targets: Vec<Target>) -> (Vec<String>, Vec<String>) {
        targets.sort();
        targets.dedup();
        let mut old = std::mem::take(&mut self.slots);
        let mut came = Vec::new();
        for target in targets {
            let slot = match old.iter().position(|slot| slot.server.target == target) {
                Some(index) => old.swap_remove(index),
                None => {
                    came.push(target.name.clone());
                    Slot::new(target)
                }
            };
            self.slots.push(slot);
        }
        let went = old.iter().map(|slot| slot.server.target.name.clone()).collect();
        self.retired.extend(old.into_iter().map(|mut slot| {
            slot.retired = true;
            slot.warm.clear();
            slot.held.close_all();
            slot
        }));
        self.forget_retired();
        let shares = share::split(self.settings.connections_max, self.slots.len());
        for (slot, share) in self.slots.iter_mut().zip(shares) {
            slot.share = share;
        }
        (came, went)
    }

    /// Drops retired servers that nothing refers to any more.
    pub fn forget_retired(&mut self) {
        self.retired.retain(|slot| slot.in_flight > 0 || slot.open > 0);
    }
}
