//! Reading the other popgates' purges from Redis, without missing one.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use redis::Value;
use tokio::sync::watch;

use super::record::Record;
use super::stream_id::StreamId;
use super::{PurgeLog, proof, stream};
use crate::cache::entry::PurgeSeq;
use crate::clock::millis;
use crate::redis_link::{Dedicated, LinkError, LinkState, RedisLink};

/// Called with every record of another popgate: hard purges of everything give memory back.
pub type Purged = Arc<dyn Fn(&Record) + Send + Sync>;

/// How long one `XREAD` waits at the server.
const BLOCK: Duration = Duration::from_secs(2);
/// How long an answer may take beyond that, and any other answer at all.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause before another try, and the longest a purge waits for another try at being announced.
const RETRY: Duration = Duration::from_millis(500);
/// Shortest time between two reports.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// Tries at putting a first record into an empty stream.
const FIRST_RECORD_TRIES: usize = 3;

/// Follows the stream `key` until it is dropped, and tells Redis how far this popgate of the PoP `pop` has
/// read it.
pub async fn follow(log: Arc<PurgeLog>, link: Arc<RedisLink>, key: String, pop: String, purged: Purged) {
    let reports = proof::key(&key);
    let follower = Follower {
        log,
        link,
        key,
        pop,
        reports,
        purged,
    };
    let mut state = follower.link.watch_state();
    loop {
        let up = state.wait_for(|state| matches!(state, LinkState::Up(_))).await;
        let generation = match up.map(|state| *state) {
            Ok(LinkState::Up(generation)) => generation,
            Ok(LinkState::Down) => continue,
            Err(_) => return,
        };
        state.mark_unchanged();
        let ended = tokio::select! {
            ended = follower.session(generation) => ended,
            () = left(&mut state, generation) => Ok(()),
        };
        follower.log.set_synced(None);
        if let Err(error) = ended {
            follower.say(&error);
            let _ = tokio::time::timeout(RETRY, state.changed()).await;
        }
    }
}

/// Waits until the link's connection is another one.
async fn left(state: &mut watch::Receiver<LinkState>, generation: u64) {
    // An error means that the link is gone, which is another state, too.
    let _ = state.wait_for(|state| *state != LinkState::Up(generation)).await;
}

struct Follower {
    log: Arc<PurgeLog>,
    link: Arc<RedisLink>,
    key: String,
    pop: String,
    reports: String,
    purged: Purged,
}

/// When Redis was last told how far the log was read.
struct Told {
    at: Instant,
    /// Something was read since.
    owed: bool,
}

impl Follower {
    /// One connection: catches up, then reads as records come. Ends with the connection.
    async fn session(&self, generation: u64) -> Result<(), LinkError> {
        self.log.reconnected();
        let mut redis = self.link.dedicated().await?;
        self.set_clock(&mut redis).await?;
        loop {
            let epoch = self.log.gap_epoch();
            let mut last = self.catch_up(&mut redis).await?;
            self.announce().await;
            self.log.set_synced(Some(generation));
            self.log.close_gap(epoch);
            self.log
                .lagging
                .store(false, std::sync::atomic::Ordering::Relaxed);
            let mut told = self.tell(&mut redis, last).await?;
            while let Some(next) = self.read(&mut redis, last, &mut told).await? {
                last = next;
            }
            self.log.set_synced(None);
        }
    }

    /// Waits for records behind `last`. `None` when the stream is not the one it was.
    async fn read(
        &self,
        redis: &mut Dedicated,
        last: StreamId,
        told: &mut Told,
    ) -> Result<Option<StreamId>, LinkError> {
        // Shorter while purges wait, so that they are soon tried again.
        let block = match (told.owed, self.log.waiting()) {
            (true, _) => TELL_EVERY,
            (false, Some(_)) => RETRY,
            (false, None) => BLOCK,
        };
        let millis = millis(block);
        let answer: Value = redis
            .query(&stream::wait(&self.key, last, millis), block + PATIENCE)
            .await?;
        let records = stream::read_records(&answer).ok_or_else(|| strange("XREAD"))?;
        let next = self.apply(&records).unwrap_or(last);
        self.announce().await;
        if records.is_empty() && !told.owed && !self.holds(redis, last).await? {
            return Ok(None);
        }
        told.owed = true;
        if records.is_empty() || told.at.elapsed() >= TELL_EVERY {
            *told = self.tell(redis, next).await?;
        }
        Ok(Some(next))
    }

    /// Learns by how much the clock of Redis differs, and takes away the reports of popgates long gone.
    async fn set_clock(&self, redis: &mut Dedicated) -> Result<(), LinkError> {
        let before = self.now_ms();
        let theirs = match redis.query(&redis::cmd("TIME"), PATIENCE).await {
            Ok(time) => proof::time(time),
            // Not allowed to ask: then the clocks are taken to agree.
            Err(LinkError::Failed(_)) => before,
            Err(error) => return Err(error),
        };
        let ours = before.midpoint(self.now_ms());
        self.log.progress.lock().set_clock(theirs, ours);
        let reports = bearable(redis.query(&proof::all(&self.reports), PATIENCE).await)?;
        let gone = proof::forgotten(&proof::pairs(&reports), theirs);
        if !gone.is_empty() {
            bearable(redis.query(&proof::forget(&self.reports, &gone), PATIENCE).await)?;
        }
        Ok(())
    }

