//! Reloads asked for over the admin listener, carried out where signals are obeyed: one after another.

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::App;

/// Reloads that may wait.
const WAITING_MAX: usize = 16;

/// What came of a reload: the keys that need a restart, or what is wrong.
pub type Outcome = Result<Vec<&'static str>, Vec<String>>;

/// Whom a reload is asked of.
#[derive(Debug)]
pub struct ReloadRequests {
    sender: Mutex<Option<mpsc::Sender<oneshot::Sender<Outcome>>>>,
    receiver: AsyncMutex<mpsc::Receiver<oneshot::Sender<Outcome>>>,
}

impl Default for ReloadRequests {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self {
            sender: Mutex::new(Some(sender)),
            receiver: AsyncMutex::new(receiver),
        }
    }
}

impl App {
    /// Asks for a reload and waits for its outcome; `None` when none is made any more, or too many wait.
    pub async fn ask_for_reload(&self) -> Option<Outcome> {
        let sender = self.requests.sender.lock().clone()?;
        let (answer, outcome) = oneshot::channel();
        sender.try_send(answer).ok()?;
        drop(sender);
        outcome.await.ok()
    }

    /// Waits for somebody who asks for a reload.
    pub async fn reload_asked(&self) -> oneshot::Sender<Outcome> {
        match self.requests.receiver.lock().await.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// From now on nobody is reloaded: the process stops.
    pub async fn refuse_reloads(&self) {
        *self.requests.sender.lock() = None;
        let mut receiver = self.requests.receiver.lock().await;
        receiver.close();
        while receiver.try_recv().is_ok() {}
    }
}
