//! One Redis client for `cache` and `kv`: a multiplexed connection behind a timeout and a breaker.
//!
//! Redis is best effort. A link never blocks its caller longer than its timeout and never waits for a
//! connection (but for the very first one): while there is none, every call answers [`LinkError::Skipped`] at
//! once. A supervisor task
//! owns the connection. It is the only one that connects, one attempt at a time with back-off, and
//! publishes a connection only after Redis answered a ping on it within the timeout.
//!
//! The breaker is the connection itself: a few failures in a row, a burst of timeouts, a lost connection
//! or an answer that does not fit take the connection away, and the supervisor's next good ping brings
//! a new one. So a connection with replies outstanding is never handed out again, and a command can never
//! read the answer of one that was given up.
//!
//! Lock order: `Shared::gate` guards every change of `Shared::live`; nothing is awaited under it.

mod backoff;
mod breaker;
mod cause;
mod connect;
mod dedicated;
mod supervise;
mod target;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use redis::{Cmd, FromRedisValue, Pipeline, PushInfo, Value};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::config::model::RedisTarget;
use crate::telemetry::Metrics;

use breaker::Breaker;
use cause::Weight;
use connect::{Connection, Connector};

pub use cause::Cause;
pub use connect::RedisLinkError;
pub use dedicated::Dedicated;

/// Why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no connection: the command was not sent, nothing was waited for.
    #[error("redis was not asked: it failed lately")]
    Skipped,
    /// No answer within the link's timeout; the command may or may not have run.
    #[error("redis did not answer in time")]
    Timeout,
    /// Redis refused the command or the connection broke.
    #[error("redis failed: {0}")]
    Failed(String),
}

/// What a link can do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// No connection; commands are skipped.
    Down,
    /// Connected. The number grows with every new connection: a change means that messages may have
    /// been missed and a catch-up is due.
    Up(u64),
}

/// Called with every push message of the shared connection, from its reader: must not block.
pub type PushHandler = Arc<dyn Fn(&PushInfo) + Send + Sync>;

/// A connection with the number of its [`LinkState::Up`].
#[derive(Clone)]
struct Live {
    connection: Connection,
    generation: u64,
    tracked: bool,
}

/// What the link and its supervisor share.
struct Shared {
    connector: Connector,
    use_name: &'static str,
    timeout: Duration,
    metrics: Arc<Metrics>,
    live: ArcSwapOption<Live>,
    state: watch::Sender<LinkState>,
    gate: Mutex<Breaker>,
    /// Set while the breaker has failures to forget, so that a success rarely takes the lock.
    troubled: AtomicBool,
    /// True once the first attempt to connect has ended.
    settled: watch::Sender<bool>,
    born: Instant,
    /// Wakes the supervisor: the connection was dropped, or should be checked now.
    wake: Notify,
}

/// One Redis, reached through one shared connection. Its supervisor stops when the last link is dropped.
pub struct RedisLink {
    shared: Arc<Shared>,
    supervisor: AbortHandle,
    /// Who hears the push messages of [`RedisLink::with_broadcast`].
    listener: Arc<OnceLock<PushHandler>>,
}

impl std::fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLink")
            .field("target", &self.shared.connector.name())
            .field("use", &self.shared.use_name)
            .field("state", &*self.shared.state.borrow())
            .finish_non_exhaustive()
    }
}

