//! Reading the stream again after this process stood still, over the shared connection: the one that
//! follows the stream may be waiting for an answer from before.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use super::{PurgeLog, Purged, stream};
use crate::redis_link::RedisLink;

/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(50);
/// The same after many.
const RETRY_SLOW: Duration = Duration::from_millis(500);
/// Tries before the pause grows.
const TRIES: u32 = 20;

/// Watches over the log until it is dropped: beats, and closes the gaps that a missed beat opens.
pub async fn guard(log: Arc<PurgeLog>, link: Arc<RedisLink>, key: String, purged: Purged) {
    let close = async {
        loop {
            log.gap_opened().await;
            close(&log, &link, &key, &purged).await;
        }
    };
    tokio::join!(log.beat(), close);
}

/// Tries until the gap is closed, here or by a new session that read the stream.
async fn close(log: &PurgeLog, link: &RedisLink, key: &str, purged: &Purged) {
    let mut tries = 0_u32;
    while log.has_gap() {
        let epoch = log.gap_epoch();
        match read(log, link, key, purged).await {
            Some(true) => {
                if log.close_gap(epoch) {
                    return;
                }
                continue;
            }
            Some(false) => {
                // The record last seen is gone, and with it what came after.
                log.forget_all();
                continue;
            }
            None if log.forgive_gap() => return,
            None => {}
        }
        tries = tries.saturating_add(1);
        tokio::time::sleep(if tries < TRIES { RETRY } else { RETRY_SLOW }).await;
    }
}

/// Reads the stream to its end. `None`: Redis did not answer, or nothing was read before; false: the stream
/// does not go on from what was read before.
async fn read(log: &PurgeLog, link: &RedisLink, key: &str, purged: &Purged) -> Option<bool> {
    let mut last = log.last_read()?;
    loop {
        let answer: Value = link
            .query("purge", &stream::page(key, Some(last), stream::PAGE))
            .await
            .ok()?;
        let records = stream::records(&answer)?;
        if records.first().is_none_or(|(first, _)| *first != last) {
            return Some(false);
        }
        for (id, record) in &records {
            if log.apply_record(*id, record) {
                purged(record);
            }
        }
        if records.len() < stream::PAGE {
            return Some(true);
        }
        last = records.last().map_or(last, |(id, _)| *id);
    }
}
