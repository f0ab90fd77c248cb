//! Refreshing at work: visitors' requests are counted, and what a purge hits of the hottest is fetched by the
//! way that visitors' requests take.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use pingora_proxy::Session;
use tokio::sync::oneshot;
use tracing::debug;

use super::Gateway;
use super::context::RequestContext;
use super::refetch;
use super::request::hit_of;
use crate::cache::storage::is_for_others;
use crate::refresh::work::{Done, Fetch, work};
use crate::refresh::{SiteRefresh, Url};

/// Time in which purges that come together are taken together.
const TOGETHER: Duration = Duration::from_millis(100);

/// Starts refreshing; it ends when the process stops.
pub fn spawn(gateway: &Gateway) {
    tokio::spawn(until_drained(gateway.clone(), |gateway| watch(gateway).boxed()));
}

async fn until_drained(gateway: Gateway, work: impl FnOnce(Gateway) -> BoxFuture<'static, ()>) {
    let drained = gateway.app.life.draining();
    tokio::select! {
        () = work(gateway) => {}
        () = drained => {}
    }
}

/// Puts in line what purges hit, and has it fetched.
async fn watch(gateway: Gateway) {
    loop {
        gateway.app.cache.purged().await;
        tokio::time::sleep(TOGETHER).await;
        for site in gateway.app.refresher.sites() {
            take_up(&gateway, site);
        }
    }
}

fn take_up(gateway: &Gateway, site: Arc<SiteRefresh>) {
    let cache = &gateway.app.cache;
    // What has leaked passes for a while: fetching it would store nothing.
    let added = site.take_up(cache.head(), |subject| {
        cache.is_purged(subject) && !gateway.app.sentinel.passes(subject.base)
    });
    count(gateway, &site, "dropped", added.dropped);
    if added.start {
        debug!(
            site = site.name(),
            urls = site.queue().lock().len(),
            "refreshing after a purge"
        );
        tokio::spawn(until_drained(gateway.clone(), |gateway| {
            async move {
                let fetcher = Fetcher { gateway, site };
                work(&fetcher.site, &fetcher).await;
            }
            .boxed()
        }));
    }
}

fn count(gateway: &Gateway, site: &SiteRefresh, result: &str, times: usize) {
    if times > 0 {
        let labels = [site.name(), result];
        let refreshes = &gateway.app.metrics.refreshes;
        refreshes.with_label_values(&labels).inc_by(times as u64);
    }
}

/// Fetches for one site.
struct Fetcher {
    gateway: Gateway,
    site: Arc<SiteRefresh>,
}

impl Fetch for Fetcher {
    fn fetch(&self, url: Arc<Url>, begun: oneshot::Sender<()>) -> BoxFuture<'_, Done> {
        async move { refetch::refresh(&self.gateway, &url.ask, begun).await }.boxed()
    }

    fn waiting(&self) -> usize {
        let terms = self.site.terms();
        let origin = terms.as_ref().and_then(|terms| terms.origin.as_ref());
        origin.map_or(0, |origin| origin.waiting())
    }

    fn count(&self, result: &'static str, times: usize) {
        count(&self.gateway, &self.site, result, times);
    }
}

/// Counts a request that the engine has just answered, if its answer is stored.
pub(super) fn note(gateway: &Gateway, session: &Session, cx: &RequestContext) {
    let (Some(site), Some(lookup)) = (&cx.site, &cx.cache.lookup) else {
        return;
    };
    let Some(refresh) = &site.refresh else { return };
    if let Some(took) = cx.upstream.first_byte {
        refresh.note_time(took);
    }
    let Some(times) = refresh.count() else { return };
    let cache = &gateway.app.cache;
    let stored = cache
        .get_memory(lookup.root, &lookup.request)
        .filter(|entry| !is_for_others(entry, &lookup.request, &lookup.wordpress))
        .or_else(|| cx.cache.found.clone());
    if let Some(entry) = stored {
        refresh.note(times, &entry, || {
            hit_of(session, cx, site, &entry, lookup).anonymous()
        });
    }
}
