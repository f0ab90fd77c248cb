//! How an item lies in the file: version, expiry, metadata, value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::kv::Item;

const VERSION: u8 = 1;
/// Version (1), expiry in milliseconds since the epoch (8, 0 = never), length of the metadata (4).
const HEADER: usize = 13;
const NO_METADATA: u32 = u32::MAX;

/// An item as bytes.
pub(super) fn encode(item: &Item) -> Vec<u8> {
    let metadata = item.metadata.as_deref().unwrap_or_default();
    let metadata_len = match &item.metadata {
        Some(metadata) => u32::try_from(metadata.len()).unwrap_or(NO_METADATA),
        None => NO_METADATA,
    };
    let mut frame = Vec::with_capacity(HEADER + metadata.len() + item.value.len());
    frame.push(VERSION);
    frame.extend_from_slice(&item.expires_at.map_or(0, millis).to_le_bytes());
    frame.extend_from_slice(&metadata_len.to_le_bytes());
    frame.extend_from_slice(metadata);
    frame.extend_from_slice(&item.value);
    frame
}

/// An item from bytes; `None` when they are of another version or cut short.
pub(super) fn decode(frame: &[u8]) -> Option<Item> {
    let expires = expiry_millis(frame)?;
    let (length, rest) = frame.get(9..)?.split_first_chunk::<4>()?;
    let (metadata, value) = match u32::from_le_bytes(*length) {
        NO_METADATA => (None, rest),
        length => {
            let (metadata, value) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Some(Bytes::copy_from_slice(metadata)), value)
        }
    };
    let expires_at = match expires {
        0 => None,
        millis => Some(UNIX_EPOCH.checked_add(Duration::from_millis(millis))?),
    };
    Some(Item {
        value: Bytes::copy_from_slice(value),
        metadata,
        expires_at,
    })
}

/// Only the expiry, 0 = never.
pub(super) fn expiry_millis(frame: &[u8]) -> Option<u64> {
    let (version, rest) = frame.split_first()?;
    let (millis, _) = rest.split_first_chunk::<8>()?;
    (*version == VERSION).then(|| u64::from_le_bytes(*millis))
}

/// Milliseconds since the epoch, rounded up so that nothing expires early; at least 1.
pub(super) fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Whether an expiry (0 = never) has come.
pub(super) fn is_due(expiry: u64, now: SystemTime) -> bool {
    expiry != 0 && expiry <= whole_millis(now)
}

/// Milliseconds since the epoch that are over at `now`.
pub(super) fn whole_millis(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    crate::clock::millis(since)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            value in proptest::collection::vec(any::<u8>(), 0..200),
            metadata in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)),
            expires in proptest::option::of(1u64..1 << 50),
        ) {
            let item = Item {
                value: value.into(),
                metadata: metadata.map(Bytes::from),
                expires_at: expires.map(|millis| UNIX_EPOCH + Duration::from_millis(millis)),
            };
            prop_assert_eq!(decode(&encode(&item)), Some(item));
        }

        #[test]
        fn any_bytes_are_an_item_or_nothing(frame in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&frame);
        }
    }
}
