//! Why a request gets what it gets: the whole decision, made by the functions that the proxy's hooks call,
//! and told as data ([`report`]) and as text.
//!
//! Nothing is fetched, stored, promoted or purged. What only the origin's answer can tell (may it be
//! stored?) is told from the last answer under the same key ([`crate::cache::refusals`]).

mod input;
pub mod report;
mod stored;
mod text;

use http::Uri;
use http::request::Parts;

use crate::app::{App, Live, SiteRuntime};
use crate::cache::key::normal_percent;
use crate::cache::policy::{BypassReason, Directives, RequestDecision};
use crate::config::{Preset, PurgeProtocol};
use crate::endpoint::{self, Route};
use crate::preset::PageClass;
use crate::proxy::context::RequestContext;
use crate::proxy::decide::{self, Filtered, KeyAndFields, LookupDecision};
use crate::proxy::normalise;
use crate::proxy::sentinel::LEAK;
use crate::purging::{access, protocol};
use crate::telemetry::rfc3339;
use input::Asked;
use report::{Answer, Explanation, Verdict};

pub use input::{Input, InputError};

/// Explains a request.
///
/// # Errors
/// [`InputError`] when it cannot be understood.
pub async fn explain(app: &App, input: &Input) -> Result<Explanation, InputError> {
    let asked = input.read()?;
    let now = app.clock.now();
    let mut told = Explanation {
        url: input.url.clone(),
        method: asked.parts.method.to_string(),
        time: rfc3339::format(now),
        verdict: Verdict {
            answer: Answer::Miss,
            reason: None,
            text: String::new(),
        },
        site: None,
        visitor: None,
        filters: Vec::new(),
        request: None,
        key: None,
        stored: None,
        purges: Vec::new(),
        not_stored: None,
        origin: None,
    };
    told.verdict = Inquiry {
        app,
        told: &mut told,
        cx: RequestContext::new(app.live(), now),
    }
    .run(asked)
    .await;
    Ok(told)
}

/// One explanation in the making.
struct Inquiry<'a> {
    app: &'a App,
    told: &'a mut Explanation,
    cx: RequestContext,
}

fn verdict(answer: Answer, reason: Option<&'static str>, text: impl Into<String>) -> Verdict {
    Verdict {
        answer,
        reason,
        text: text.into(),
    }
}

