//! What lookups say.

use std::sync::Arc;

use crate::cache::entry::Entry;
use crate::cache::purge::Verdict;

/// Where an entry was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// In memory.
    Memory,
    /// In Redis; it is in memory now, too.
    Redis,
}

/// A stored response for a request.
#[derive(Debug, Clone)]
pub struct Found {
    /// The response.
    pub entry: Arc<Entry>,
    /// Where it was.
    pub tier: Tier,
    /// What the purge log says; never [`Verdict::Gone`].
    pub verdict: Verdict,
}

/// What a lookup saw.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// The response.
    pub found: Option<Found>,
    /// Whether responses to requests with other fields are stored.
    pub varies: bool,
}

/// Why [`Tiered::find_memory`] has nothing to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInMemory {
    /// Nothing lies there.
    Absent,
    /// The variant's slot could not be told.
    Variant,
    /// A purge hit it.
    Purged,
    /// Another popgate has stored something else since.
    Superseded,
}
