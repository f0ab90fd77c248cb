use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::config::{Origin as Settings, OriginTls};
use crate::origin::testing::{build, settings_at};
use crate::origin::{Address, Connection, Lease, Origin, Socket};
use std::os::fd::AsRawFd;

const TIMEOUT: Duration = Duration::from_secs(5);

async fn listen() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    (listener, address)
}

fn capped(address: &Address) -> Settings {
    settings_at(std::slice::from_ref(address), 1)
}

/// A request over a new connection, and that connection.
async fn request(origin: &Arc<Origin>) -> (Lease, Connection) {
    let mut lease = origin.lease(0, &[], None).await.unwrap();
    let connection = lease.connector().connect(TIMEOUT).await.unwrap();
    lease.attach(connection.socket.as_raw_fd());
    (lease, connection)
}

/// What the engine's pool does: closes an idle connection when it ends.
async fn pool(connection: Connection) {
    let Connection {
        socket: Socket::Tcp(mut stream),
        guard,
        ..
    } = connection
    else {
        panic!("not TCP")
    };
    assert_eq!(
        stream.read_u8().await.unwrap_err().kind(),
        std::io::ErrorKind::UnexpectedEof
    );
    drop(guard);
    drop(stream);
}

async fn ended(mut peer: TcpStream) {
    assert_eq!(
        peer.read_u8().await.unwrap_err().kind(),
        std::io::ErrorKind::UnexpectedEof
    );
}

#[tokio::test]
async fn an_idle_connection_in_the_way_of_a_request_is_closed() {
    let (listener, address) = listen().await;
    let (origin, _) = build(capped(&address));
    let (lease, connection) = request(&origin).await;
    let (peer, _) = listener.accept().await.unwrap();
    drop(lease);
    let second = origin.lease(0, &[], None).await.unwrap();
    let (opened, ()) = tokio::join!(second.connector().connect(TIMEOUT), pool(connection));
    opened.unwrap();
    ended(peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_never_closed_for_another() {
    let (_listener, address) = listen().await;
    let (origin, _) = build(capped(&address));
    let (lease, connection) = request(&origin).await;
    assert!(lease.connector().connect(TIMEOUT).await.is_err());
    assert!(connection.socket.is_idle(), "still open on both sides");
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_unknown_use_is_never_closed_for_another() {
    let (_listener, address) = listen().await;
    let (origin, _) = build(capped(&address));
    let lease = origin.lease(0, &[], None).await.unwrap();
    let connection = lease.connector().connect(TIMEOUT).await.unwrap();
    assert!(lease.connector().connect(TIMEOUT).await.is_err());
    assert!(connection.socket.is_idle(), "still open on both sides");
}

#[tokio::test]
async fn idle_connections_to_a_server_that_left_are_closed_and_busy_ones_when_they_are_done() {
    let (listener, address) = listen().await;
    let (origin, _) = build(Settings {
        connections_max: 2,
        ..capped(&address)
    });
    let (busy, busy_connection) = request(&origin).await;
    let (idle, idle_connection) = request(&origin).await;
    drop(idle);
    let (other, other_address) = listen().await;
    origin.reconfigure(
        Arc::new(Settings {
            connections_max: 2,
            ..capped(&other_address)
        }),
        None,
    );
    pool(idle_connection).await;
    assert!(busy_connection.socket.is_idle(), "a request still uses it");
    drop(busy);
    pool(busy_connection).await;
    assert!(origin.locked().retired.is_empty());
    drop((listener, other));
}

#[tokio::test]
async fn connections_that_new_tls_settings_made_useless_are_closed() {
    let (_listener, address) = listen().await;
    let (origin, _) = build(capped(&address));
    let (lease, connection) = request(&origin).await;
    drop(lease);
    let tls = OriginTls {
        sni: None,
        ca: None,
        verify: true,
    };
    origin.reconfigure(
        Arc::new(Settings {
            tls: Some(tls),
            ..capped(&address)
        }),
        None,
    );
    pool(connection).await;
}

#[tokio::test]
async fn a_closed_connection_is_not_kept_open_by_its_handle() {
    let (listener, address) = listen().await;
    let (origin, _) = build(capped(&address));
    let (lease, connection) = request(&origin).await;
    let (peer, _) = listener.accept().await.unwrap();
    let Connection { socket, guard, .. } = connection;
    drop(guard);
    drop(socket);
    ended(peer).await;
    drop(lease);
}

#[tokio::test]
async fn a_handed_over_connection_is_left_alone_and_not_kept_open() {
    let (listener, address) = listen().await;
    let (origin, _) = build(capped(&address));
    let (lease, Connection { socket, guard, .. }) = request(&origin).await;
    let (peer, _) = listener.accept().await.unwrap();
    let connector = guard.hand_over().unwrap();
    drop(lease);
    assert!(socket.is_idle());
    drop(socket);
    connector.closed();
    ended(peer).await;
}