impl Drop for RedisLink {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl RedisLink {
    /// A link that connects in the background. `use_name` labels metrics and logs, `timeout` bounds every
    /// command. Must be called inside a Tokio runtime, which then drives the connection.
    ///
    /// # Errors
    /// When the target cannot be used whatever Redis says: an unreadable CA file, no runtime. A Redis
    /// that is down is no error.
    pub fn new(
        target: &RedisTarget,
        use_name: &'static str,
        timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, RedisLinkError> {
        Self::start(
            Connector::new(target)?,
            use_name,
            timeout,
            metrics,
            Arc::default(),
        )
    }

    /// As [`RedisLink::new`], with the server told to report changes of the keys that were read
    /// (`CLIENT TRACKING`). `on_push` hears these and all other push messages. Where tracking is not
    /// to be had (clusters, forbidden by an ACL) [`RedisLink::tracked`] says so.
    ///
    /// # Errors
    /// As [`RedisLink::new`].
    pub fn with_tracking(
        target: &RedisTarget,
        use_name: &'static str,
        timeout: Duration,
        metrics: Arc<Metrics>,
        on_push: PushHandler,
    ) -> Result<Arc<Self>, RedisLinkError> {
        Self::start(
            Connector::new(target)?.tracking(on_push, Vec::new()),
            use_name,
            timeout,
            metrics,
            Arc::default(),
        )
    }

    /// As [`RedisLink::new`], with the server told to report what other connections change under the keys that
    /// begin with one of `prefixes` (`CLIENT TRACKING` in broadcast mode), whether they were read or not.
    /// [`RedisLink::listen`] says who hears it.
    ///
    /// # Errors
    /// As [`RedisLink::new`].
    pub fn with_broadcast(
        target: &RedisTarget,
        use_name: &'static str,
        timeout: Duration,
        metrics: Arc<Metrics>,
        prefixes: Vec<String>,
    ) -> Result<Arc<Self>, RedisLinkError> {
        let listener = Arc::<OnceLock<PushHandler>>::default();
        let hears = Arc::clone(&listener);
        let on_push = Arc::new(move |push: &PushInfo| {
            if let Some(hear) = hears.get() {
                hear(push);
            }
        });
        let connector = Connector::new(target)?.tracking(on_push, prefixes);
        Self::start(connector, use_name, timeout, metrics, listener)
    }

    /// From now on `on_push` hears the messages of [`RedisLink::with_broadcast`]. Only the first one does.
    pub fn listen(&self, on_push: PushHandler) {
        let _ = self.listener.set(on_push);
    }

    fn start(
        connector: Connector,
        use_name: &'static str,
        timeout: Duration,
        metrics: Arc<Metrics>,
        listener: Arc<OnceLock<PushHandler>>,
    ) -> Result<Arc<Self>, RedisLinkError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| RedisLinkError::NoRuntime)?;
        let shared = Arc::new(Shared {
            connector,
            use_name,
            timeout,
            metrics,
            live: ArcSwapOption::empty(),
            state: watch::Sender::new(LinkState::Down),
            gate: Mutex::new(Breaker::default()),
            troubled: AtomicBool::new(false),
            settled: watch::Sender::new(false),
            born: Instant::now(),
            wake: Notify::new(),
        });
        shared.gauge(false);
        let supervisor = runtime.spawn(supervise::run(Arc::clone(&shared))).abort_handle();
        Ok(Arc::new(Self {
            shared,
            supervisor,
            listener,
        }))
    }

    /// Sends one command. `op` labels `popgate_redis_errors_total`.
    ///
    /// # Errors
    /// [`LinkError::Skipped`] at once without a connection, [`LinkError::Timeout`] after the link's
    /// timeout, else what Redis said.
    pub async fn query<T: FromRedisValue>(&self, op: &'static str, command: &Cmd) -> Result<T, LinkError> {
        let Some(live) = self.shared.live().await else {
            return Err(LinkError::Skipped);
        };
        let mut connection = live.connection.clone();
        let answer =
            tokio::time::timeout(self.shared.timeout, command.query_async::<Value>(&mut connection)).await;
        self.shared.judge(op, &live, answer)
    }

    /// Sends several commands at once and waits for all answers within one timeout. In a cluster a
    /// transaction must stay in one hash slot, and plain pipelines are sent as single commands.
    ///
    /// # Errors
    /// As [`RedisLink::query`]; one failed command fails the whole.
    pub async fn pipeline<T: FromRedisValue>(
        &self,
        op: &'static str,
        pipeline: &Pipeline,
    ) -> Result<T, LinkError> {
        let Some(live) = self.shared.live().await else {
            return Err(LinkError::Skipped);
        };
        let answer =
            tokio::time::timeout(self.shared.timeout, live.connection.clone().pipeline(pipeline)).await;
        self.shared.judge(op, &live, answer)
    }

    /// A connection of its own for blocking commands and subscriptions. Not counted by the breaker; at
    /// most as long as the connection deadline, and skipped while the link is down.
    ///
    /// # Errors
    /// [`LinkError::Skipped`] while the link is down, else why the connection failed.
    pub async fn dedicated(&self) -> Result<Dedicated, LinkError> {
        if self.shared.live.load().is_none() {
            return Err(LinkError::Skipped);
        }
        Dedicated::open(&self.shared.connector).await.map_err(|error| {
            self.shared.count_error("connect");
            LinkError::Failed(error.to_string())
        })
    }

    /// The state now, and a way to wait for its next change.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<LinkState> {
        self.shared.state.subscribe()
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.shared
            .live
            .load()
            .as_ref()
            .map_or(LinkState::Down, |live| LinkState::Up(live.generation))
    }

    /// The number of the current connection if its server reports changes of keys that were read.
    #[must_use]
    pub fn tracked(&self) -> Option<u64> {
        self.shared
            .live
            .load()
            .as_ref()
            .filter(|live| live.tracked)
            .map(|live| live.generation)
    }

    /// Whether the target is a cluster, where multi-key commands must stay in one hash slot.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.shared.connector.is_cluster()
    }

    /// The longest wait for one command.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.shared.timeout
    }
}

