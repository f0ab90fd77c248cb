//! Purge protocols in the path of requests: `PURGE` and its kin to a site's own address, APIs on hosts of
//! their own, and what an origin says beside its answers.

mod api;

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use popgate_filters::Answer;
use tracing::info;

use super::Gateway;
use super::context::RequestContext;
use super::decide;
use crate::admin::purge::page;
use crate::app::SiteRuntime;
use crate::app::purge::{PurgeError, within};
use crate::cache::policy::BypassReason;
use crate::cache::purge::PurgeReport;
use crate::config::PurgeProtocol;
use crate::preset::CacheRequest;
use crate::proxy::normalise::host_of;
use crate::purging::vary_cookies::carries_any;
use crate::purging::{Ask, Head, Reply, Understood, access, litespeed, protocol, understand};

/// Makes varnish-http-purge 5.4 and later send its tags.
const TAGS_UNDERSTOOD: &str = "vhp=\"Surrogate/1.0 tags/1\"";

/// Answers a purge request; `None` when the request is none.
///
/// # Errors
/// When the client is gone.
pub async fn answer(gateway: &Gateway, session: &mut Session, cx: &RequestContext) -> Result<Option<Answer>> {
    if let Some(sites) = cx.live.purge_apis.get(&cx.facts.authority.host) {
        return api::answer(gateway, session, cx, sites).await.map(Some);
    }
    let Some(site) = &cx.site else {
        return Ok(None);
    };
    let request = session.req_header();
    let Some(protocol) = protocol(&site.config.purge, request.method.as_str(), request.uri.path()) else {
        return Ok(None);
    };
    let reply = by_request(gateway, request, cx, site, protocol).await;
    Ok(Some(as_answer(reply)))
}

async fn by_request(
    gateway: &Gateway,
    request: &RequestHeader,
    cx: &RequestContext,
    site: &Arc<SiteRuntime>,
    protocol: PurgeProtocol,
) -> Reply {
    let sender = Sender {
        gateway,
        cx,
        protocol: protocol.as_str(),
    };
    if !site.config.purge.speaks(protocol) {
        return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "PURGE is not understood here\n");
    }
    if !sender.may_purge(site, &request.headers) {
        sender.count("refused");
        return Reply::text(
            StatusCode::FORBIDDEN,
            format!("{} is not allowed for this address\n", request.method),
        );
    }
    let head = head(request);
    let understood = match understand(protocol, &site.config.purge, &head) {
        Ok(understood) => understood,
        Err(error) => return sender.invalid(&error),
    };
    let host = &cx.facts.authority.host;
    let done = match &understood.host {
        None => sender.purge(site, Some(host), &understood.ask).await,
        Some(other) => {
            sender
                .purge_elsewhere(site, &request.headers, other, &understood)
                .await
        }
    };
    match done {
        Ok(report) => understood.reply(&id(&report), &page(&report, hard(site, &understood.ask))),
        Err(error) => sender.invalid(&error),
    }
}

/// Who asks for purges, and how.
struct Sender<'a> {
    gateway: &'a Gateway,
    cx: &'a RequestContext,
    protocol: &'static str,
}

impl Sender<'_> {
    fn may_purge(&self, site: &SiteRuntime, headers: &HeaderMap) -> bool {
        let facts = &self.cx.facts;
        access::may_purge(&site.config.purge, facts.peer, facts.visitor.ip, headers)
    }

    fn count(&self, result: &str) {
        self.gateway
            .app
            .metrics
            .purge_requests
            .with_label_values(&[self.protocol, result])
            .inc();
    }

    fn invalid(&self, error: &dyn std::fmt::Display) -> Reply {
        self.count("invalid");
        Reply::text(StatusCode::BAD_REQUEST, format!("{error}\n"))
    }

    /// Purges within a site.
    async fn purge(
        &self,
        site: &SiteRuntime,
        host: Option<&str>,
        ask: &Ask,
    ) -> Result<PurgeReport, PurgeError> {
        let request = within::resolve(&self.cx.live, site, host, ask)?;
        let report = self.gateway.app.cache.purge(&request).await;
        self.count("ok");
        info!(
            protocol = self.protocol,
            site = site.config.name,
            from = %self.cx.facts.peer,
            kind = report.kind.map(|kind| kind.as_str()),
            things = ask.targets.len(),
            hard = request.hard,
            id = id(&report),
            "purged"
        );
        Ok(report)
    }

    /// Purges on hosts that a request names beside the one it was sent to: of the same site, or of another
    /// that the sender may purge as well. An expression stands for the whole site.
    async fn purge_elsewhere(
        &self,
        site: &Arc<SiteRuntime>,
        headers: &HeaderMap,
        named: &str,
        understood: &Understood,
    ) -> Result<PurgeReport, PurgeError> {
        let Some(host) = host_of(named) else {
            let whole = Ask::of(vec![crate::purging::Target::Site]).hard(understood.ask.hard);
            return self
                .purge(site, Some(&self.cx.facts.authority.host), &whole)
                .await;
        };
        let other = self.cx.live.sites.find(&host, "/").unwrap_or(site);
        let same = Arc::ptr_eq(other, site) && within::has_host(&site.config, &host);
        if same || (!Arc::ptr_eq(other, site) && self.may_purge(other, headers)) {
            return self.purge(other, Some(&host), &understood.ask).await;
        }
        Err(PurgeError::OtherSite(host.into_owned()))
    }
}

