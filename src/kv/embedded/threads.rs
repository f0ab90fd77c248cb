//! The threads that touch the file.
//!
//! A pool of their own, because a shared one grows with every burst: each of its threads keeps pieces of the allocator's memory
//! for itself, which is more than the database's cache.

use tokio::runtime::{Builder, Handle, Runtime};

use crate::kv::KvError;

/// Threads; the file's cache answers most reads in microseconds.
const THREADS: usize = 4;

/// A pool of a few threads for blocking calls.
pub(super) struct Threads {
    pool: Option<Runtime>,
    handle: Handle,
}

impl Threads {
    /// Starts a thread when it is first needed.
    ///
    /// # Errors
    /// The system's, when it has no resources left.
    pub(super) fn new() -> std::io::Result<Self> {
        // Nothing runs on this runtime but its blocking threads.
        let pool = Builder::new_current_thread()
            .max_blocking_threads(THREADS)
            .thread_name("kv")
            .build()?;
        Ok(Self {
            handle: pool.handle().clone(),
            pool: Some(pool),
        })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // What is at work finishes; nobody may block for it here.
        if let Some(pool) = self.pool.take() {
            pool.shutdown_background();
        }
    }
}

/// Does `work` on one of the threads.
pub(super) async fn blocking<T: Send + 'static>(
    threads: &Handle,
    work: impl FnOnce() -> Result<T, redb::Error> + Send + 'static,
) -> Result<T, KvError> {
    match threads.spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| KvError::Store(error.to_string())),
        Err(_) => Err(KvError::Closed),
    }
}
