//! One read of a slot at a time: whoever asks meanwhile gets the same answer.

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::Shared;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{Answer, News};
use crate::cache::key::KeyHash;

/// Reads under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::cache) struct Flights(Arc<Mutex<Reads>>);

type Reads = HashMap<KeyHash, Read>;

#[derive(Debug)]
struct Read {
    answer: Shared<oneshot::Receiver<Answer>>,
    /// What was heard of the slot since it began.
    news: Option<News>,
}

/// Ends a read, also one that panics.
struct Landing {
    flights: Flights,
    slot: KeyHash,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.slot);
    }
}

impl Flights {
    /// The answer of the read under way for `slot`, else of `read`, which goes on to its end even if
    /// who asked for it goes away.
    pub(in crate::cache) async fn join<F>(&self, slot: KeyHash, read: impl FnOnce() -> F) -> Answer
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let answer = {
            let mut reads = self.0.lock();
            match reads.get(&slot) {
                Some(read) => read.answer.clone(),
                None => {
                    let (sender, receiver) = oneshot::channel();
                    let answer = receiver.shared();
                    let under_way = Read {
                        answer: answer.clone(),
                        news: None,
                    };
                    reads.insert(slot, under_way);
                    tokio::spawn(self.clone().fly(slot, sender, read()));
                    answer
                }
            }
        };
        answer.await.unwrap_or(Answer::Error)
    }

    /// Tells the read under way for `slot`, if there is one, that its answer may be out of date.
    pub(in crate::cache) fn tell(&self, slot: KeyHash, news: News) {
        if let Some(read) = self.0.lock().get_mut(&slot) {
            read.news = read.news.max(Some(news));
        }
    }

    /// What the read under way for `slot` was told.
    pub(in crate::cache) fn told(&self, slot: KeyHash) -> Option<News> {
        self.0.lock().get(&slot)?.news
    }

    async fn fly(self, slot: KeyHash, sender: oneshot::Sender<Answer>, read: impl Future<Output = Answer>) {
        let landing = Landing { flights: self, slot };
        let answer = read.await;
        drop(landing);
        // Nobody left to hear it is fine: the read has done its work.
        let _ = sender.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_asks_meanwhile_shares_the_answer() {
        let flights = Flights::default();
        let reads = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let reads = Arc::clone(&reads);
            flights.join(KeyHash(1), || async move {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Answer::Miss
            })
        };
        let answers = futures::future::join_all((0..100).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Miss)));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        ask().await;
        assert_eq!(
            reads.load(Ordering::Relaxed),
            2,
            "a new read after the first ended"
        );
    }

    #[tokio::test]
    async fn a_read_goes_on_without_who_asked_for_it() {
        let flights = Flights::default();
        let (done, finished) = oneshot::channel();
        let (go, wait) = oneshot::channel::<()>();
        {
            let asked = flights.join(KeyHash(1), || async move {
                let _ = wait.await;
                let _ = done.send(());
                Answer::Miss
            });
            tokio::pin!(asked);
            assert!(futures::poll!(asked).is_pending());
        }
        go.send(()).unwrap();
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn a_read_that_panics_is_an_error_and_ends() {
        let flights = Flights::default();
        let answer = flights
            .join(KeyHash(1), || async { panic!("a bug in the read") })
            .await;
        assert!(matches!(answer, Answer::Error));
        let answer = flights.join(KeyHash(1), || async { Answer::Miss }).await;
        assert!(matches!(answer, Answer::Miss));
    }
}
