//! Writes that pass by: watched on their way, and what they changed purged before their sender knows.
//!
//! What a write changes is said by [`crate::preset::snoop`]; here its answer is read along, purges are
//! held within bounds and applied.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use moka::sync::Cache;
use parking_lot::Mutex;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use tracing::debug;

use super::Gateway;
use super::context::RequestContext;
use crate::app::purge::url_key;
use crate::app::{App, Live, SiteRuntime};
use crate::cache::purge::{PurgePrefix, PurgeRequest};
use crate::cache::{Entry, KeyHash, PurgeSeq};
use crate::config::{Preset, WriteSnooping};
use crate::preset::RequestFacts;
use crate::preset::snoop::gate::{Admit, Gate};
use crate::preset::snoop::{
    ANSWER_BODY_MAX, Changes, Effect, REQUEST_BODY_MAX, Sent, Wide, Write, tags, watch,
};

/// Changed things remembered, so that nobody is shown their old copy while a new one is fetched.
const CHANGED_MAX: u64 = 100_000;

/// What snooping knows beyond one request.
pub struct Snooping {
    gate: Mutex<Gate>,
    epoch: Instant,
    changed: Cache<u128, PurgeSeq>,
}

impl Default for Snooping {
    fn default() -> Self {
        Self {
            gate: Mutex::default(),
            epoch: Instant::now(),
            changed: Cache::new(CHANGED_MAX),
        }
    }
}

/// One request that may write.
pub struct Watched {
    write: Write,
    sent: Vec<u8>,
    sent_whole: bool,
    status: StatusCode,
    /// The answer so far, while it is wanted; empty and past its bound when it was too long.
    answer: Option<Vec<u8>>,
    overlong: bool,
}

impl Watched {
    fn sent(&self) -> Sent<'_> {
        Sent {
            bytes: &self.sent,
            whole: self.sent_whole,
        }
    }

    /// Whether its answer must come as it is, uncompressed.
    #[must_use]
    pub fn reads_answer(&self) -> bool {
        self.write.wants_answer()
    }
}

/// Watches a request that may write.
pub fn begin(session: &Session, cx: &mut RequestContext, site: &SiteRuntime) {
    let snoops =
        site.config.preset == Preset::Wordpress && site.config.wordpress.write_snooping != WriteSnooping::Off;
    if !snoops || cx.cache.bypass.is_none() {
        return;
    }
    let request = session.req_header();
    let facts = RequestFacts {
        method: cx.facts.method_override.as_ref().unwrap_or(&request.method),
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
    };
    cx.watched = watch(&facts).map(|write| {
        Box::new(Watched {
            write,
            sent: Vec::new(),
            sent_whole: true,
            status: StatusCode::OK,
            answer: None,
            overlong: false,
        })
    });
}

/// Keeps the beginning of the request's body.
pub fn request_body(cx: &mut RequestContext, body: Option<&Bytes>) {
    let (Some(watched), Some(body)) = (&mut cx.watched, body) else {
        return;
    };
    if watched.write.wants_request_body() {
        let room = REQUEST_BODY_MAX - watched.sent.len();
        watched.sent_whole &= body.len() <= room;
        watched.sent.extend_from_slice(&body[..body.len().min(room)]);
    }
}

/// The answer's head is about to go to the client.
pub fn head(gateway: &Gateway, cx: &mut RequestContext, response: &ResponseHeader) {
    let answered_by_origin = cx.upstream.status.is_some();
    if !answered_by_origin || response.status.is_informational() {
        return;
    }
    let Some(mut watched) = cx.watched.take() else {
        return;
    };
    watched.status = response.status;
    match watched
        .write
        .on_head(watched.sent(), response.status, &response.headers)
    {
        Effect::Nothing => {}
        Effect::Changed(changes) => apply(gateway, cx, changes),
        Effect::AfterBody => {
            watched.answer = Some(Vec::new());
            cx.watched = Some(watched);
        }
    }
}

/// A piece of the answer is about to go to the client.
pub fn answer_body(gateway: &Gateway, cx: &mut RequestContext, body: Option<&Bytes>, end: bool) {
    let Some(watched) = &mut cx.watched else { return };
    let Some(answer) = &mut watched.answer else { return };
    if let Some(body) = body {
        watched.overlong |= body.len() > ANSWER_BODY_MAX - answer.len();
        if watched.overlong {
            answer.clear();
        } else {
            answer.extend_from_slice(body);
        }
    }
    if end {
        conclude(gateway, cx, true);
    }
}

/// The request is over. An answer that broke off was a write all the same.
pub fn finish(gateway: &Gateway, cx: &mut RequestContext) {
    conclude(gateway, cx, false);
}

