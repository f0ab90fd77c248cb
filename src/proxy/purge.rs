//! The `PURGE` method: one URL, from addresses the site allows.

use http::{HeaderValue, StatusCode, header};
use pingora_proxy::Session;
use popgate_filters::Answer;
use tracing::info;

use super::Gateway;
use super::answer;
use super::context::RequestContext;
use crate::admin::purge::{page, status};
use crate::app::SiteRuntime;
use crate::app::purge::{path_and_query, url_key};
use crate::cache::purge::PurgeRequest;
use crate::visitor::is_trusted;

/// Purges the request's own URL, softly; with `X-Purge-Mode: hard` for good.
pub async fn by_method(
    gateway: &Gateway,
    session: &Session,
    cx: &RequestContext,
    site: &SiteRuntime,
) -> Answer {
    // An address in a header is no permission, and a proxy's permission is not that of whom it speaks for.
    let allowed = |address| is_trusted(address, &site.config.purge_from);
    if !allowed(cx.facts.peer) || !allowed(cx.facts.visitor.ip) {
        return answer::text(
            StatusCode::METHOD_NOT_ALLOWED,
            "PURGE is not allowed for this address\n",
        );
    }
    let request = session.req_header();
    let hard = request
        .headers
        .get("x-purge-mode")
        .is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"hard"));
    let urls = url_key(&cx.live, &cx.facts.authority.host, path_and_query(&request.uri));
    let purge = PurgeRequest {
        urls: urls.into_iter().collect(),
        hard,
        ..PurgeRequest::default()
    };
    let report = gateway.app.cache.purge(&purge).await;
    info!(
        host = cx.facts.authority.host,
        path = request.uri.path(),
        from = %cx.facts.peer,
        hard,
        "purged by method"
    );
    let mut reply = answer::text(status(&report), format!("{}\n", page(&report, hard)));
    reply.headers[0] = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
