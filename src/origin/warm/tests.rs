use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::*;
use crate::config::Origin as Settings;
use crate::origin::testing::{build, settings_at};
use crate::origin::{Address, Lease};

async fn listen() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    (listener, address)
}

async fn accept(listener: &TcpListener, count: usize) -> Vec<TcpStream> {
    let mut accepted = Vec::new();
    for _ in 0..count {
        accepted.push(listener.accept().await.unwrap().0);
    }
    accepted
}

fn warm_origin(address: &Address, idle_min: usize, cap: usize) -> Arc<Origin> {
    build(Settings {
        idle_min,
        ..settings_at(std::slice::from_ref(address), cap)
    })
    .0
}

fn stocked(origin: &Arc<Origin>) -> usize {
    origin.locked().slots.iter().map(|slot| slot.warm.len()).sum()
}

async fn lease(origin: &Arc<Origin>) -> Lease {
    origin.lease(0, &[], None).await.unwrap()
}

const TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_stock_is_filled_up_to_idle_min() {
    let (listener, address) = listen().await;
    let origin = warm_origin(&address, 3, 64);
    origin.refill().await;
    assert_eq!(stocked(&origin), 3);
    accept(&listener, 3).await;
    origin.refill().await;
    assert_eq!(origin.locked().connections(), 3);
}

#[tokio::test]
async fn the_stock_stays_within_the_cap() {
    let (_listener, address) = listen().await;
    let origin = warm_origin(&address, 8, 2);
    origin.refill().await;
    assert_eq!(stocked(&origin), 2);
}

#[tokio::test]
async fn the_stock_is_never_in_the_way_of_leases_already_given() {
    let (_listener, address) = listen().await;
    let origin = warm_origin(&address, 8, 3);
    let leases = [lease(&origin).await, lease(&origin).await, lease(&origin).await];
    origin.refill().await;
    assert_eq!(stocked(&origin), 0);
    for lease in &leases {
        lease.connector().try_open().unwrap().forget();
    }
}

#[tokio::test]
async fn a_request_gets_the_warm_connection_and_its_place() {
    let (listener, address) = listen().await;
    let origin = warm_origin(&address, 1, 1);
    origin.refill().await;
    let _peer = accept(&listener, 1).await;
    let lease = lease(&origin).await;
    let connection = lease.connector().connect(TIMEOUT).await.unwrap();
    assert!(connection.warm);
    assert_eq!((stocked(&origin), origin.locked().connections()), (0, 1));
    drop(connection);
    assert_eq!(origin.locked().connections(), 0);
}

#[tokio::test]
async fn a_connection_the_peer_closed_is_never_handed_out() {
    let (listener, address) = listen().await;
    let origin = warm_origin(&address, 1, 1);
    origin.refill().await;
    drop(accept(&listener, 1).await);
    while origin.locked().slots[0].warm[0].socket.is_idle() {
        tokio::task::yield_now().await;
    }
    let connection = lease(&origin).await.connector().connect(TIMEOUT).await.unwrap();
    assert!(!connection.warm);
    assert!(connection.socket.is_idle());
}

#[tokio::test]
async fn old_warm_connections_are_replaced() {
    let (_listener, address) = listen().await;
    let origin = warm_origin(&address, 1, 4);
    origin.refill().await;
    let later = Instant::now() + Duration::from_secs(31);
    let wanted = origin.sweep(Duration::from_secs(30), later);
    assert_eq!(wanted.iter().map(|(_, count)| count).sum::<usize>(), 1);
    assert_eq!(origin.locked().connections(), 0);
}

#[tokio::test]
async fn unix_sockets_are_kept_warm_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let origin = warm_origin(&Address::Unix(path), 1, 4);
    origin.refill().await;
    assert_eq!(stocked(&origin), 1);
}

#[tokio::test]
async fn a_server_that_is_down_leaves_no_place_taken() {
    let (listener, address) = listen().await;
    drop(listener);
    let origin = warm_origin(&address, 2, 4);
    origin.refill().await;
    assert_eq!(origin.locked().connections(), 0);
}

#[tokio::test]
async fn a_warm_connection_makes_an_unreachable_server_worth_asking_again() {
    let (_listener, address) = listen().await;
    let origin = warm_origin(&address, 1, 4);
    for _ in 0..5 {
        lease(&origin).await.report(crate::origin::Outcome::ConnectFailed);
    }
    assert!(origin.lease(0, &[], None).await.is_err());
    origin.refill().await;
    lease(&origin).await;
}

#[tokio::test(start_paused = true)]
async fn above_the_cap_a_connection_waits_for_one_that_closes() {
    let (_listener, address) = listen().await;
    let origin = warm_origin(&address, 0, 1);
    let lease = lease(&origin).await;
    let closing = lease.connector().try_open().unwrap();
    let error = lease.connector().connect(TIMEOUT).await.unwrap_err();
    assert!(matches!(error, crate::origin::ConnectError::Capped));
    let (opened, ()) = tokio::join!(lease.connector().connect(TIMEOUT), async { drop(closing) });
    opened.unwrap();
}
