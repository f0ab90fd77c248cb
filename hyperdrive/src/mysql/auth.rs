//! Proofs of a password: `mysql_native_password` and `caching_sha2_password`, both sides.

use rand::Rng as _;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use subtle::ConstantTimeEq as _;

/// Length of the challenge.
pub const NONCE: usize = 20;

/// A way to prove a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plugin {
    /// SHA-1.
    Native,
    /// SHA-256.
    CachingSha2,
    /// The password itself; towards servers only, and only over verified TLS.
    Clear,
}

impl Plugin {
    /// By its name on the wire.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            b"mysql_clear_password" => Some(Self::Clear),
            _ => None,
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Clear => "mysql_clear_password",
        }
    }

    /// The proof of `password` for a challenge; empty for an empty password.
    #[must_use]
    pub fn proof(self, password: &[u8], nonce: &[u8]) -> Vec<u8> {
        if password.is_empty() && self != Self::Clear {
            return Vec::new();
        }
        match self {
            Self::Native => {
                let once = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
                let twice = digest(&SHA1_FOR_LEGACY_USE_ONLY, once.as_ref());
                let mask = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[nonce, twice.as_ref()].concat());
                xor(once.as_ref(), mask.as_ref())
            }
            Self::CachingSha2 => {
                let once = digest(&SHA256, password);
                let twice = digest(&SHA256, once.as_ref());
                let mask = digest(&SHA256, &[twice.as_ref(), nonce].concat());
                xor(once.as_ref(), mask.as_ref())
            }
            Self::Clear => [password, b"\0"].concat(),
        }
    }

    /// Whether `proof` proves `password`, in a time that does not tell how far it is right.
    #[must_use]
    pub fn proves(self, password: &[u8], nonce: &[u8], proof: &[u8]) -> bool {
        let right = self.proof(password, nonce);
        self != Self::Clear && !password.is_empty() && bool::from(right.ct_eq(proof))
    }
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(left, right)| left ^ right).collect()
}

/// A challenge: random, printable, without the bytes that end strings.
#[must_use]
pub fn nonce() -> [u8; NONCE] {
    let mut rng = rand::rng();
    std::array::from_fn(|_| rng.random_range(0x21..0x7F))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn proofs_are_those_of_the_protocol() {
        // Computed from the formulas with another implementation of the digests.
        let nonce = b"abcdefghijklmnopqrst";
        assert_eq!(hex(&Plugin::Native.proof(b"secret", nonce)), NATIVE);
        assert_eq!(hex(&Plugin::CachingSha2.proof(b"secret", nonce)), SHA2);
    }

    const NATIVE: &str = "8817c50fa779daef010ee7577825b0847df9842e";
    const SHA2: &str = "c76e2898612a4cf042c77fa8c4702c4c64c0c2c557c53c4d75595aaa6abae809";

    #[test]
    fn only_the_right_password_for_the_right_challenge_is_proven() {
        for plugin in [Plugin::Native, Plugin::CachingSha2] {
            let (one, two) = (nonce(), nonce());
            let proof = plugin.proof(b"secret", &one);
            assert!(plugin.proves(b"secret", &one, &proof));
            assert!(!plugin.proves(b"secret", &two, &proof));
            assert!(!plugin.proves(b"other", &one, &proof));
            assert!(!plugin.proves(b"secret", &one, &proof[1..]));
            assert!(!plugin.proves(b"secret", &one, b""));
            assert!(!plugin.proves(b"", &one, b""));
        }
        assert!(!Plugin::Clear.proves(b"secret", b"", b"secret\0"));
    }

    #[test]
    fn a_challenge_has_no_byte_that_ends_it() {
        for _ in 0..100 {
            assert!(nonce().iter().all(|byte| (0x21..0x7F).contains(byte)));
        }
    }
}