impl Inquiry<'_> {
    /// The way of a request, as [`crate::proxy`] goes it.
    async fn run(mut self, asked: Asked) -> Verdict {
        let live = self.cx.live.clone();
        let (mut parts, authority) = match normalise::normalise_parts(asked.parts, &live.config.limits) {
            Ok(normal) => normal,
            Err(refusal) => {
                let text = format!("refused with {}", refusal.status);
                return verdict(Answer::Refused, Some(refusal.reason), text);
            }
        };
        self.cx.facts.authority = authority;
        decide::learn_visitor(
            &self.app.geo,
            &live.config.trusted_proxies,
            (asked.peer, asked.scheme),
            &mut parts.headers,
            &mut self.cx.facts,
        );
        let facts = &mut self.cx.facts;
        normalise::drop_default_port(&mut parts.headers, &mut facts.authority, facts.scheme);
        if live.purge_apis.contains_key(&facts.authority.host) {
            self.visitor(None);
            return verdict(
                Answer::Purge,
                None,
                "a call of a purge API: its host is one of api_hosts",
            );
        }
        let Some(site) = self.find_site(&live, parts.uri.path()) else {
            self.visitor(None);
            return verdict(
                Answer::Refused,
                Some("unknown_site"),
                "refused with 421: no site has this host and path",
            );
        };
        self.visitor(Some(&site));
        if let Some(early) = self.before_cache(&site, &mut parts) {
            return early;
        }
        self.origin(&site);
        self.cache(&site, parts).await
    }

    fn find_site(&mut self, live: &Live, path: &str) -> Option<std::sync::Arc<SiteRuntime>> {
        let found = live.sites.locate(&self.cx.facts.authority.host, path)?;
        self.told.site = Some(report::Site {
            name: found.site.config.name.clone(),
            host: found.host.to_string(),
            path: found.path.to_owned(),
            preset: match found.site.config.preset {
                Preset::Standard => "standard",
                Preset::Wordpress => "wordpress",
            },
        });
        self.told.filters = found
            .site
            .chain
            .overview()
            .map(|(name, points)| report::Filter {
                name,
                points: points.names().collect(),
                answered: false,
            })
            .collect();
        Some(std::sync::Arc::clone(found.site))
    }

    fn visitor(&mut self, site: Option<&SiteRuntime>) {
        let facts = &self.cx.facts;
        let country = site.and_then(|site| self.cx.filter_context(site).country());
        self.told.visitor = Some(report::Visitor {
            ip: facts.visitor.ip,
            peer: facts.peer,
            peer_trusted: facts.visitor.peer_trusted,
            scheme: facts.scheme.as_str(),
            country: country.map(|country| country.to_string()),
            city: facts.geo.as_ref().and_then(|geo| geo.city.clone()),
            asn: facts.geo.as_ref().and_then(|geo| geo.asn),
        });
    }

    /// What answers before the cache is asked.
    fn before_cache(&mut self, site: &SiteRuntime, parts: &mut Parts) -> Option<Verdict> {
        if let Some(protocol) = protocol(&site.config.purge, parts.method.as_str(), parts.uri.path()) {
            return Some(self.purging(site, protocol, parts));
        }
        if normalise::announces_more_than(&parts.headers, site.config.body_max) {
            let text = "refused with 413: the body is larger than the site takes";
            return Some(verdict(Answer::Refused, Some("body_too_large"), text));
        }
        match decide::run_filters(&self.cx, site, &parts.method, &parts.uri, &mut parts.headers) {
            Filtered::Unchanged => {}
            Filtered::Rewritten(target) => retarget(&mut parts.uri, &target),
            Filtered::Answered(name, answer) => {
                for filter in self.told.filters.iter_mut().filter(|filter| filter.name == name) {
                    filter.answered = true;
                }
                let text = format!("answered by the filter {name} with {}", answer.status);
                return Some(verdict(Answer::Filter, Some(name), text));
            }
        }
        let text = match endpoint::route(&site.config.endpoints, &parts.method, parts.uri.path()) {
            Route::FastUser => "answered by the endpoint fast_user",
            Route::MethodNotAllowed => "405: the endpoint does not take this method",
            Route::Elsewhere if site.origin.is_none() => "404: the site has no origin",
            Route::Elsewhere => return None,
        };
        Some(verdict(Answer::Endpoint, None, text))
    }

    fn purging(&self, site: &SiteRuntime, protocol: PurgeProtocol, parts: &Parts) -> Verdict {
        let (purge, facts) = (&site.config.purge, &self.cx.facts);
        let name = protocol.as_str();
        let text = if !purge.speaks(protocol) {
            format!("refused with 405: the site's purge.protocols lack {name}")
        } else if access::may_purge(purge, facts.peer, facts.visitor.ip, &parts.headers) {
            format!("a purge as {name}")
        } else {
            format!(
                "refused with 403: a purge as {name}, from an address that is not in purge.from, without a token"
            )
        };
        verdict(Answer::Purge, None, text)
    }

    async fn cache(&mut self, site: &SiteRuntime, mut parts: Parts) -> Verdict {
        let sent = parts.uri.query().map(str::to_owned);
        let mut decided = decide::decide_lookup(site, &parts.method, &parts.uri, &parts.headers);
        if decide::chooses_own_page(site, &parts.headers) {
            decided.pass(BypassReason::Preset("cookie"));
        }
        self.told.request = Some(request(&decided, &parts));
        let asked = match decided.decision {
            RequestDecision::Bypass(reason) => return bypass(reason),
            RequestDecision::Lookup(asked) => asked,
        };
        if let Some(target) = &decided.target {
            retarget(&mut parts.uri, target);
        }
        if let Some(request) = &decided.request {
            decide::normal_fields(site, request, &mut parts.headers);
        }
        self.cx.cache.request = decided.request.clone();
        let key = decide::key_of(&self.cx, site, &parts.uri, &parts.headers);
        if self.app.sentinel.passes(key.hashes.base) {
            return bypass(LEAK);
        }
        let subject = stored::Place {
            host: &self.cx.facts.authority.host,
            path: &normal_percent(parts.uri.path()),
            query: parts.uri.query().map(normal_percent),
        };
        let may_fill = decide::may_fill(&parts.method, &parts.headers);
        let (cache, found) = stored::look(self.app, site, &asked, &key, &subject).await;
        self.told.key = Some(key_report(&key, &cache, self.cx.facts.authority.port, sent));
        self.told.stored = Some(cache.stored);
        self.told.purges = cache.purges;
        self.told.not_stored = cache.not_stored;
        stored::verdict(self.told, found, &asked, may_fill)
    }

    fn origin(&mut self, site: &SiteRuntime) {
        let Some(origin) = &site.origin else { return };
        let overview = origin.pool.overview();
        self.told.origin = Some(report::Origin {
            name: origin.pool.name().to_owned(),
            connections_max: origin.pool.settings().connections_max,
            queue: overview.queue,
            servers: overview
                .servers
                .into_iter()
                .map(|server| report::Server {
                    name: server.name,
                    usable: server.usable,
                    standing: server.standing,
                    requests: server.requests,
                    connections: server.connections,
                    connections_max: server.connections_max,
                })
                .collect(),
        });
    }
}