    /// Tells Redis how far the log was read.
    async fn tell(&self, redis: &mut Dedicated, read: StreamId) -> Result<Told, LinkError> {
        let report = self.log.progress.lock().report(&self.pop, read, self.now_ms());
        let command = proof::tell(&self.reports, &self.log.instance(), &report);
        bearable(redis.query(&command, PATIENCE).await)?;
        bearable(redis.query(&proof::keep(&self.reports), PATIENCE).await)?;
        Ok(Told {
            at: Instant::now(),
            owed: false,
        })
    }

    fn now_ms(&self) -> u64 {
        let now = self
            .log
            .clock
            .now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        millis(now)
    }

    /// Reads everything behind the last record that was seen. When that one is no longer there,
    /// whatever was between is unknown, and the whole stream is read.
    async fn catch_up(&self, redis: &mut Dedicated) -> Result<StreamId, LinkError> {
        let seen = self.log.last_read();
        let mut last = match seen {
            Some(last) if self.holds(redis, last).await? => last,
            _ => self.start_over(redis, seen).await?,
        };
        loop {
            let records = self.page(redis, Some(last), stream::PAGE).await?;
            let full = records.len() == stream::PAGE;
            last = self.apply(&records).unwrap_or(last);
            if !full {
                return Ok(last);
            }
        }
    }

    /// Marks what lies before the stream's first record as purged and gives that record's ID. A
    /// stream without records gets one, so that its loss can be noticed; a stream whose IDs went
    /// back gets one behind all that was seen.
    async fn start_over(&self, redis: &mut Dedicated, seen: Option<StreamId>) -> Result<StreamId, LinkError> {
        for _ in 0..FIRST_RECORD_TRIES {
            if let Some((first, _)) = self.page(redis, None, 1).await?.first() {
                if seen.is_some() {
                    tracing::warn!(%first, "purges were missed: everything older counts as purged");
                }
                self.log.forget_before(*first);
                if self.is_behind(redis, seen).await? {
                    self.add_first(redis, seen).await?;
                }
                return Ok(*first);
            }
            self.add_first(redis, seen).await?;
        }
        Err(strange("XADD"))
    }

    /// Whether the stream's last record lies before what was seen.
    async fn is_behind(&self, redis: &mut Dedicated, seen: Option<StreamId>) -> Result<bool, LinkError> {
        match seen {
            None => Ok(false),
            Some(seen) => Ok(self.page(redis, Some(seen), 1).await?.is_empty()),
        }
    }

    async fn add_first(&self, redis: &mut Dedicated, seen: Option<StreamId>) -> Result<(), LinkError> {
        let behind = seen.map(|_| StreamId::at_least(PurgeSeq(self.log.head().0.saturating_add(1))));
        let command = stream::append(&self.key, behind, &Record::unknown());
        match redis.query::<Value>(&command, PATIENCE).await {
            // Another popgate was faster: its record serves as well.
            Err(LinkError::Failed(error)) if error.contains("equal or smaller") => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn holds(&self, redis: &mut Dedicated, id: StreamId) -> Result<bool, LinkError> {
        let records = self.page(redis, Some(id), 1).await?;
        Ok(records.first().is_some_and(|(first, _)| *first == id))
    }

    async fn page(
        &self,
        redis: &mut Dedicated,
        from: Option<StreamId>,
        count: usize,
    ) -> Result<Vec<(StreamId, Record)>, LinkError> {
        let answer: Value = redis
            .query(&stream::page(&self.key, from, count), PATIENCE)
            .await?;
        stream::records(&answer).ok_or_else(|| strange("XRANGE"))
    }

    fn apply(&self, records: &[(StreamId, Record)]) -> Option<StreamId> {
        for (id, record) in records {
            if self.log.apply_record(*id, record) {
                (self.purged)(record);
            }
        }
        let last = records.last().map(|(id, _)| *id)?;
        self.log.progress.lock().note(last, self.now_ms());
        Some(last)
    }

    async fn announce(&self) {
        if let Some(ticket) = self.log.waiting() {
            self.log.announce(&self.link, &self.key, ticket).await;
        }
    }

    /// Once per bad time: the next word is that it is in step again.
    fn say(&self, error: &LinkError) {
        if !self.log.lagging.swap(true, std::sync::atomic::Ordering::Relaxed) {
            tracing::warn!(%error, key = self.key, "cannot read purges from redis");
        }
    }
}

/// What a command that may be forbidden came to: purges are followed all the same.
fn bearable(answer: Result<Value, LinkError>) -> Result<Value, LinkError> {
    match answer {
        Err(LinkError::Failed(error)) => {
            tracing::debug!(error, "cannot tell redis how far purges were read");
            Ok(Value::Nil)
        }
        answer => answer,
    }
}

fn strange(command: &str) -> LinkError {
    LinkError::Failed(format!("unexpected answer to {command}"))
}
