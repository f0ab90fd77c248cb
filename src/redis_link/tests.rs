//! Against real redis-servers that are killed, paused, locked and replaced.

use std::time::Duration;

use redis::cmd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::testing::{TestRedis, down, link, server, up};
use super::*;
use crate::config::model::{RedisLogin, RedisServer};

mod topology;

const TIMEOUT: Duration = Duration::from_secs(1);

async fn set_and_get(link: &RedisLink, value: &str) -> String {
    link.query::<()>("set", cmd("SET").arg("key").arg(value))
        .await
        .unwrap();
    link.query("get", cmd("GET").arg("key")).await.unwrap()
}

/// The value of one sample in the text exposition.
fn sample(metrics: &Metrics, name: &str) -> f64 {
    let text = metrics.render().unwrap();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

#[tokio::test]
async fn a_redis_that_is_down_at_start_is_used_once_it_is_up() {
    let mut redis = TestRedis::stopped(&[]);
    let (link, metrics) = link(&redis.target(), TIMEOUT);
    assert_eq!(
        link.query::<String>("get", cmd("GET").arg("key")).await,
        Err(LinkError::Skipped)
    );
    redis.run();
    assert_ne!(up(&link).await, 0);
    assert_eq!(set_and_get(&link, "v").await, "v");
    assert!(sample(&metrics, "popgate_redis_breaker_open{use=\"test\"}") < 1.0);
}

#[tokio::test]
async fn the_first_command_waits_for_the_first_connection() {
    let redis = TestRedis::start(&[]);
    let (link, _metrics) = link(&redis.target(), Duration::from_secs(5));
    assert_eq!(set_and_get(&link, "v").await, "v");
}

#[tokio::test]
async fn a_killed_redis_is_skipped_at_once_and_used_again_after_its_restart() {
    let mut redis = TestRedis::start(&[]);
    let (link, metrics) = link(&redis.target(), TIMEOUT);
    let first = up(&link).await;
    redis.kill();
    down(&link).await;
    assert_eq!(
        link.query::<String>("get", cmd("GET").arg("key")).await,
        Err(LinkError::Skipped)
    );
    assert!(sample(&metrics, "popgate_redis_breaker_open{use=\"test\"}") > 0.0);
    redis.run();
    assert!(up(&link).await > first);
    assert_eq!(set_and_get(&link, "again").await, "again");
}

#[tokio::test]
async fn a_paused_redis_times_out_then_is_skipped_and_recovers() {
    let redis = TestRedis::start(&[]);
    let (link, metrics) = link(&redis.target(), TIMEOUT);
    up(&link).await;
    redis.pause();
    let get = redis::Cmd::get("key");
    let answers = futures::future::join_all((0..20).map(|_| link.query::<Value>("get", &get))).await;
    assert!(
        answers.iter().all(|answer| *answer == Err(LinkError::Timeout)),
        "{answers:?}"
    );
    down(&link).await;
    assert_eq!(
        link.query::<String>("get", cmd("GET").arg("key")).await,
        Err(LinkError::Skipped)
    );
    assert!(sample(&metrics, "popgate_redis_errors_total{op=\"get\"}") >= 20.0);
    redis.go_on();
    up(&link).await;
    assert_eq!(set_and_get(&link, "after").await, "after");
}

#[tokio::test]
async fn a_wrong_password_is_named_and_the_right_one_connects() {
    let redis = TestRedis::start(&["--requirepass", "s3cret"]);
    let with = |password: Option<&str>| {
        let login = RedisLogin {
            password: password.map(str::to_owned),
            ..RedisLogin::default()
        };
        RedisTarget::Single(RedisServer {
            login,
            ..redis.server()
        })
    };
    for (password, cause) in [(None, Cause::NoAuth), (Some("wrong"), Cause::WrongPass)] {
        let error = Connector::new(&with(password))
            .unwrap()
            .connect()
            .await
            .err()
            .unwrap();
        assert_eq!(Cause::of(&error), cause, "{error}");
    }
    let (link, _metrics) = link(&with(Some("s3cret")), TIMEOUT);
    up(&link).await;
    assert_eq!(set_and_get(&link, "v").await, "v");
}

#[tokio::test]
async fn an_acl_user_logs_in_and_a_forbidden_command_leaves_the_link_up() {
    let redis = TestRedis::start(&[]);
    redis.cli(&[
        "ACL", "SETUSER", "edge", "on", ">pw", "~*", "+get", "+set", "+ping", "+hello", "+client",
    ]);
    let login = RedisLogin {
        username: Some("edge".to_owned()),
        password: Some("pw".to_owned()),
        ..RedisLogin::default()
    };
    let (link, _metrics) = link(
        &RedisTarget::Single(RedisServer {
            login,
            ..redis.server()
        }),
        TIMEOUT,
    );
    let generation = up(&link).await;
    for _ in 0..10 {
        let refused = link.query::<Value>("delete", cmd("DEL").arg("key")).await;
        assert!(
            matches!(refused, Err(LinkError::Failed(text)) if text.contains("DEL") || text.contains("del"))
        );
    }
    assert_eq!(set_and_get(&link, "v").await, "v");
    assert_eq!(link.state(), LinkState::Up(generation));
}

#[tokio::test]
async fn a_full_redis_refuses_writes_and_still_serves_reads() {
    let redis = TestRedis::start(&["--maxmemory-policy", "noeviction"]);
    let (link, metrics) = link(&redis.target(), TIMEOUT);
    let generation = up(&link).await;
    set_and_get(&link, "v").await;
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..10 {
        let refused = link.query::<()>("set", cmd("SET").arg("other").arg("x")).await;
        assert!(matches!(refused, Err(LinkError::Failed(text)) if text.contains("OOM")));
    }
    assert_eq!(
        link.query::<String>("get", cmd("GET").arg("key")).await.unwrap(),
        "v"
    );
    assert_eq!(link.state(), LinkState::Up(generation));
    assert!(sample(&metrics, "popgate_redis_errors_total{op=\"set\"}") >= 10.0);
}

#[tokio::test]
async fn a_primary_that_became_a_replica_is_left_until_it_is_primary_again() {
    let redis = TestRedis::start(&[]);
    let (link, _metrics) = link(&redis.target(), TIMEOUT);
    let first = up(&link).await;
    redis.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    let refused = link.query::<()>("set", cmd("SET").arg("key").arg("v")).await;
    assert!(refused.is_err());
    down(&link).await;
    redis.cli(&["REPLICAOF", "NO", "ONE"]);
    assert!(up(&link).await > first);
    assert_eq!(set_and_get(&link, "v").await, "v");
}

#[tokio::test]
async fn a_redis_without_a_free_client_slot_is_named_and_used_when_there_is_one() {
    let redis = TestRedis::start(&["--maxclients", "1"]);
    let occupant = loop {
        let mut peer = tokio::net::TcpStream::connect(("127.0.0.1", redis.port))
            .await
            .unwrap();
        let mut answer = [0; 7];
        let _ = peer.write_all(b"PING\r\n").await;
        if peer.read_exact(&mut answer).await.is_ok() && answer == *b"+PONG\r\n" {
            break peer;
        }
    };
    let error = Connector::new(&redis.target())
        .unwrap()
        .connect()
        .await
        .err()
        .unwrap();
    assert!(
        matches!(Cause::of(&error), Cause::MaxClients | Cause::Closed),
        "{error}"
    );
    let (link, _metrics) = link(&redis.target(), TIMEOUT);
    drop(occupant);
    up(&link).await;
    assert_eq!(set_and_get(&link, "v").await, "v");
}

#[tokio::test]
async fn a_peer_that_answers_garbage_is_never_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tries, mut tried) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut peer, _) = listener.accept().await.unwrap();
            let _ = peer
                .write_all(b"SSH-2.0-OpenSSH_9.2\r\n\xff\x00garbage\r\n")
                .await;
            tries.send(()).unwrap();
        }
    });
    let (link, metrics) = link(&RedisTarget::Single(server(port)), TIMEOUT);
    for _ in 0..3 {
        tried.recv().await.unwrap();
    }
    assert_eq!(link.state(), LinkState::Down);
    assert_eq!(
        link.query::<String>("get", cmd("GET").arg("key")).await,
        Err(LinkError::Skipped)
    );
    assert!(sample(&metrics, "popgate_redis_errors_total{op=\"connect\"}") >= 2.0);
}

