//! What the lane tells about its answers: the same metrics and access lines as the proxy's.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use popgate_filters::FilterContext;
use tokio::time::Instant;

use super::fields::Fields;
use super::find::Asked;
use crate::app::SiteRuntime;
use crate::cache::status::Outcome;
use crate::proxy::Gateway;
use crate::telemetry::{AccessLine, rfc3339};

/// One answer, until it is sent.
pub struct Report {
    site: Arc<SiteRuntime>,
    status: StatusCode,
    /// Bytes of body.
    length: usize,
    started: Instant,
    line: Option<Box<Line>>,
}

/// What the access line says of the request, when there is one.
struct Line {
    time: String,
    ray: String,
    client: String,
    country: Option<String>,
    method: &'static str,
    scheme: &'static str,
    host: String,
    target: String,
    user_agent: Option<String>,
    referer: Option<String>,
}

/// The visitor's country; looked up here where no filter wanted to know.
fn country(gateway: &Gateway, asked: &Asked<'_>) -> Option<String> {
    let looked_up = match asked.geo {
        Some(_) => None,
        None => gateway.app.geo.lookup(asked.client.visitor.ip),
    };
    let context = FilterContext {
        geo: asked.geo.as_ref().or(looked_up.as_ref()),
        ..asked.context()
    };
    context.country().map(|country| country.to_string())
}

impl Report {
    /// Of an answer whose head is ready.
    pub fn new(
        gateway: &Gateway,
        asked: &Asked<'_>,
        fields: &Fields<'_, '_>,
        status: StatusCode,
        length: usize,
        started: Instant,
    ) -> Self {
        let line = asked.logged.then(|| {
            let text = |name| fields.text(name).map(str::to_owned);
            Box::new(Line {
                time: rfc3339::format(asked.now),
                ray: asked.ray.clone().unwrap_or_default(),
                client: asked.client.visitor.ip.to_string(),
                country: country(gateway, asked),
                method: if asked.ordinary.head_only { "HEAD" } else { "GET" },
                scheme: asked.client.scheme.as_str(),
                host: asked.authority.clone().into_owned(),
                target: asked.ordinary.target.to_owned(),
                user_agent: text("user-agent"),
                referer: text("referer"),
            })
        });
        Self {
            site: Arc::clone(asked.site),
            status,
            length,
            started,
            line,
        }
    }

    /// Counts and logs it; `left` bytes of its body were not sent.
    pub fn finish(self, gateway: &Gateway, left: usize, ended: Instant, error: Option<&'static str>) {
        let took = ended.duration_since(self.started);
        self.site.hits.count(self.status, took.as_secs_f64());
        if let Some(line) = &self.line {
            let sent = self.length.saturating_sub(left);
            gateway
                .app
                .access_log()
                .write(&self.access_line(line, sent, took, error));
        }
    }

    fn access_line<'a>(
        &'a self,
        line: &'a Line,
        sent: usize,
        took: Duration,
        error: Option<&'static str>,
    ) -> AccessLine<'a> {
        AccessLine {
            time: line.time.clone(),
            ray: &line.ray,
            site: Some(&self.site.config.name),
            client: line.client.clone(),
            country: line.country.as_deref(),
            method: line.method,
            scheme: line.scheme,
            host: &line.host,
            target: &line.target,
            protocol: "HTTP/1.1",
            status: self.status.as_u16(),
            bytes: sent as u64,
            duration_ms: (took.as_secs_f64() * 1_000_000.0).round() / 1000.0,
            cache: Outcome::Hit.label(),
            reason: Outcome::Hit.reason(),
            upstream: None,
            upstream_status: None,
            upstream_ms: None,
            tries: 0,
            error: error.map(str::to_owned),
            user_agent: line.user_agent.as_deref(),
            referer: line.referer.as_deref(),
        }
    }
}