/// A target that is no URI stays as it came, as in the proxy.
fn retarget(uri: &mut Uri, target: &str) {
    if let Ok(new) = target.parse() {
        *uri = new;
    }
}

fn bypass(reason: BypassReason) -> Verdict {
    let text = match reason {
        BypassReason::Disabled => "the site does not cache",
        BypassReason::Method | BypassReason::Preset("method") => "only GET and HEAD are looked up",
        BypassReason::Connect => "CONNECT",
        BypassReason::Upgrade => "an upgrade of the connection",
        BypassReason::Grpc => "gRPC",
        BypassReason::Precondition => "only the origin knows the current representation",
        BypassReason::Body | BypassReason::Preset("body") => "a request with a body",
        BypassReason::Preset("cookie") => "a cookie that means a person, or chooses a page of its own",
        BypassReason::Preset("path") => "a path that is personal or acts",
        BypassReason::Preset("authorization") => "the request carries credentials",
        BypassReason::Preset("query") => "a parameter that acts or previews",
        LEAK => "a copy of it has shown what only one person should see, so it passes for a while",
        BypassReason::Preset(_) => "a rule of the site's preset",
    };
    let text = format!("passed to the origin, neither looked up nor stored: {text}");
    verdict(Answer::Bypass, Some(reason.as_str()), text)
}

fn request(decided: &LookupDecision, parts: &Parts) -> report::Request {
    let (decision, reason, directives) = match decided.decision {
        RequestDecision::Bypass(reason) => ("bypass", Some(reason.as_str()), Vec::new()),
        RequestDecision::Lookup(asked) => ("lookup", None, wishes(&asked)),
    };
    let cacheable = decided.request.as_ref();
    report::Request {
        decision,
        reason,
        class: cacheable
            .filter(|request| request.class != PageClass::Any)
            .map(|request| format!("{:?}", request.class).to_lowercase()),
        ttl_max: cacheable
            .and_then(|request| request.ttl_max)
            .map(|ttl| ttl.as_secs()),
        cookies_forwarded: !cacheable.is_some_and(|request| request.strip_cookies),
        directives,
        may_fill: cacheable.is_some() && decide::may_fill(&parts.method, &parts.headers),
    }
}

/// The client's wishes that count, as it would write them.
fn wishes(asked: &Directives) -> Vec<String> {
    use crate::cache::policy::cache_control::MaxStale;
    let seconds = |name: &str, value: Option<std::time::Duration>| {
        value.map(|value| format!("{name}={}", value.as_secs()))
    };
    let flag = |name: &str, set: bool| set.then(|| name.to_owned());
    [
        flag("no-cache", asked.no_cache),
        flag("no-store", asked.no_store),
        flag("only-if-cached", asked.only_if_cached),
        seconds("max-age", asked.max_age),
        asked.max_stale.map(|stale| match stale {
            MaxStale::Any => "max-stale".to_owned(),
            MaxStale::Within(window) => format!("max-stale={}", window.as_secs()),
        }),
        seconds("min-fresh", asked.min_fresh),
        seconds("stale-if-error", asked.stale_if_error),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn key_report(
    key: &KeyAndFields,
    cache: &stored::Cache,
    port: Option<u16>,
    sent: Option<String>,
) -> report::Key {
    let parts = &key.parts;
    report::Key {
        scheme: parts.scheme().map(str::to_owned),
        host: parts.host().to_owned(),
        path: parts.path().to_owned(),
        query: parts.query().map(str::to_owned),
        query_sent: sent.filter(|sent| Some(sent.as_str()) != parts.query()),
        extras: parts
            .extras()
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect(),
        port,
        base: key.hashes.base.to_string(),
        root: key.hashes.root.to_string(),
        variant: cache.variant.clone(),
        slot: cache.slot.to_string(),
    }
}