fn head(request: &RequestHeader) -> Head<'_> {
    Head {
        method: request.method.as_str(),
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
    }
}

fn id(report: &PurgeReport) -> String {
    report.id.map(|id| id.to_string()).unwrap_or_default()
}

fn hard(site: &SiteRuntime, ask: &Ask) -> bool {
    ask.hard.unwrap_or(site.config.purge.hard)
}

fn as_answer(reply: Reply) -> Answer {
    Answer {
        status: reply.status,
        headers: vec![
            (header::CONTENT_TYPE, HeaderValue::from_static(reply.media_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
        body: reply.body.into(),
    }
}

/// Tells the origin what is understood here; what a client says about that is dropped.
///
/// # Errors
/// When a header is refused, which valid ones are not.
pub fn to_origin(site: &SiteRuntime, request: &mut RequestHeader) -> Result<()> {
    let purge = &site.config.purge;
    if !site.config.cache.enabled {
        return Ok(());
    }
    if purge.speaks(PurgeProtocol::Litespeed) {
        let theirs: Vec<HeaderName> = request
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("x-lscache"))
            .cloned()
            .collect();
        for name in theirs {
            request.remove_header(&name);
        }
        request.insert_header("X-LSCACHE", "on")?;
    }
    if purge.speaks(PurgeProtocol::VarnishTags) {
        request.insert_header("Surrogate-Capability", TAGS_UNDERSTOOD)?;
    }
    Ok(())
}

/// Obeys the purges in an origin's answer, within its own site, and takes them out of it: before anybody is
/// told that what caused them is done.
pub async fn in_band(gateway: &Gateway, cx: &RequestContext, response: &mut ResponseHeader) {
    let Some(site) = cx
        .site
        .as_ref()
        .filter(|site| site.config.purge.speaks(PurgeProtocol::Litespeed))
    else {
        return;
    };
    site.vary_cookies
        .learn(&litespeed::vary_cookies(&response.headers));
    let ask = litespeed::purge(&response.headers);
    for name in litespeed::PURGE_FIELDS {
        response.remove_header(name);
    }
    let Some(ask) = ask else { return };
    let sender = Sender {
        gateway,
        cx,
        protocol: PurgeProtocol::Litespeed.as_str(),
    };
    if let Err(error) = sender.purge(site, Some(&cx.facts.authority.host), &ask).await {
        sender.invalid(&error);
    }
}

/// Whether an answer's field is meant for this gateway alone.
#[must_use]
pub fn ends_here(site: &SiteRuntime, name: &HeaderName) -> bool {
    litespeed::is_internal(name.as_str()) && site.config.purge.speaks(PurgeProtocol::Litespeed)
}

/// Passes a request with a cookie that chooses a page of its own.
pub fn pass_chosen(session: &Session, cx: &mut RequestContext, site: &SiteRuntime) {
    if cx.cache.bypass.is_none() && decide::chooses_own_page(site, &session.req_header().headers) {
        cx.cache.bypass = Some(BypassReason::Preset("cookie"));
        cx.cache.request = None;
    }
}

/// The fields that say how long an answer may be kept.
///
/// # Errors
/// Why it may not be shared.
pub fn freshness<'a>(
    site: &SiteRuntime,
    cx: &RequestContext,
    request: &CacheRequest,
    headers: &'a HeaderMap,
) -> Result<Cow<'a, HeaderMap>, &'static str> {
    if !site.config.purge.speaks(PurgeProtocol::Litespeed) {
        return Ok(Cow::Borrowed(headers));
    }
    let chosen_by = litespeed::vary_cookies(headers);
    let asked = cx.cache.lookup.as_ref().map(|lookup| &lookup.request);
    if !request.strip_cookies && asked.is_some_and(|asked| carries_any(asked, &chosen_by)) {
        return Err("litespeed-vary");
    }
    litespeed::freshness(headers)
}
