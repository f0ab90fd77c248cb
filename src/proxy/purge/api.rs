//! Purge APIs of services that popgate stands in for, on hosts of their own.

use std::sync::Arc;

use http::StatusCode;
use pingora_core::Result;
use pingora_proxy::Session;
use popgate_filters::Answer;

use super::{Sender, as_answer, head, id};
use crate::app::SiteRuntime;
use crate::config::{PurgeProtocol, SitePurge};
use crate::proxy::Gateway;
use crate::proxy::context::RequestContext;
use crate::purging::{Head, Reply, access, cloudflare, fastly};

/// Largest body of a call, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// Answers a call; `sites` are those that have this host as their API's.
///
/// # Errors
/// When the client is gone.
pub(super) async fn answer(
    gateway: &Gateway,
    session: &mut Session,
    cx: &RequestContext,
    sites: &[Arc<SiteRuntime>],
) -> Result<Answer> {
    let is_cloudflare = session.req_header().uri.path().starts_with("/client/");
    let protocol = if is_cloudflare {
        PurgeProtocol::Cloudflare
    } else {
        PurgeProtocol::Fastly
    };
    let sender = Sender {
        gateway,
        cx,
        protocol: protocol.as_str(),
    };
    let headers = &session.req_header().headers;
    let mine: Vec<Arc<SiteRuntime>> = sites
        .iter()
        .filter(|site| may_call(&site.config.purge, protocol, headers))
        .cloned()
        .collect();
    if mine.is_empty() {
        sender.count("refused");
        return Ok(as_answer(if is_cloudflare {
            cloudflare::refused()
        } else {
            fastly::refused()
        }));
    }
    let Some(body) = read_body(session).await? else {
        sender.count("invalid");
        let problem = "a call takes at most 1 MiB\n";
        return Ok(as_answer(Reply::text(StatusCode::PAYLOAD_TOO_LARGE, problem)));
    };
    let head = head(session.req_header());
    let reply = if is_cloudflare {
        by_cloudflare(&sender, &mine, &head, &body).await
    } else {
        by_fastly(&sender, &mine, &head, &body).await
    };
    if reply.status.is_client_error() {
        sender.count("invalid");
    }
    Ok(as_answer(reply))
}

fn may_call(purge: &SitePurge, protocol: PurgeProtocol, headers: &http::HeaderMap) -> bool {
    purge.speaks(protocol) && access::has_token(purge, headers)
}

async fn read_body(session: &mut Session) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(part) = session.read_request_body().await? {
        if body.len() + part.len() > BODY_MAX {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

async fn by_fastly(sender: &Sender<'_>, sites: &[Arc<SiteRuntime>], head: &Head<'_>, body: &[u8]) -> Reply {
    let Some(call) = fastly::call(head, body) else {
        return fastly::not_found();
    };
    let Some(site) = named(sites, &call.service) else {
        return fastly::not_found();
    };
    let name = &site.config.name;
    let Some(ask) = call.action.ask(head) else {
        return fastly::reply(&call, name, "");
    };
    match sender.purge(site, None, &ask).await {
        Ok(report) => fastly::reply(&call, name, &id(&report)),
        Err(_) => fastly::not_found(),
    }
}

async fn by_cloudflare(
    sender: &Sender<'_>,
    sites: &[Arc<SiteRuntime>],
    head: &Head<'_>,
    body: &[u8],
) -> Reply {
    let call = cloudflare::call(head);
    let (Some(call), Some(first)) = (call, sites.first()) else {
        return cloudflare::not_found(head.path);
    };
    if let cloudflare::Call::Zones(name) = &call {
        let names: Vec<&str> = sites
            .iter()
            .filter(|site| name.as_ref().is_none_or(|name| is_zone(site, name)))
            .map(|site| site.config.name.as_str())
            .collect();
        return cloudflare::zones(&names);
    }
    let site = match call.zone() {
        Some(zone) => named(sites, zone),
        None => Some(first),
    };
    let Some(site) = site else {
        return cloudflare::not_found(head.path);
    };
    let name = &site.config.name;
    if !matches!(call, cloudflare::Call::Purge(_)) {
        return cloudflare::describe(&call, name).unwrap_or_else(|| cloudflare::not_found(head.path));
    }
    let ask = match cloudflare::ask(body) {
        Ok(ask) => ask,
        Err(reply) => return reply,
    };
    match sender.purge(site, None, &ask).await {
        Ok(_) => cloudflare::purged(name),
        Err(error) => cloudflare::failure(StatusCode::BAD_REQUEST, 1012, &error.to_string()),
    }
}

/// The site that a service or zone stands for: by its name, or by the ID made of it.
fn named<'a>(sites: &'a [Arc<SiteRuntime>], id: &str) -> Option<&'a Arc<SiteRuntime>> {
    sites
        .iter()
        .find(|site| site.config.name == id || cloudflare::zone_id(&site.config.name) == id)
}

/// Whether a domain is that of a site: one of its hosts, or above one.
fn is_zone(site: &SiteRuntime, name: &str) -> bool {
    use crate::config::HostPattern;
    site.config.hosts.iter().any(|pattern| match pattern {
        HostPattern::Exact(host) | HostPattern::Wildcard(host) => {
            host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
        }
        HostPattern::Any => true,
    })
}
