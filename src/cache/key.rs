//! Cache keys: what makes two requests the same request.
//!
//! A key is scheme, host, path and query (plus what filters add), framed so that no two different
//! keys share bytes, and hashed once with keyed SipHash-128. The hash is the name of the object in
//! both tiers, so its key is fixed: PoPs that share a Redis must agree on it.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// 128-bit name of a stored object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub u128);

impl KeyHash {
    /// Hash of length-framed parts.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = SipHasher24::new_with_keys(0x706f_7067_6174_6531, 0x6361_6368_655f_6b65);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        Self(hasher.finish128().as_u128())
    }

    /// Big-endian bytes, as Pingora's key override and Redis names take them.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
