//! Request ids: 16 hex digits, unique on this machine and hard to guess from another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::BufMut;

/// Makes ids from a random start and a mixed counter.
#[derive(Debug)]
pub struct Rays {
    start: u64,
    counter: AtomicU64,
    suffix: ArcSwap<String>,
}

impl Rays {
    /// For a PoP named `pop`; `seed` should be random.
    #[must_use]
    pub fn new(pop: &str, seed: u64) -> Self {
        Self {
            start: seed,
            counter: AtomicU64::new(0),
            suffix: ArcSwap::from_pointee(format!("-{pop}")),
        }
    }

    /// The PoP has another name from now on.
    pub fn rename(&self, pop: &str) {
        self.suffix.store(Arc::new(format!("-{pop}")));
    }

    /// The next id: `<16 hex>-<pop>`.
    #[must_use]
    pub fn next(&self) -> String {
        let mut id = Vec::with_capacity(16 + self.suffix.load().len());
        self.push_next(&mut id);
        // Hex digits and a name that was checked: always text.
        String::from_utf8(id).unwrap_or_default()
    }

    /// Appends the next id to `out`.
    pub fn push_next(&self, out: &mut impl BufMut) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let id = mix(self.start.wrapping_add(count));
        let digit = |at: usize| DIGITS[(id >> (60 - 4 * at) & 15) as usize];
        out.put_slice(&std::array::from_fn::<u8, 16, _>(digit));
        out.put_slice(self.suffix.load().as_bytes());
    }
}

/// A bijection, so that different counts never collide (the finaliser of SplitMix64).
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sixteen_hex_digits_a_dash_and_the_pop_and_differ() {
        let rays = Rays::new("sin1", 7);
        let (first, second) = (rays.next(), rays.next());
        assert_ne!(first, second);
        let (hex, pop) = first.split_once('-').unwrap();
        assert_eq!((hex.len(), pop), (16, "sin1"));
        assert!(hex.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
