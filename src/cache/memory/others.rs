//! What other popgates did to slots that lie in memory, too.

use super::{Memory, Slot};
use crate::cache::entry::Superseded;
use crate::cache::key::KeyHash;

impl Slot {
    /// The note at what lies here, where it has one.
    #[must_use]
    pub fn superseded(&self) -> Option<&Superseded> {
        match self {
            Self::Object(entry) => Some(&entry.superseded),
            Self::Vary(vary) => Some(&vary.superseded),
            Self::Alias(_) => None,
        }
    }
}

impl Memory {
    /// Notes that another popgate has written this slot; whether something lay here and was not noted yet. An
    /// alias has no note and is dropped: it only says where else to look, and Redis says so again.
    pub fn supersede(&self, key: KeyHash) -> bool {
        let Some(slot) = self.slot(key) else {
            return false;
        };
        match slot.superseded() {
            Some(superseded) => superseded.note(),
            None => {
                self.remove(key);
                true
            }
        }
    }

    /// Takes in what the next tier was found to hold in this slot. What is superseded here gives way to what is
    /// newer or of another kind; else it stays and is current again, also when nothing was found: the next tier
    /// forgets what is good still (its TTL is bounded, its memory, too).
    pub fn take_in(&self, key: KeyHash, found: Option<Slot>) {
        if let Some(found) = found {
            self.promote(key, found);
        }
        if let Some(slot) = self.slot(key)
            && let Some(superseded) = slot.superseded()
            && superseded.is()
        {
            superseded.clear();
        }
    }
}
