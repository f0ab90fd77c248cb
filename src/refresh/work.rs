//! One round of a site: fetches what is in line, a few at a time, as long as the origin keeps its pace.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::pace::{Next, Pace};
use super::{SiteRefresh, Url};

/// What came of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its answer is stored.
    Stored,
    /// It was fresh already: a visitor or another popgate was faster.
    FreshAlready,
    /// Its answer may not be stored.
    NotStored,
    /// There was no answer, or an error.
    Failed,
}

impl Outcome {
    /// The label in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::FreshAlready => "fresh_already",
            Self::NotStored => "not_stored",
            Self::Failed => "failed",
        }
    }
}

/// A fetch that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// What came of it.
    pub outcome: Outcome,
    /// When the origin began its answer, if it was asked.
    pub took: Option<Duration>,
}

/// Who fetches, and what must be known of the origin.
pub trait Fetch: Sync {
    /// Fetches a URL; `begun` is told when its answer begins.
    fn fetch(&self, url: Arc<Url>, begun: oneshot::Sender<()>) -> BoxFuture<'_, Done>;

    /// Requests that wait for a place at the origin.
    fn waiting(&self) -> usize;

    /// Counts what happened, so many times.
    fn count(&self, result: &'static str, times: usize);
}

struct Round<'a, F> {
    site: &'a SiteRefresh,
    fetcher: &'a F,
    pace: Pace,
    running: FuturesUnordered<BoxFuture<'a, (Done, bool)>>,
    slow: mpsc::UnboundedSender<()>,
    /// When the pause ends.
    paused_until: Option<Instant>,
}

/// Works until nothing waits.
pub async fn work<F: Fetch>(site: &SiteRefresh, fetcher: &F) {
    // At most one word for each fetch.
    let (slow, mut slowness) = mpsc::unbounded_channel();
    let mut round = Round {
        site,
        fetcher,
        pace: Pace::new(site.usual()),
        running: FuturesUnordered::new(),
        slow,
        paused_until: None,
    };
    loop {
        round.start();
        if round.running.is_empty() && round.paused_until.is_none() {
            if site.queue().lock().rest() {
                return;
            }
            continue;
        }
        let pause = round.paused_until;
        tokio::select! {
            Some((done, was_slow)) = round.running.next() => round.end(done, was_slow),
            Some(()) = slowness.recv() => round.pace.stumbled(),
            () = site.more() => {}
            () = until(pause), if pause.is_some() => round.paused_until = None,
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

impl<F: Fetch> Round<'_, F> {
    /// Starts as many fetches as may be.
    fn start(&mut self) {
        let Some(terms) = self.site.terms() else {
            self.give_up();
            self.paused_until = None;
            return;
        };
        while self.paused_until.is_none()
            && self.running.len() < terms.concurrent
            && !self.site.queue().lock().is_empty()
        {
            match self.pace.next(self.fetcher.waiting()) {
                Next::Fetch => self.fetch(),
                Next::Pause(time) => {
                    self.fetcher.count("paused", 1);
                    self.paused_until = Some(Instant::now() + time);
                }
                Next::GiveUp => self.give_up(),
            }
        }
    }

    fn fetch(&mut self) {
        let Some(url) = self.site.queue().lock().take() else {
            return;
        };
        let (begun, begins) = oneshot::channel();
        let fetch = self.fetcher.fetch(url, begun);
        let (patience, slow) = (self.pace.patience(), self.slow.clone());
        self.running.push(Box::pin(async move {
            let watch = async {
                // A fetch that ends without an answer is no longer slow.
                let in_time = tokio::time::timeout(patience, begins).await.is_ok();
                if !in_time {
                    // The round that listens may be over.
                    let _ = slow.send(());
                }
                !in_time
            };
            tokio::join!(fetch, watch)
        }));
    }

    fn end(&mut self, done: Done, was_slow: bool) {
        self.fetcher.count(done.outcome.as_str(), 1);
        match done.outcome {
            Outcome::Failed => self.pace.stumbled(),
            _ if was_slow => {}
            Outcome::Stored | Outcome::FreshAlready | Outcome::NotStored => {
                self.pace.went_well(done.took);
                if let Some(took) = done.took {
                    self.site.note_time(took);
                }
            }
        }
    }

    fn give_up(&mut self) {
        let dropped = self.site.queue().lock().clear();
        self.fetcher.count("dropped", dropped);
        // Whatever is purged from now on gets a try of its own.
        self.pace = Pace::new(self.site.usual());
    }
}

#[cfg(test)]
mod tests;