/// A TCP proxy in front of Redis that slips `extra` in before the first answer after `armed` is set.
async fn meddler(redis_port: u16, extra: &'static [u8], armed: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let redis = tokio::net::TcpStream::connect(("127.0.0.1", redis_port))
                .await
                .unwrap();
            let armed = Arc::clone(&armed);
            tokio::spawn(async move {
                let (mut client_read, mut client_write) = client.into_split();
                let (mut redis_read, mut redis_write) = redis.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut client_read, &mut redis_write).await });
                let mut buffer = vec![0; 65536];
                loop {
                    let read = redis_read.read(&mut buffer).await.unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    if armed.swap(false, Ordering::SeqCst) && client_write.write_all(extra).await.is_err() {
                        return;
                    }
                    if client_write.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

async fn a_meddled_connection_is_replaced(extra: &'static [u8]) {
    let redis = TestRedis::start(&[]);
    let armed = Arc::new(AtomicBool::new(false));
    let port = meddler(redis.port, extra, Arc::clone(&armed)).await;
    let (link, _metrics) = link(&RedisTarget::Single(server(port)), TIMEOUT);
    let first = up(&link).await;
    for key in 0..100 {
        link.query::<()>("set", cmd("SET").arg(key).arg(format!("value {key}")))
            .await
            .unwrap();
    }
    armed.store(true, Ordering::SeqCst);
    // Nothing else is asked, so the extra answer meets the supervisor's ping.
    let mut state = link.watch_state();
    let replaced = state.wait_for(|state| matches!(state, LinkState::Up(now) if *now > first));
    tokio::time::timeout(Duration::from_secs(20), replaced)
        .await
        .unwrap()
        .unwrap();
    for key in 0..100 {
        let value: String = link.query("get", cmd("GET").arg(key)).await.unwrap();
        assert_eq!(value, format!("value {key}"));
    }
}

#[tokio::test]
async fn a_connection_that_sent_garbage_is_replaced() {
    a_meddled_connection_is_replaced(b"\x00\xff\r\nnot redis\r\n").await;
}

#[tokio::test]
async fn a_connection_whose_answers_no_longer_fit_is_replaced() {
    a_meddled_connection_is_replaced(b"$5\r\nwrong\r\n").await;
}

#[tokio::test]
async fn pipelines_answer_in_order() {
    let redis = TestRedis::start(&[]);
    let (link, _metrics) = link(&redis.target(), TIMEOUT);
    up(&link).await;
    let pipeline = redis::pipe()
        .set("a", 1)
        .ignore()
        .set("b", 2)
        .ignore()
        .get("a")
        .get("b")
        .to_owned();
    assert_eq!(
        link.pipeline::<(i32, i32)>("get", &pipeline).await.unwrap(),
        (1, 2)
    );
}

#[tokio::test]
async fn a_dedicated_connection_blocks_and_subscribes_without_holding_up_others() {
    let redis = TestRedis::start(&[]);
    let (link, _metrics) = link(&redis.target(), TIMEOUT);
    up(&link).await;
    let mut dedicated = link.dedicated().await.unwrap();
    let waiting = tokio::spawn(async move {
        let answer: (String, String) = dedicated
            .query(cmd("BLPOP").arg("list").arg(0), Duration::from_secs(20))
            .await
            .unwrap();
        (answer, dedicated)
    });
    assert_eq!(set_and_get(&link, "v").await, "v");
    link.query::<()>("set", cmd("RPUSH").arg("list").arg("item"))
        .await
        .unwrap();
    let (answer, mut dedicated) = waiting.await.unwrap();
    assert_eq!(answer, ("list".to_owned(), "item".to_owned()));

    dedicated.subscribe("news", Duration::from_secs(5)).await.unwrap();
    link.query::<()>("purge", cmd("PUBLISH").arg("news").arg("hello"))
        .await
        .unwrap();
    let message = loop {
        let push = dedicated.next_push().await.unwrap();
        if push.kind == redis::PushKind::Message {
            break redis::Msg::from_push_info(push).unwrap();
        }
    };
    assert_eq!(message.get_payload::<String>().unwrap(), "hello");
}

#[tokio::test]
async fn a_dedicated_connection_ends_its_pushes_when_redis_dies() {
    let mut redis = TestRedis::start(&[]);
    let (link, _metrics) = link(&redis.target(), TIMEOUT);
    up(&link).await;
    let mut dedicated = link.dedicated().await.unwrap();
    dedicated.subscribe("news", Duration::from_secs(5)).await.unwrap();
    redis.kill();
    while dedicated.next_push().await.is_some() {}
}

#[test]
fn a_link_outside_a_runtime_says_so() {
    let made = RedisLink::new(
        &RedisTarget::Single(server(1)),
        "test",
        TIMEOUT,
        Metrics::new().unwrap(),
    );
    assert!(matches!(made, Err(RedisLinkError::NoRuntime)));
}

#[tokio::test]
async fn an_unreadable_ca_names_its_file() {
    let login = RedisLogin {
        tls: true,
        ca: Some("/nowhere/ca.pem".into()),
        ..RedisLogin::default()
    };
    let target = RedisTarget::Single(RedisServer { login, ..server(1) });
    let error = RedisLink::new(&target, "test", TIMEOUT, Metrics::new().unwrap()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}
