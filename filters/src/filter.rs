//! The contract of a filter.

use std::fmt::Debug;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::context::{FilterContext, RequestParts};
use crate::headers::Headers;
use crate::key::KeyParts;

/// A filter: immutable once built, shared by all requests of a site.
///
/// A method is called only when [`Filter::points`] names its point. No method may block or panic,
/// whatever a client sends.
pub trait Filter: Debug + Send + Sync {
    /// The name in YAML.
    fn name(&self) -> &'static str;

    /// Where it acts.
    fn points(&self) -> Points;

    /// Whether it acts on answers from the cache.
    fn on_hits(&self) -> OnHits {
        OnHits::Never
    }

    /// Whether it looks at where the visitor is when a hit is served: at the `request`, `cache_key` and
    /// `response` points. A look-up is spared where no filter does.
    fn hits_want_geo(&self) -> bool {
        true
    }

    /// Whether `upstream_request` may add, change or remove this header, or make anything depend on it. What
    /// an answer varies by is read from the request as the origin sees it.
    fn may_touch_upstream(&self, _name: &HeaderName) -> bool {
        true
    }

    /// True when `request` answers every request it sees: nothing behind it can ever run.
    fn always_answers(&self) -> bool {
        false
    }

    /// Before the cache and the endpoints. May answer, may rewrite query and headers; cache key and origin
    /// both see the rewritten request.
    fn request(&self, _cx: &FilterContext<'_>, _parts: &mut RequestParts<'_>) -> Flow {
        Flow::Continue
    }

    /// While the cache key is put together.
    fn cache_key(&self, _cx: &FilterContext<'_>, _parts: &RequestParts<'_>, _key: &mut KeyParts) {}

    /// Before a request goes to the origin; called anew, on fresh headers, for each try.
    fn upstream_request(&self, _cx: &FilterContext<'_>, _headers: &mut dyn Headers) {}

    /// Before an answer goes to the client. What is stored never contains a filter's changes.
    fn response(&self, _cx: &FilterContext<'_>, _status: StatusCode, _headers: &mut dyn Headers) {}
}

/// What `request` decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Send this to the client; neither cache nor origin is asked.
    Answer(Answer),
}

/// An answer given by a filter. `Content-Length` is the sender's affair, and a `HEAD` gets no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status, 200..=599.
    pub status: StatusCode,
    /// Headers without framing.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body, may be empty.
    pub body: Bytes,
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// An answer in plain text.
    #[must_use]
    pub fn text(status: StatusCode, body: &'static str) -> Self {
        Self {
            status,
            headers: vec![(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            )],
            body: Bytes::from_static(body.as_bytes()),
        }
    }
}

/// A point at which filters act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// [`Filter::request`]
    Request,
    /// [`Filter::cache_key`]
    CacheKey,
    /// [`Filter::upstream_request`]
    UpstreamRequest,
    /// [`Filter::response`]
    Response,
}

/// A set of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Points(u8);

impl Points {
    /// No point.
    pub const NONE: Self = Self(0);

    /// This set and `point`.
    #[must_use]
    pub const fn with(self, point: Point) -> Self {
        Self(self.0 | 1 << point as u8)
    }

    /// Whether `point` is in the set.
    #[must_use]
    pub const fn has(self, point: Point) -> bool {
        self.0 & (1 << point as u8) != 0
    }

    /// Names of the points in the set, in the order a request comes to them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (Point::Request, "request"),
            (Point::CacheKey, "cache_key"),
            (Point::UpstreamRequest, "upstream_request"),
            (Point::Response, "response"),
        ]
        .into_iter()
        .filter_map(move |(point, name)| self.has(point).then_some(name))
    }

    /// Both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl From<Point> for Points {
    fn from(point: Point) -> Self {
        Self::NONE.with(point)
    }
}

/// Whether a filter acts on answers from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHits {
    /// A hit needs nothing of it at the `response` point.
    Never,
    /// Its `response` runs on hits too.
    Response,
}
