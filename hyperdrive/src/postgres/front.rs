//! One PostgreSQL database that is served.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use lru::LruCache;
use parking_lot::{Mutex, RwLock};
use rand::Rng as _;

use super::origin::{Origin, Settings, Target, Want};
use super::scram::Verifier;
use super::session;
use crate::config::Database;
use crate::listener::{Door, Front, Task};
use crate::net::{BoxIo, TlsError};
use crate::observe::{Event, Observer};
use crate::pool::{Pool, Snapshot};

/// Sorts of sessions whose reports are remembered.
const GREETINGS: NonZeroUsize = match NonZeroUsize::new(1000) {
    Some(number) => number,
    None => NonZeroUsize::MIN,
};

/// What is under way for a client, to be cancelled; held while a cancel request is delivered, so that the
/// connection serves nobody else meanwhile.
pub(super) type Slot = tokio::sync::Mutex<Option<Target>>;

/// What servers report to a session that starts with these settings.
type Greetings = LruCache<(Want, Settings), Arc<BTreeMap<String, String>>>;

/// A database.
pub struct Postgres {
    pub(super) pool: Arc<Pool<Origin>>,
    pub(super) observer: Arc<dyn Observer>,
    verifiers: RwLock<HashMap<String, Arc<Verifier>>>,
    /// Makes up salts for names that nobody has.
    secret: [u8; 32],
    slots: Mutex<HashMap<(i32, i32), Arc<Slot>>>,
    next_pid: AtomicI32,
    clients: AtomicUsize,
    greetings: Mutex<Greetings>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Postgres({})", self.pool.backend().settings().name)
    }
}

fn verifiers(settings: &Database) -> HashMap<String, Arc<Verifier>> {
    let users = settings.users.iter();
    users
        .map(|user| {
            (
                user.name.clone(),
                Arc::new(Verifier::new(&user.password, rand::rng().random())),
            )
        })
        .collect()
}

/// A client that counts, until it is dropped.
pub(super) struct Ticket {
    front: Arc<Postgres>,
    /// What the client cancels with.
    pub(super) key: (i32, i32),
    pub(super) slot: Arc<Slot>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.front.slots.lock().remove(&self.key);
        self.front.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Postgres {
    /// For these settings; derives keys from the passwords, which takes milliseconds each.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(settings: Arc<Database>, observer: Arc<dyn Observer>) -> Result<Arc<Self>, TlsError> {
        let origin = Arc::new(Origin::new(Arc::clone(&settings))?);
        Ok(Arc::new(Self {
            pool: Pool::new(origin, settings.sizes()),
            observer,
            verifiers: RwLock::new(verifiers(&settings)),
            secret: rand::rng().random(),
            slots: Mutex::default(),
            next_pid: AtomicI32::new(1),
            clients: AtomicUsize::new(0),
            greetings: Mutex::new(LruCache::new(GREETINGS)),
        }))
    }

    /// How a name proves itself; a name that nobody has is treated alike.
    pub(super) fn verifier(&self, user: &str) -> Arc<Verifier> {
        let fake = Verifier::fake(&self.secret, user);
        let known = self.verifiers.read().get(user).cloned();
        known.unwrap_or_else(|| Arc::new(fake))
    }

    /// Counts a client; `None` when there is no room.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Ticket> {
        let most = self.settings().limits.clients_max;
        if self.clients.fetch_add(1, Ordering::Relaxed) >= most {
            self.clients.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let pid = self.next_pid.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let key = (pid, rand::rng().random());
        let slot = Arc::new(Slot::default());
        self.slots.lock().insert(key, Arc::clone(&slot));
        Some(Ticket {
            front: Arc::clone(self),
            key,
            slot,
        })
    }

    /// Cancels what runs for the client with this key, if anything does.
    pub(super) async fn cancel(&self, key: (i32, i32)) {
        let slot = self.slots.lock().get(&key).cloned();
        if let Some(slot) = slot
            && let Some(target) = &*slot.lock().await
        {
            target.cancel().await;
        }
    }

    pub(super) fn greeting(&self, want: &Want, settings: &Settings) -> Option<Arc<BTreeMap<String, String>>> {
        self.greetings
            .lock()
            .get(&(want.clone(), Arc::clone(settings)))
            .cloned()
    }

    pub(super) fn learn(&self, want: &Want, settings: &Settings, told: BTreeMap<String, String>) {
        self.greetings
            .lock()
            .put((want.clone(), Arc::clone(settings)), Arc::new(told));
    }

    pub(super) fn observe(&self, event: Event) {
        self.observer.observe(&self.pool.backend().settings().name, event);
    }
}

impl Front for Postgres {
    fn settings(&self) -> Arc<Database> {
        self.pool.backend().settings()
    }

    fn reload(&self, settings: Arc<Database>) -> Result<(), TlsError> {
        let old = self.settings();
        self.pool.backend().reload(Arc::clone(&settings))?;
        if old.users != settings.users {
            *self.verifiers.write() = verifiers(&settings);
        }
        self.greetings.lock().clear();
        self.pool.resize(settings.sizes());
        if (&old.servers, &old.tls, &old.users) != (&settings.servers, &settings.tls, &settings.users) {
            self.pool.reconnect();
        }
        Ok(())
    }

    fn serve(self: Arc<Self>, io: BoxIo, door: Door) -> Task {
        Box::pin(session::serve(self, io, door))
    }

    fn keep(self: Arc<Self>) -> Task {
        Box::pin(Arc::clone(&self.pool).keep())
    }

    fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    fn snapshot(&self) -> Snapshot {
        self.pool.snapshot()
    }

    fn pause(self: Arc<Self>) -> Task {
        Box::pin(async move { self.pool.pause().await })
    }

    fn resume(&self) {
        self.pool.resume();
    }

    fn close(&self) {
        self.pool.close();
    }
}
