//! An origin at work: leases, the queue in front of them, connections under the cap.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::eject::{Change, Outcome, Standing};
use super::lease::{Lease, LeaseError};
use super::metrics::Meters;
use super::state::{Ask, Pick, State, Waiter};
use super::tls::OriginTlsConfig;
use super::{ServerId, Target, resolve};
use crate::config::{Balance, Origin as Settings};
use crate::telemetry::metrics::Metrics;

/// An origin: its servers, their health, and the requests and connections to them.
#[derive(Debug)]
pub struct Origin {
    name: String,
    state: Mutex<State>,
    pub(super) meters: Meters,
    tls: ArcSwap<Option<OriginTlsConfig>>,
    /// Signalled when a connection closes.
    pub(super) freed: Notify,
    /// Asks the background to resolve names now.
    pub(super) stale_names: Notify,
    /// Asks the background to refill the warm stock now.
    pub(super) stock_low: Notify,
}

/// How a lease begins.
enum Entry {
    Done(Result<Lease, LeaseError>),
    Queued {
        ticket: u64,
        reply: oneshot::Receiver<Result<Lease, LeaseError>>,
        until: Instant,
    },
}

impl Origin {
    /// Builds the origin. Literal addresses are live at once, names when they have been resolved.
    #[must_use]
    pub fn new(settings: Arc<Settings>, tls: Option<OriginTlsConfig>, metrics: &Arc<Metrics>) -> Arc<Self> {
        let origin = Arc::new(Self {
            name: settings.name.clone(),
            meters: Meters::new(metrics, &settings.name),
            tls: ArcSwap::from_pointee(tls),
            freed: Notify::new(),
            stale_names: Notify::new(),
            stock_low: Notify::new(),
            state: Mutex::new(State::new(settings.clone())),
        });
        origin.state.lock().resolving = resolve::names(&settings).next().is_some();
        origin.set_targets(resolve::literals(&settings));
        origin
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its present settings.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.state.lock().settings.clone()
    }

    /// Whether another server than `id` is in order.
    #[must_use]
    pub fn has_another(&self, id: ServerId) -> bool {
        self.state.lock().others_usable(id, Instant::now())
    }

    /// TLS towards its servers; `None` inside when it speaks plain text.
    #[must_use]
    pub fn tls(&self) -> Arc<Option<OriginTlsConfig>> {
        self.tls.load_full()
    }

    /// Takes new settings; servers that are in both keep their state, leases and connections go on.
    /// A lowered cap holds from now on for new connections, and those above it go as they close.
    pub(super) fn reconfigure(self: &Arc<Self>, settings: Arc<Settings>, tls: Option<OriginTlsConfig>) {
        self.tls.store(Arc::new(tls));
        let mut targets = resolve::literals(&settings);
        {
            let mut state = self.state.lock();
            // Names resolved before stay valid until the resolver says otherwise.
            targets.extend(resolve::still_named(
                &settings,
                state.slots.iter().map(|slot| &slot.server.target),
            ));
            if settings.health.is_none() {
                state
                    .slots
                    .iter_mut()
                    .for_each(|slot| slot.health = Default::default());
            }
            let spoken = |settings: &Settings| (settings.tls.clone(), settings.http2);
            if spoken(&state.settings) != spoken(&settings) {
                // They cannot be reused, but would count until they time out.
                state.slots.iter_mut().for_each(|slot| slot.held.close_all());
            }
            state.resolving = targets.is_empty();
            state.settings = settings;
        }
        self.set_targets(targets);
        self.stale_names.notify_one();
        self.stock_low.notify_one();
    }

