//! Helpers for tests of whatever uses a KV store.

use super::KvHandle;
use crate::redis_link::testing::up;

/// Waits until the handle's Redis is connected.
pub(crate) async fn ready(kv: &KvHandle) {
    if let Some(link) = kv.link() {
        up(&link).await;
    }
}
