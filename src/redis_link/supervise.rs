//! The task that owns a link's connection: connects, checks, replaces.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::RedisError;

use super::connect::Connection;
use super::{Cause, LinkState, Shared, backoff};

/// Pace of pings on a connection that is up.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// A connection that lasted this long was good: the next attempt starts without back-off.
const GOOD_AFTER: Duration = Duration::from_secs(5);
/// A ping on a connection in use waits behind the commands before it, so it has more time than one of them.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs until aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut attempt: u32 = 0;
    let mut nonce: u64 = rand::random();
    let mut said: Option<Cause> = None;
    loop {
        attempt = attempt.saturating_add(1);
        match ready(&shared, &mut nonce).await {
            Ok((connection, tracked)) => {
                let since = Instant::now();
                let generation = shared.bring_up(connection.clone(), tracked);
                shared.settled.send_replace(true);
                said = None;
                watch(&shared, connection, generation, &mut nonce).await;
                if since.elapsed() >= GOOD_AFTER {
                    attempt = 0;
                }
            }
            Err(error) => {
                shared.count_error("connect");
                shared.gauge(true);
                let cause = Cause::of(&error);
                if said != Some(cause) {
                    shared.say_down(cause, &error.to_string());
                    said = Some(cause);
                }
                shared.settled.send_replace(true);
            }
        }
        tokio::time::sleep(backoff::delay(attempt, rand::random())).await;
    }
}

/// A connection that answered a ping within the link's timeout.
async fn ready(shared: &Shared, nonce: &mut u64) -> Result<(Connection, bool), RedisError> {
    let (mut connection, tracked) = shared.connector.connect().await?;
    ping(&mut connection, shared.timeout, nonce).await?;
    Ok((connection, tracked))
}

/// Pings until the connection is no longer the current one.
async fn watch(shared: &Shared, mut connection: Connection, generation: u64, nonce: &mut u64) {
    let patience = shared.timeout.max(PROBE_TIMEOUT);
    loop {
        let _ = tokio::time::timeout(PROBE_INTERVAL, shared.wake.notified()).await;
        if *shared.state.borrow() != LinkState::Up(generation) {
            return;
        }
        if let Err(error) = ping(&mut connection, patience, nonce).await {
            shared.count_error("connect");
            shared.take_down(generation, Cause::of(&error), &error.to_string());
            return;
        }
    }
}

/// Sends a number and wants it back: any other answer means that answers no longer fit their commands.
async fn ping(connection: &mut Connection, timeout: Duration, nonce: &mut u64) -> Result<(), RedisError> {
    *nonce = nonce.wrapping_add(1);
    let sent = nonce.to_string();
    let mut command = redis::cmd("PING");
    command.arg(&sent);
    match tokio::time::timeout(timeout, command.query_async::<redis::Value>(connection)).await {
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        Ok(Err(error)) => Err(error),
        Ok(Ok(redis::Value::BulkString(echo))) if echo == sent.as_bytes() => Ok(()),
        Ok(Ok(_)) => Err((
            redis::ErrorKind::UnexpectedReturnType,
            "a ping got another command's answer",
        )
            .into()),
    }
}