    /// Makes `targets` the live servers and says what changed.
    pub(super) fn set_targets(self: &Arc<Self>, targets: Vec<Target>) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let (came, went) = state.set_targets(targets);
        for slot in &state.slots {
            self.meters.healthy(slot, slot.usable(now));
        }
        for name in &went {
            self.meters.forget_server(name);
            tracing::info!(origin = self.name, server = name, "server left");
        }
        for name in &came {
            tracing::info!(origin = self.name, server = name, "server joined");
        }
        let idle = state.slots.iter().filter(|slot| slot.share == 0).count();
        if idle > 0 && !(came.is_empty() && went.is_empty()) {
            tracing::warn!(
                origin = self.name,
                idle,
                "connections_max is below the number of servers: some stand idle, raise it"
            );
        }
        self.settle(state, now);
    }

    /// The first resolution is over, with or without success: nobody waits for it any longer.
    pub(super) fn resolved(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.resolving = false;
        self.settle(state, Instant::now());
    }

    /// Picks a server and takes one of its places, waiting in line for it when all are taken.
    ///
    /// `key` decides under consistent hashing. Servers in `excluded` (already tried) are used only when
    /// no other one is in order. The wait ends at `queue_timeout` or at `deadline`, whichever is first.
    /// Dropping the future gives the place in line, or the lease it was just handed, back.
    ///
    /// # Errors
    /// [`LeaseError`]: queue full, waited too long, or no server worth asking.
    pub async fn lease(
        self: &Arc<Self>,
        key: u64,
        excluded: &[ServerId],
        deadline: Option<Instant>,
    ) -> Result<Lease, LeaseError> {
        let ask = Ask {
            key,
            excluded: excluded.to_vec(),
        };
        let result = match self.enter(ask, deadline, Instant::now()) {
            Entry::Done(result) => result,
            Entry::Queued { ticket, reply, until } => {
                let mut place = Place {
                    origin: self,
                    ticket,
                    reply,
                };
                match tokio::time::timeout_at(until, &mut place.reply).await {
                    Ok(Ok(result)) => result,
                    Ok(Err(_)) | Err(_) => Err(LeaseError::QueueTimeout),
                }
            }
        };
        if let Err(error) = &result {
            self.meters.refused(*error);
        }
        result
    }

    fn enter(self: &Arc<Self>, ask: Ask, deadline: Option<Instant>, now: Instant) -> Entry {
        let mut state = self.state.lock();
        let undelivered = self.dispatch(&mut state, now);
        let entry = match state.pick(&ask, now) {
            Pick::Server(index) => Entry::Done(self.grant(&mut state, index, now)),
            Pick::None(retry_after) => Entry::Done(Err(self.nobody(&mut state, retry_after))),
            Pick::Wait if state.waiters.len() >= state.settings.queue_max => {
                Entry::Done(Err(LeaseError::QueueFull))
            }
            Pick::Wait => {
                let patience = now + state.settings.queue_timeout;
                let until = deadline.map_or(patience, |deadline| deadline.min(patience));
                let (sender, reply) = oneshot::channel();
                let ticket = state.ticket();
                state.waiters.push_back(Waiter {
                    ticket,
                    ask,
                    reply: sender,
                });
                Entry::Queued { ticket, reply, until }
            }
        };
        self.meters.publish(&state);
        drop(state);
        drop(undelivered);
        entry
    }

    /// Hands free places to those who wait, in order. The leases returned found their waiter gone; they
    /// must be dropped after the lock.
    #[must_use]
    fn dispatch(self: &Arc<Self>, state: &mut State, now: Instant) -> Vec<Lease> {
        let mut undelivered = Vec::new();
        if state.saturated(now) {
            return undelivered;
        }
        let mut index = 0;
        while let Some(waiter) = state.waiters.get(index) {
            let choosy = state.settings.balance == Balance::ConsistentHash || !waiter.ask.excluded.is_empty();
            let pick = state.pick(&waiter.ask, now);
            if pick == Pick::Wait && !waiter.reply.is_closed() {
                if !choosy {
                    break;
                }
                index += 1;
                continue;
            }
            let Some(waiter) = state.waiters.remove(index) else {
                break;
            };
            if waiter.reply.is_closed() {
                continue;
            }
            let answer = match pick {
                Pick::Server(slot) => self.grant(state, slot, now),
                Pick::None(retry_after) => Err(self.nobody(state, retry_after)),
                Pick::Wait => continue,
            };
            if let Err(Ok(lease)) = waiter.reply.send(answer) {
                undelivered.push(lease);
            }
        }
        undelivered
    }

    fn grant(self: &Arc<Self>, state: &mut State, index: usize, now: Instant) -> Result<Lease, LeaseError> {
        if let Some(slot) = state.slots.get(index) {
            let (usable, trial) = (slot.usable(now), slot.breaker.standing(now) == Standing::TrialDue);
            // A trial proves nothing yet.
            if !trial {
                self.panic(state, !usable);
            }
        }
        match state.take(index, now) {
            Some((server, trial)) => Ok(Lease::new(self.clone(), server, trial)),
            None => Err(LeaseError::NoServer {
                retry_after: state.settings.eject.time,
            }),
        }
    }

    fn nobody(&self, state: &mut State, retry_after: std::time::Duration) -> LeaseError {
        self.panic(state, true);
        LeaseError::NoServer { retry_after }
    }

    /// Says once that no server is in order, and once that one is again.
    fn panic(&self, state: &mut State, panic: bool) {
        if panic == state.panic {
            return;
        }
        state.panic = panic;
        if panic {
            tracing::warn!(
                origin = self.name,
                "no server is in order: trying those that accept connections"
            );
        } else {
            tracing::info!(origin = self.name, "a server is in order again");
        }
    }

    /// After a change that may have freed a place: serve the queue, publish the gauges, unlock.
    fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State>, now: Instant) {
        let undelivered = if state.waiters.is_empty() {
            Vec::new()
        } else {
            self.dispatch(&mut state, now)
        };
        self.meters.publish(&state);
        drop(state);
        drop(undelivered);
    }

    /// Gives a lease's place back.
    pub(super) fn release(self: &Arc<Self>, id: ServerId, connection: Option<u64>, abandoned_trial: bool) {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(slot) = state.slot_mut(id) {
            if let Some(connection) = connection {
                slot.held.detach(connection, now);
            }
            slot.in_flight = slot.in_flight.saturating_sub(1);
            if abandoned_trial {
                slot.breaker.abandon(now);
            }
        }
        state.forget_retired();
        self.settle(state, now);
    }

    /// Takes in what became of a request to a server.
    pub(super) fn report(self: &Arc<Self>, id: ServerId, outcome: Outcome, now: Instant) {
        let mut state = self.state.lock();
        let eject = state.settings.eject;
        let last_usable = !state.others_usable(id, now);
        let Some(slot) = state.slot_mut(id) else { return };
        let change = slot.breaker.report(outcome, eject, last_usable, now);
        let name = &slot.server.target.name;
        match change {
            Change::None => return,
            Change::Ejected(time) => {
                tracing::warn!(
                    origin = self.name,
                    server = name,
                    ?outcome,
                    ?time,
                    "server put aside"
                );
            }
            Change::Restored => tracing::info!(origin = self.name, server = name, "server back in use"),
        }
        let usable = slot.health.healthy() && change == Change::Restored;
        self.meters.healthy(slot, usable);
        self.settle(state, now);
    }

    /// Takes in the result of an active check.
    pub(super) fn checked(self: &Arc<Self>, id: ServerId, good: bool, detail: &str) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let Some(health) = state.settings.health.clone() else {
            return;
        };
        let Some(slot) = state.slot_mut(id) else { return };
        let Some(healthy) = slot.health.observe(good, &health) else {
            return;
        };
        let name = &slot.server.target.name;
        if healthy {
            tracing::info!(origin = self.name, server = name, "server healthy");
        } else {
            tracing::warn!(origin = self.name, server = name, detail, "server unhealthy");
        }
        self.meters.healthy(slot, slot.usable(now));
        self.settle(state, now);
    }

    /// The origin left the configuration: warm connections close, leases given go on to their end.
    pub(super) fn close(self: &Arc<Self>) {
        self.empty_stock();
        for slot in &self.state.lock().slots {
            self.meters.forget_server(&slot.server.target.name);
        }
        self.meters.forget();
    }

    /// The bookkeeping, for the other parts of this room.
    pub(super) fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Ends a change made through [`Self::locked`].
    pub(super) fn unlock(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        self.settle(state, Instant::now());
    }
}

/// A place in line; leaving it early leaves no hole.
struct Place<'a> {
    origin: &'a Arc<Origin>,
    ticket: u64,
    reply: oneshot::Receiver<Result<Lease, LeaseError>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Taken out under the lock, dropped after it: a lease inside takes the lock again.
        let mut state = self.origin.state.lock();
        let position = state
            .waiters
            .iter()
            .position(|waiter| waiter.ticket == self.ticket);
        let waiter = position.and_then(|position| state.waiters.remove(position));
        self.origin.meters.publish(&state);
        drop(state);
        drop(waiter);
    }
}

#[cfg(test)]
mod tests;
