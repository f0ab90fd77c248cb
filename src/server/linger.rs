//! The end of a connection whose client still sends.
//!
//! A socket that is closed with bytes unread resets the connection, and the reset may overtake the answer: who uploads too much
//! would never see why it was refused. So the answer's end is told, and what still comes is read and thrown away for a while
//! (RFC 9112 9.6).

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::telemetry::Metrics;

/// Sockets that linger at the same time; a connection beyond them is closed at once.
const MOST: usize = 1024;
/// Read at once.
const PIECE: usize = 16 * 1024;

/// Sockets on their way out.
pub struct Lingering {
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Lingering {
    /// None yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(MOST)),
            metrics,
        }
    }

    /// Keeps the socket behind `tcp`, which is about to be dropped, for at most `time` or until the client closes.
    pub(super) fn keep(&self, tcp: &impl AsFd, time: Duration) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return;
        };
        let Ok(tcp) = SockRef::from(tcp)
            .try_clone()
            .and_then(|socket| TcpStream::from_std(socket.into()))
        else {
            return;
        };
        let count = self.metrics.lingering.clone();
        runtime.spawn(async move {
            count.inc();
            // However it ends, the answer had its time.
            let _ = tokio::time::timeout(time, discard(tcp)).await;
            count.dec();
            drop(place);
        });
    }
}

async fn discard(mut tcp: TcpStream) -> std::io::Result<()> {
    tcp.shutdown().await?;
    let mut piece = vec![0; PIECE];
    while tcp.read(&mut piece).await? > 0 {}
    Ok(())
}
