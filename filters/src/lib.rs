//! popgate's filters: small, named, configured in YAML, free of Pingora.
//!
//! A [`Filter`] acts at one or more of four points: `request` (may answer, may rewrite the query),
//! `cache_key` (may add or drop key parts), `upstream_request` and `response` (headers). A site's filters
//! are built once into a [`Chain`], which refuses orders that cannot work (see [`checks`]).
//!
//! | file | what it holds |
//! |---|---|
//! | [`filter`] | the trait and what its methods return |
//! | [`context`] | what a filter may know about the request |
//! | [`headers`] | header access that works for `http` and Pingora types |
//! | [`geo`] | where a visitor is |
//! | [`key`] | the parts of a cache key |
//! | [`spoof`] | header names a client may not send |
//! | [`options`] | strict reading of a filter's YAML options |
//! | [`registry`] | all filters by name, with their documentation |
//! | [`checks`] | what makes a list of filters wrong |
//! | [`chain`] | a site's filters in order |
//! | [`builtin`] | one file per filter |
//!
//! Adding a filter: one file in `builtin/`, one line in [`registry`], one example, one test.

pub mod builtin;
pub mod chain;
pub mod checks;
pub mod context;
pub mod filter;
pub mod geo;
pub mod headers;
pub mod key;
pub mod options;
pub mod registry;
pub mod spoof;

pub use chain::{Chain, ChainError};
pub use context::{FilterContext, RequestParts, Scheme};
pub use filter::{Answer, Filter, Flow, OnHits, Point, Points};
pub use geo::{CountryCode, GeoRecord};
pub use headers::Headers;
pub use key::KeyParts;
