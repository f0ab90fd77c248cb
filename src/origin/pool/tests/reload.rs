//! Servers that come and go.

use super::*;

#[tokio::test]
async fn a_reload_keeps_the_state_of_servers_that_stay() {
    let origin = origin(2, 8);
    let mut lease = take(&origin);
    let stays = lease.server_id();
    for _ in 0..5 {
        lease.report(Outcome::ConnectFailed);
    }
    origin.reconfigure(Arc::new(settings(3, 9)), None);
    let state = origin.locked();
    let slot = state.slots.iter().find(|slot| slot.server.id == stays).unwrap();
    assert_eq!((slot.in_flight, slot.share), (1, 3));
    assert!(!slot.usable(Instant::now()));
}

#[tokio::test]
async fn a_server_that_left_still_counts_until_its_connections_close() {
    let (origin, metrics) = build(settings(1, 2));
    let lease = take(&origin);
    let guard = lease.connector().try_open().unwrap();
    let idle = lease.connector().try_open().unwrap();
    drop(lease);
    let moved = Settings {
        servers: settings(2, 2).servers.split_off(1),
        ..settings(1, 2)
    };
    origin.reconfigure(Arc::new(moved), None);
    assert!(
        open_now(&origin).is_none(),
        "both connections to the old server are still open"
    );
    drop(guard);
    let lease = take(&origin);
    assert!(lease.connector().may_open());
    assert!(open_now(&origin).is_none());
    drop(idle);
    assert!(origin.locked().retired.is_empty());
    let text = metrics.render().unwrap();
    assert!(!text.contains(r#"server="192.0.2.1:80""#), "{text}");
}

#[tokio::test]
async fn a_server_that_left_gets_no_new_series() {
    let (origin, metrics) = build(settings(2, 4));
    let lease = take(&origin);
    let remaining: Vec<_> = settings(2, 4)
        .servers
        .into_iter()
        .filter(
            |server| !matches!(server, config::Server::Address(at) if at.to_string() == lease.server_name()),
        )
        .collect();
    origin.reconfigure(
        Arc::new(Settings {
            servers: remaining,
            ..settings(1, 4)
        }),
        None,
    );
    for _ in 0..5 {
        origin.report(lease.server_id(), Outcome::ConnectFailed, Instant::now());
    }
    assert!(
        !metrics
            .render()
            .unwrap()
            .contains(&format!("server=\"{}\"", lease.server_name()))
    );
}

#[tokio::test]
async fn a_lowered_cap_holds_for_new_requests() {
    let origin = origin(1, 4);
    let mut leases: Vec<_> = std::iter::from_fn(|| open_now(&origin))
        .map(Result::unwrap)
        .collect();
    origin.reconfigure(Arc::new(settings(1, 2)), None);
    leases.truncate(2);
    assert!(open_now(&origin).is_none());
    leases.truncate(1);
    assert!(open_now(&origin).unwrap().is_ok());
}
