//! How long a connection waits for its client, with one timer for all waits.
//!
//! Arming a timer costs more than many a hit. So the timer is not touched when a wait begins: it stands where
//! it was, and when it fires it is set to the end of the wait that is going on then.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::server::drain::Lifecycle;

/// After so long without a request a connection gives its buffers back.
const LULL: Duration = Duration::from_secs(1);

/// What a wait ended with before its client did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client has been quiet for a while: its buffers may go. The wait goes on.
    Lull,
    /// The wait is over.
    Late,
    /// The process stops.
    Draining,
}

/// One connection's patience.
pub(super) struct Patience {
    timer: Pin<Box<Sleep>>,
    draining: BoxFuture<'static, ()>,
    /// When this wait ends.
    until: Instant,
    /// Until when buffers are kept; `None`: they are gone, or in use.
    lull: Option<Instant>,
    /// Bytes of a request are there: a stop lets it come.
    begun: bool,
}

impl Patience {
    /// Nothing is waited for yet.
    pub(super) fn new(life: &Lifecycle) -> Self {
        let now = Instant::now();
        Self {
            timer: Box::pin(sleep_until(now + LULL)),
            draining: Box::pin(life.draining()),
            until: now,
            lull: None,
            begun: false,
        }
    }

    /// Begins to wait for a request, from `now` on, for so long.
    pub(super) fn for_request(&mut self, now: Instant, wait: Duration) {
        self.until = now + wait;
        self.lull = Some(now + LULL);
        self.begun = false;
    }

    /// The request has begun: its head is to be whole within `wait` from then. Later calls change nothing.
    pub(super) fn for_head(&mut self, wait: Duration) {
        if !self.begun {
            self.until = Instant::now() + wait;
            self.lull = None;
            self.begun = true;
        }
    }

    /// Ready when the client took too long, or nothing is to be waited for any more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if !self.begun && self.draining.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ended::Draining);
        }
        loop {
            let next = self.lull.map_or(self.until, |lull| lull.min(self.until));
            if self.timer.deadline() > next {
                self.timer.as_mut().reset(next);
            }
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.until {
                return Poll::Ready(Ended::Late);
            }
            if self.lull.take_if(|lull| now >= *lull).is_some() {
                self.timer.as_mut().reset(self.until);
                return Poll::Ready(Ended::Lull);
            }
            self.timer.as_mut().reset(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::server::drain::Phase;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn ended(patience: &mut Patience) -> Ended {
        poll_fn(|cx| patience.poll(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_client_lulls_and_is_late_in_the_end() {
        let life = Lifecycle::default();
        let mut patience = Patience::new(&life);
        let begin = Instant::now();
        patience.for_request(begin, MINUTE);
        assert_eq!(ended(&mut patience).await, Ended::Lull);
        assert_eq!(begin.elapsed().as_secs(), 1);
        assert_eq!(ended(&mut patience).await, Ended::Late);
        assert_eq!(begin.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_whole_time_though_the_timer_is_not_touched() {
        let life = Lifecycle::default();
        let mut patience = Patience::new(&life);
        for _ in 0..10 {
            patience.for_request(Instant::now(), MINUTE);
            assert!(futures::poll!(Box::pin(ended(&mut patience))).is_pending());
            tokio::time::advance(Duration::from_millis(700)).await;
        }
        let begin = Instant::now();
        patience.for_request(begin, MINUTE);
        assert_eq!(ended(&mut patience).await, Ended::Lull);
        assert_eq!(ended(&mut patience).await, Ended::Late);
        assert_eq!(begin.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_head_has_one_deadline() {
        let life = Lifecycle::default();
        let mut patience = Patience::new(&life);
        patience.for_request(Instant::now(), MINUTE);
        assert_eq!(ended(&mut patience).await, Ended::Lull);
        let begin = Instant::now();
        for _ in 0..4 {
            patience.for_head(Duration::from_secs(5));
            assert!(futures::poll!(Box::pin(ended(&mut patience))).is_pending());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        patience.for_head(Duration::from_secs(5));
        assert_eq!(ended(&mut patience).await, Ended::Late);
        assert_eq!(begin.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_an_idle_wait_but_not_a_begun_head() {
        let life = Lifecycle::default();
        let mut patience = Patience::new(&life);
        patience.for_request(Instant::now(), MINUTE);
        patience.for_head(MINUTE);
        life.enter(Phase::Draining);
        assert!(futures::poll!(Box::pin(ended(&mut patience))).is_pending());
        patience.for_request(Instant::now(), MINUTE);
        assert_eq!(ended(&mut patience).await, Ended::Draining);
    }
}
