//! Made-up URLs at work: when they are stored.

use std::time::{Instant, SystemTime};

use parking_lot::Mutex;

use super::Gateway;
use super::context::RequestContext;
use crate::cache::second_sight::{Sights, Variants};
use crate::cache::{KeyHash, Times};

/// Reason of an answer that is not stored because its URL is new.
const FIRST_SIGHT: &str = "first-sight";
/// Reason of an answer that is not stored because its path has many of its kind.
const MANY_VARIANTS: &str = "many-variants";

/// What is remembered of made-up URLs.
pub(super) struct SecondSight {
    epoch: Instant,
    sights: Mutex<Sights>,
    variants: Mutex<Variants>,
}

impl Default for SecondSight {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            sights: Mutex::default(),
            variants: Mutex::default(),
        }
    }
}

/// Notes that a made-up URL is asked for. Before it is looked up, so that of many who ask at once all but the
/// first wait for one fetch.
pub(super) fn see(gateway: &Gateway, cx: &mut RequestContext) {
    let made_up = cx.cache.request.as_ref().and_then(|request| request.made_up);
    let (Some(within), Some(key)) = (made_up.and_then(|made_up| made_up.seen_within), cx.cache.key) else {
        return;
    };
    let memory = &gateway.second_sight;
    let mut sights = memory.sights.lock();
    cx.cache.first_sight = !sights.see(key.root, within, memory.epoch.elapsed());
    let held = i64::try_from(sights.len()).unwrap_or(i64::MAX);
    gateway.app.metrics.made_up_urls.set(held);
}

/// Whether the answer to a made-up URL may be stored with this life; notes the reason when it may not. What
/// was found stored, here or by another popgate, has been seen before.
pub(super) fn admits(gateway: &Gateway, cx: &mut RequestContext, times: &Times, now: SystemTime) -> bool {
    let made_up = cx.cache.request.as_ref().and_then(|request| request.made_up);
    let (Some(made_up), Some(key), Some(lookup)) = (made_up, cx.cache.key, &cx.cache.lookup) else {
        return true;
    };
    if cx.cache.first_sight && cx.cache.found.is_none() {
        cx.cache.refused_by_preset = Some(FIRST_SIGHT);
        return false;
    }
    let memory = &gateway.second_sight;
    let since = memory.epoch.elapsed();
    let until = since + times.fresh_until.duration_since(now).unwrap_or_default();
    let path = KeyHash::of(&[lookup.host.as_bytes(), lookup.path.as_bytes()]);
    let admitted = memory
        .variants
        .lock()
        .admit(path, key.root, made_up.variants_max, since, until);
    if !admitted {
        cx.cache.refused_by_preset = Some(MANY_VARIANTS);
    }
    admitted
}