impl Shared {
    /// The connection, if there is one. In the first `timeout` of a link's life the first attempt to
    /// connect is waited for, so that the first requests after a start find what is stored.
    async fn live(&self) -> Option<Arc<Live>> {
        let live = self.live.load_full();
        if live.is_some() {
            return live;
        }
        let left = self.timeout.checked_sub(self.born.elapsed())?;
        let mut settled = self.settled.subscribe();
        let _ = tokio::time::timeout(left, settled.wait_for(|settled| *settled)).await;
        self.live.load_full()
    }

    /// Turns an answer into a result and tells the breaker.
    fn judge<T: FromRedisValue>(
        &self,
        op: &'static str,
        live: &Live,
        answer: Result<redis::RedisResult<Value>, tokio::time::error::Elapsed>,
    ) -> Result<T, LinkError> {
        match answer {
            Err(_) => {
                self.count_error(op);
                self.failed(live, Weight::Timeout, Cause::Timeout, "no answer in time");
                Err(LinkError::Timeout)
            }
            Ok(Err(error)) => {
                self.count_error(op);
                let cause = Cause::of(&error);
                self.failed(live, cause.weight(), cause, &error.to_string());
                Err(LinkError::Failed(error.to_string()))
            }
            Ok(Ok(value)) => match T::from_redis_value(value) {
                Ok(value) => {
                    self.succeeded();
                    Ok(value)
                }
                // An answer of the wrong shape may be another command's: check before going on.
                Err(error) => {
                    self.count_error(op);
                    self.failed(live, Weight::Failure, Cause::Protocol, &error.to_string());
                    Err(LinkError::Failed(error.to_string()))
                }
            },
        }
    }

    fn succeeded(&self) {
        if self.troubled.swap(false, Ordering::Relaxed) {
            self.gate.lock().success();
        }
    }

    fn failed(&self, live: &Live, weight: Weight, cause: Cause, detail: &str) {
        let opened = match weight {
            Weight::None => {
                self.refused(cause, detail);
                return;
            }
            Weight::Fatal => true,
            Weight::Failure => self.gate.lock().failure(),
            Weight::Timeout => self.gate.lock().timeout(Instant::now()),
        };
        self.troubled.store(true, Ordering::Relaxed);
        if opened {
            self.take_down(live.generation, cause, detail);
        } else {
            self.wake.notify_one();
        }
    }

    /// A command that a healthy Redis refused; said once per cause and connection.
    fn refused(&self, cause: Cause, detail: &str) {
        if self.gate.lock().first_refusal(cause) {
            tracing::warn!(r#use = self.use_name, redis = %self.connector.name(), cause = cause.as_str(),
                detail, "redis refuses commands");
        }
    }

    /// Makes `connection` the one that commands use.
    fn bring_up(&self, connection: Connection, tracked: bool) -> u64 {
        let mut breaker = self.gate.lock();
        let generation = breaker.next_generation();
        self.troubled.store(false, Ordering::Relaxed);
        self.live.store(Some(Arc::new(Live {
            connection,
            generation,
            tracked,
        })));
        self.gauge(false);
        self.state.send_replace(LinkState::Up(generation));
        drop(breaker);
        tracing::info!(r#use = self.use_name, redis = %self.connector.name(), generation, tracked, "redis is up");
        generation
    }

    /// Opens the breaker if `generation` is still the current connection.
    fn take_down(&self, generation: u64, cause: Cause, detail: &str) {
        let gate = self.gate.lock();
        let current = self
            .live
            .load()
            .as_ref()
            .is_some_and(|live| live.generation == generation);
        if current {
            self.live.store(None);
            self.gauge(true);
            self.state.send_replace(LinkState::Down);
        }
        drop(gate);
        if current {
            self.say_down(cause, detail);
            self.wake.notify_one();
        }
    }

    fn say_down(&self, cause: Cause, detail: &str) {
        tracing::warn!(r#use = self.use_name, redis = %self.connector.name(), cause = cause.as_str(), detail,
            "redis is down: {}", cause.mend());
    }

    fn gauge(&self, open: bool) {
        self.metrics
            .redis_breaker_open
            .with_label_values(&[self.use_name])
            .set(i64::from(open));
    }

    fn count_error(&self, op: &str) {
        self.metrics.redis_errors.with_label_values(&[op]).inc();
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
