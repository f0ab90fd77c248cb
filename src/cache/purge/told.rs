//! Telling who fetches purged URLs again that there may be some.

use super::{PurgeLog, Subject, Verdict};

impl PurgeLog {
    /// Waits until a purge has been applied, here or by another popgate, since the last time this was waited
    /// for. For one who waits.
    ///
    /// A purge that goes to Redis is told of when it has its place there: until then, whatever is fetched would
    /// count as older than it once it has.
    pub async fn applied(&self) {
        self.told.notified().await;
    }

    pub(super) fn tell_applied(&self) {
        self.told.notify_one();
    }

    /// Whether a purge hits `subject`.
    #[must_use]
    pub fn is_hit(&self, subject: &Subject<'_>) -> bool {
        self.state.read().marks.verdict_on(subject) != Verdict::Valid
    }
}
