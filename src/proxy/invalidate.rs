//! What a write voids (RFC 9111 4.4), before its client knows that it went through: whoever is told of the
//! change may look at once.

use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::Gateway;
use super::context::RequestContext;
use crate::app::purge::url_key;
use crate::cache::policy::invalidate::{invalidates, targets};
use crate::cache::policy::reference::Base;
use crate::cache::purge::PurgeRequest;

/// Purges the request's URL, and Location and Content-Location on the same host, after a write. Hard: what
/// is void may not be served while it is refreshed, nor when the origin fails.
pub async fn after_write(
    gateway: &Gateway,
    session: &Session,
    cx: &RequestContext,
    response: &ResponseHeader,
) {
    let request = session.req_header();
    let answered_by_origin = cx.upstream.status.is_some();
    if !answered_by_origin || !invalidates(&request.method, response.status) {
        return;
    }
    let base = Base {
        scheme: cx.facts.scheme.as_str(),
        authority: &cx.facts.authority.text,
        path: request.uri.path(),
        query: request.uri.query(),
    };
    let host = &cx.facts.authority.host;
    let urls = targets(&base, &response.headers)
        .into_iter()
        .filter_map(|target| {
            let target = match target.query {
                Some(query) => format!("{}?{query}", target.path),
                None => target.path,
            };
            url_key(&cx.live, host, &target)
        })
        .collect();
    let purge = PurgeRequest {
        urls,
        hard: true,
        ..PurgeRequest::default()
    };
    gateway.app.cache.purge(&purge).await;
}
