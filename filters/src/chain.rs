//! A site's filters in order.

use http::{HeaderName, StatusCode};
use serde_json::Value;

use crate::checks;
use crate::context::{FilterContext, RequestParts};
use crate::filter::{Answer, Filter, OnHits, Point, Points};
use crate::headers::Headers;
use crate::key::KeyParts;
use crate::options::OptionError;

/// Filters of one site, checked; built once and shared.
#[derive(Debug, Default)]
pub struct Chain {
    filters: Vec<Box<dyn Filter>>,
    points: Points,
    acts_on_hits: bool,
    hits_want_geo: bool,
}

/// Why a list of filters was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter {index}: {problem}; {mend}")]
pub struct ChainError {
    /// Place in the list, from 0.
    pub index: usize,
    /// Key path below the filter's options; empty when the filter itself is meant.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub mend: String,
}

impl ChainError {
    pub(crate) fn whole(index: usize, problem: String, mend: String) -> Self {
        Self {
            index,
            key: String::new(),
            problem,
            mend,
        }
    }

    fn option(index: usize, error: OptionError) -> Self {
        Self {
            index,
            key: error.key,
            problem: error.problem,
            mend: error.mend,
        }
    }
}

impl Chain {
    /// Builds the filters named in `specs`, in order, each with its options (`Null` for a bare name).
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the list: unknown names, the same filter twice, a filter
    /// behind one that always answers, unknown or wrong options.
    pub fn build(specs: &[(&str, &Value)]) -> Result<Self, Vec<ChainError>> {
        let names: Vec<&str> = specs.iter().map(|(name, _)| *name).collect();
        let mut errors = checks::twice(&names);
        let mut built = Vec::with_capacity(specs.len());
        for (index, (name, options)) in specs.iter().enumerate() {
            match checks::known(index, name) {
                Ok(doc) => match (doc.build)(options) {
                    Ok(filter) => built.push((index, filter)),
                    Err(wrong) => errors.extend(wrong.into_iter().map(|e| ChainError::option(index, e))),
                },
                Err(error) => errors.push(error),
            }
        }
        let order: Vec<_> = built
            .iter()
            .map(|(index, filter)| (*index, filter.name(), filter.always_answers()))
            .collect();
        errors.extend(checks::unreachable(&order));
        if !errors.is_empty() {
            errors.sort_by_key(|error| error.index);
            return Err(errors);
        }
        Ok(Self::of(built.into_iter().map(|(_, filter)| filter).collect()))
    }

    /// A chain of filters that are not in the registry.
    #[must_use]
    pub fn of(filters: Vec<Box<dyn Filter>>) -> Self {
        Self {
            points: filters
                .iter()
                .fold(Points::NONE, |points, filter| points.union(filter.points())),
            acts_on_hits: filters.iter().any(|filter| filter.on_hits() == OnHits::Response),
            hits_want_geo: filters.iter().any(|filter| wants_geo_on_hits(filter.as_ref())),
            filters,
        }
    }

    /// Where any of its filters acts.
    #[must_use]
    pub fn points(&self) -> Points {
        self.points
    }

    /// Whether any filter's `response` runs on answers from the cache.
    #[must_use]
    pub fn acts_on_hits(&self) -> bool {
        self.acts_on_hits
    }

    /// Whether a hit can be served without running any filter: nothing acts on requests, keys or hits.
    #[must_use]
    pub fn hits_need_nothing(&self) -> bool {
        !self.acts_on_hits && !self.points.has(Point::Request) && !self.points.has(Point::CacheKey)
    }

    /// Whether a hit needs to know where the visitor is.
    #[must_use]
    pub fn hits_want_geo(&self) -> bool {
        self.hits_want_geo
    }

    /// Whether the origin may see another value of this header than the client sent.
    #[must_use]
    pub fn may_touch_upstream(&self, name: &HeaderName) -> bool {
        self.at(Point::UpstreamRequest)
            .any(|filter| filter.may_touch_upstream(name))
    }

    /// Whether a filter answers every request, so that no origin is ever asked.
    #[must_use]
    pub fn always_answers(&self) -> bool {
        self.filters.iter().any(|filter| filter.always_answers())
    }

    /// Names in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.filters.iter().map(|filter| filter.name())
    }

    fn at(&self, point: Point) -> impl Iterator<Item = &dyn Filter> {
        self.filters
            .iter()
            .map(Box::as_ref)
            .filter(move |filter| filter.points().has(point))
    }

    /// Runs the `request` point; the first answer ends it.
    pub fn request(&self, cx: &FilterContext<'_>, parts: &mut RequestParts<'_>) -> Option<Answer> {
        self.request_by(cx, parts).map(|(_, answer)| answer)
    }

    /// As [`Chain::request`], with the name of the filter that answered.
    pub fn request_by(
        &self,
        cx: &FilterContext<'_>,
        parts: &mut RequestParts<'_>,
    ) -> Option<(&'static str, Answer)> {
        use crate::filter::Flow;
        self.at(Point::Request)
            .find_map(|filter| match filter.request(cx, parts) {
                Flow::Continue => None,
                Flow::Answer(answer) => Some((filter.name(), answer)),
            })
    }

    /// Names in order, each with the points it acts at.
    pub fn overview(&self) -> impl Iterator<Item = (&'static str, Points)> {
        self.filters.iter().map(|filter| (filter.name(), filter.points()))
    }

    /// Runs the `cache_key` point.
    pub fn cache_key(&self, cx: &FilterContext<'_>, parts: &RequestParts<'_>, key: &mut KeyParts) {
        for filter in self.at(Point::CacheKey) {
            filter.cache_key(cx, parts, key);
        }
    }

    /// Runs the `upstream_request` point.
    pub fn upstream_request(&self, cx: &FilterContext<'_>, headers: &mut dyn Headers) {
        for filter in self.at(Point::UpstreamRequest) {
            filter.upstream_request(cx, headers);
        }
    }

    /// Runs the `response` point; on a hit only filters that act on hits run.
    pub fn response(&self, cx: &FilterContext<'_>, status: StatusCode, hit: bool, headers: &mut dyn Headers) {
        for filter in self.at(Point::Response) {
            if !hit || filter.on_hits() == OnHits::Response {
                filter.response(cx, status, headers);
            }
        }
    }
}

fn wants_geo_on_hits(filter: &dyn Filter) -> bool {
    let points = filter.points();
    let acts = points.has(Point::Request)
        || points.has(Point::CacheKey)
        || (points.has(Point::Response) && filter.on_hits() == OnHits::Response);
    acts && filter.hits_want_geo()
}

#[cfg(test)]
mod tests;
