//! Fresh hits in memory, answered before the proxy sees the request.
//!
//! A cached page is what most visitors come for, and the proxy's machinery costs more than finding it. So the
//! connection asks here first, with the head it has parsed anyway: an ordinary request for a page that lies
//! fresh in memory is answered with one write of lines that were laid out when it was stored. Whatever is not
//! ordinary passes, with a reason, and the proxy answers it as if this module did not exist. Key, policy and
//! conditions are decided by the functions that the proxy uses.

pub mod decision;
mod fields;
mod find;
mod h2;
mod report;
mod write;

pub use h2::Offered;

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use http::{StatusCode, Version};
use prometheus::IntCounter;
use tokio::time::Instant;

use crate::proxy::{Gateway, sentinel};
use crate::sentinel::is_chosen;
use crate::serve::ask;
use crate::server::head::Request;
use crate::visitor::is_trusted;
use decision::{LaneDecision, Pass, decide};
use fields::Fields;
use find::{Asked, Hit};
use report::Report;

/// Bodies up to this size go out with their head in one copy; larger ones beside it, uncopied.
const COPIED_MAX: usize = 4 * 1024;

/// Answers fresh hits.
pub struct Lane {
    gateway: Gateway,
    passed: Vec<IntCounter>,
}

/// The connection that a request came over.
#[derive(Debug, Clone, Copy)]
pub struct Came {
    /// The other end.
    pub peer: IpAddr,
    /// Over TLS.
    pub tls: bool,
    /// It is closed after this answer.
    pub last: bool,
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
}

/// An answer whose head is written; `body` is to follow.
pub struct Answer {
    /// What is left to send.
    pub body: Bytes,
    /// The connection is closed behind it.
    pub close: bool,
    report: Report,
}

/// A hit whose head is written.
struct Found<H> {
    head: H,
    body: Bytes,
    close: bool,
    report: Report,
}

impl Answer {
    /// Counts and logs the answer once it is sent, or could not be for `error`. Bytes of `body` may be left.
    pub fn finish(self, lane: &Lane, ended: Instant, error: Option<&'static str>) {
        self.report.finish(&lane.gateway, self.body.len(), ended, error);
    }
}

impl Lane {
    /// In front of this gateway.
    #[must_use]
    pub fn new(gateway: Gateway) -> Self {
        let passed = Pass::ALL
            .iter()
            .map(|pass| {
                gateway
                    .app
                    .metrics
                    .lane_passed
                    .with_label_values(&[pass.as_str()])
            })
            .collect();
        Self { gateway, passed }
    }

    /// Writes the head of the answer to `out`; `None`: the request is the proxy's, and `out` is as it was.
    pub fn answer(&self, request: &Request<'_, '_>, came: Came, out: &mut BytesMut) -> Option<Answer> {
        match self.try_answer(request, came, out) {
            Ok(answer) => Some(answer),
            Err(pass) => {
                self.count(pass);
                None
            }
        }
    }

    /// Offers some of the hits to the sentinel, and counts them where the hottest must be known.
    fn tell_others(&self, asked: &Asked<'_>, hit: &Hit, fields: &Fields<'_, '_>) {
        let one_in = asked.site.config.cache.leak_check;
        if one_in != 0 && !asked.ordinary.head_only && is_chosen(one_in, rand::random()) {
            as_told(asked, hit, fields, |hit| sentinel::offer(&self.gateway, hit));
        }
        if let Some(refresh) = &asked.site.refresh
            && let Some(times) = refresh.count()
        {
            refresh.note(times, &hit.entry, || {
                as_told(asked, hit, fields, |hit| hit.anonymous())
            });
        }
    }

    fn try_answer(&self, request: &Request<'_, '_>, came: Came, out: &mut BytesMut) -> Result<Answer, Pass> {
        let found = self.find(request, came, |asked, hit, status, close| {
            write::head(out, &self.gateway, asked, hit, status, close)
        })?;
        let body = if found.body.len() <= COPIED_MAX {
            out.extend_from_slice(&found.body);
            Bytes::new()
        } else {
            found.body
        };
        Ok(Answer {
            report: found.report,
            body,
            close: found.close,
        })
    }

    /// Finds the hit for a request and has its head written.
    fn find<H>(
        &self,
        request: &Request<'_, '_>,
        came: Came,
        write: impl FnOnce(&Asked<'_>, &Hit, StatusCode, bool) -> Result<H, Pass>,
    ) -> Result<Found<H>, Pass> {
        let started = Instant::now();
        let app = &self.gateway.app;
        let live = app.live_now();
        if !live.config.lane {
            return Err(Pass::Off);
        }
        let ordinary = match decide(request, &live.config.limits) {
            LaneDecision::Ordinary(ordinary) => ordinary,
            LaneDecision::Pass(pass) => return Err(pass),
        };
        if live.purge_apis.contains_key(&*ordinary.host) {
            return Err(Pass::Purge);
        }
        let site = live
            .sites
            .find(&ordinary.host, ordinary.path)
            .ok_or(Pass::UnknownSite)?;
        let mut fields = Fields::new(
            request.fields,
            is_trusted(came.peer, &live.config.trusted_proxies),
        );
        let asked = Asked::new(&self.gateway, &live, site, &ordinary, &fields, came);
        let hit = find::find(&self.gateway, &asked, &mut fields)?;
        let status = if hit.not_modified {
            StatusCode::NOT_MODIFIED
        } else {
            hit.entry.status
        };
        let close = ordinary.close || came.last;
        let body = if ordinary.head_only || hit.not_modified {
            Bytes::new()
        } else {
            hit.entry.body.clone()
        };
        let head = write(&asked, &hit, status, close)?;
        app.cache.count_hit();
        self.tell_others(&asked, &hit, &fields);
        Ok(Found {
            head,
            report: Report::new(&self.gateway, &asked, &fields, status, body.len(), started),
            body,
            close,
        })
    }

    fn count(&self, pass: Pass) {
        if let Some(counter) = self.passed.get(pass as usize) {
            counter.inc();
        }
    }
}

/// A hit as others are told of it.
fn as_told<T>(
    asked: &Asked<'_>,
    hit: &Hit,
    fields: &Fields<'_, '_>,
    tell: impl FnOnce(&ask::Hit<'_>) -> T,
) -> T {
    let authority = match asked.port {
        None => asked.ordinary.host.to_string(),
        Some(port) => format!("{}:{port}", asked.ordinary.host),
    };
    tell(&ask::Hit {
        site: asked.site,
        entry: &hit.entry,
        fields: &fields.select(|_| true),
        scheme: asked.client.scheme.as_str(),
        authority: &authority,
        target: asked.ordinary.target.to_owned(),
        ip: asked.client.visitor.ip,
        cookies: "",
    })
}
