//! What an answer to HEAD says about a stored answer to GET (RFC 9111 4.3.5).

use std::time::SystemTime;

use http::{Method, StatusCode};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::Gateway;
use super::cache::{Judged, judge_answer};
use super::context::RequestContext;
use crate::cache::policy::reuse::expire;
use crate::cache::policy::stored_headers;
use crate::cache::policy::validate::{is_same_by_head, merge_304};
use crate::cache::storage::renewed;

/// Updates the object found from a 200 to HEAD that shows the same representation, and takes it out of
/// service after one that shows another.
pub(super) fn by_head(
    gateway: &Gateway,
    session: &Session,
    cx: &mut RequestContext,
    response: &ResponseHeader,
    now: SystemTime,
) {
    let both_whole = response.status == StatusCode::OK && session.req_header().method == Method::HEAD;
    let (Some(site), Some(request), Some(key)) = (cx.site.clone(), cx.cache.request.clone(), cx.cache.key)
    else {
        return;
    };
    let Some(entry) = cx
        .cache
        .found
        .clone()
        .filter(|entry| both_whole && entry.status == StatusCode::OK)
    else {
        return;
    };
    if !is_same_by_head(&entry.headers, &response.headers) {
        let times = expire(&entry.times, now);
        gateway
            .app
            .cache
            .refresh(&entry, entry.headers.clone(), times, entry.seq);
        return;
    }
    let mut head = response.clone();
    super::headers::replace(&mut head, &merge_304(&entry.headers, &response.headers, now));
    match judge_answer(session, cx, &site, &request, &mut head, now) {
        Judged::Store { times, .. } => {
            let headers = stored_headers(&head.headers, now);
            let times = match &cx.cache.lookup {
                Some(lookup) => renewed(lookup, &entry, times),
                None => times,
            };
            gateway.app.cache.refresh(&entry, headers, times, key.seq);
        }
        Judged::Refused { .. } => gateway.app.cache.remove(entry.slot),
    }
}
