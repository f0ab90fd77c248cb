//! `limits`, `timeouts` and `shutdown`.

use super::super::keys::{LIMITS, SHUTDOWN, TIMEOUTS};
use super::super::model::{ClientTimeouts, Limits, Shutdown};
use super::super::reader::Map;

/// What one client and one request may cost.
pub(super) fn limits(root: &Map<'_>) -> Limits {
    let map = root.map("limits", &LIMITS);
    let bytes = |name: &str| usize::try_from(map.size(name)).unwrap_or(usize::MAX);
    Limits {
        header_bytes: bytes("header_bytes"),
        headers: map.count("headers"),
        uri_bytes: bytes("uri_bytes"),
        connections: map.count("connections"),
        h2_streams: map.number("h2_streams"),
        keepalive_requests: map.number("keepalive_requests"),
    }
}

/// How long a client may take.
pub(super) fn timeouts(root: &Map<'_>) -> ClientTimeouts {
    let map = root.map("timeouts", &TIMEOUTS);
    ClientTimeouts {
        handshake: map.duration("handshake"),
        keepalive: map.duration("keepalive"),
        read: map.duration("read"),
        write: map.duration("write"),
        upgraded: map.duration("upgraded"),
        linger: map.duration("linger"),
    }
}

/// How a stop goes.
pub(super) fn shutdown(root: &Map<'_>) -> Shutdown {
    let map = root.map("shutdown", &SHUTDOWN);
    Shutdown {
        announce: map.duration("announce"),
        grace: map.duration("grace"),
    }
}