fn conclude(gateway: &Gateway, cx: &mut RequestContext, complete: bool) {
    let Some(watched) = cx.watched.take() else { return };
    let Some(answer) = &watched.answer else { return };
    let answer = (complete && !watched.overlong).then_some(answer.as_slice());
    if let Some(changes) = watched.write.on_answer(watched.sent(), watched.status, answer) {
        apply(gateway, cx, changes);
    }
}

/// Purges what changed, unless too much changes at once: then it waits, and is wider.
fn apply(gateway: &Gateway, cx: &RequestContext, mut changes: Changes) {
    let snoops = cx.site.as_ref().map(|site| site.config.wordpress.write_snooping);
    if snoops == Some(WriteSnooping::Site) {
        changes.wide = Some(Wide::Site);
    }
    let also_on = changes.also_on.take();
    for host in hosts(&cx.facts.authority.host, also_on) {
        let snooping = &gateway.app.snooping;
        let now = snooping.epoch.elapsed();
        let admitted = snooping
            .gate
            .lock()
            .admit(&host, changes.wide, changes.covered_by(), now);
        debug!(host, kind = changes.kind.as_str(), wide = ?changes.wide, ?admitted, "write seen");
        let result = match admitted {
            Admit::Now => changes.kind.as_str(),
            Admit::Later(_) | Admit::Covered => "folded",
        };
        gateway
            .app
            .metrics
            .snooped_writes
            .with_label_values(&[result])
            .inc();
        match admitted {
            Admit::Now => purge_changes(gateway, &cx.live, &host, &changes),
            Admit::Later(wait) => {
                let gateway = gateway.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    let now = gateway.app.snooping.epoch.elapsed();
                    let due = gateway.app.snooping.gate.lock().due(&host, now);
                    if let Some(wide) = due {
                        let _ = purge(&gateway.app, wide_purge(&host, wide));
                    }
                });
            }
            Admit::Covered => {}
        }
    }
}

/// The host that was written to, and the one that shows it.
fn hosts(host: &str, also_on: Option<String>) -> Vec<String> {
    let mut hosts = vec![host.to_owned()];
    hosts.extend(
        also_on
            .as_deref()
            .and_then(super::normalise::host_of)
            .filter(|also| also != host)
            .map(Cow::into_owned),
    );
    hosts
}

fn wide_purge(host: &str, wide: Wide) -> PurgeRequest {
    match wide {
        Wide::Site => PurgeRequest {
            hosts: vec![host.into()],
            ..PurgeRequest::default()
        },
        Wide::Pages => PurgeRequest {
            tags: vec![tags::tag(host, tags::ANY).into()],
            ..PurgeRequest::default()
        },
    }
}

fn purge_changes(gateway: &Gateway, live: &Live, host: &str, changes: &Changes) {
    if let Some(wide) = changes.wide {
        let _ = purge(&gateway.app, wide_purge(host, wide));
        return;
    }
    let request = PurgeRequest {
        urls: changes
            .urls
            .iter()
            .filter_map(|target| url_key(live, host, target))
            .collect(),
        tags: changes
            .tags
            .iter()
            .map(|name| tags::tag(host, name).into())
            .collect(),
        prefixes: changes
            .prefixes
            .iter()
            .map(|path| PurgePrefix {
                host: host.into(),
                path: path.as_str().into(),
            })
            .collect(),
        ..PurgeRequest::default()
    };
    let named: Vec<u128> = request
        .urls
        .iter()
        .map(|url| url.base.0)
        .chain(request.tags.iter().map(|tag| tag_key(tag)))
        .collect();
    let seq = purge(&gateway.app, request);
    for key in named {
        gateway.app.snooping.changed.insert(key, seq);
    }
}

fn tag_key(tag: &str) -> u128 {
    KeyHash::of(&[b"tag", tag.as_bytes()]).0
}

impl Snooping {
    /// Whether a purged object is what a write changed by name: whoever looks for the change must not be shown
    /// the old copy, not even while a new one is fetched.
    #[must_use]
    pub fn is_outdated(&self, entry: &Entry) -> bool {
        let after = |key: u128| self.changed.get(&key).is_some_and(|seq| entry.seq < seq);
        after(entry.base.0) || entry.tags.iter().any(|tag| after(tag_key(tag)))
    }
}

/// Purges here before it returns; the other popgates hear of it meanwhile. Gives the head of the log.
pub fn purge(app: &Arc<App>, request: PurgeRequest) -> PurgeSeq {
    let cache = Arc::clone(&app.cache);
    let mut purging = Box::pin(async move { cache.purge(&request).await });
    // The first step applies it; what is left is the announcement, which nobody need wait for.
    if purging
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_pending()
    {
        tokio::spawn(purging);
    }
    app.cache.head()
}
