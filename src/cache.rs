//! The HTTP cache: keys, policy, tiers and purges.

pub mod codec;
pub mod coding;
pub mod entry;
pub mod key;
pub mod memory;
pub mod policy;
pub mod purge;
pub mod redis;
pub mod refusals;
pub mod second_sight;
pub mod status;
pub mod storage;
pub mod tags;
pub mod tiered;
pub mod wire;

pub use entry::{Entry, PurgeSeq, Times};
pub use key::KeyHash;
pub use wire::Wire;
