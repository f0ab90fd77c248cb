//! The caching policy: RFC 9111 as pure functions over borrowed `http` types.
//!
//! Nothing here does I/O, reads a clock or knows the engine. Time comes in as `SystemTime`, and every
//! decision is an enum that carries its reason, so that `Cache-Status`, the access log and the metrics
//! say the same thing. A request passes these in order:
//!
//! 1. [`request::request_decision`]: may the cache be used for this request at all?
//! 2. [`vary::variant_slot`]: which stored variant answers it?
//! 3. [`reuse::reuse`]: may that variant be used now, as it is?
//! 4. [`storable::store_decision`]: may the origin's answer be stored, and for how long?
//! 5. [`reuse::may_serve_on_error`]: the origin failed; may a stale answer stand in?
//!
//! Beside these: [`validate`] (conditional requests, 304), [`invalidate`] (what an unsafe method voids)
//! and [`hop_by_hop`] (what never enters the store). The decisions that the RFC leaves open are written
//! down in `docs/adr/0001-cache-policy.md`.

pub mod age;
pub mod cache_control;
pub mod date;
pub mod freshness;
pub mod hop_by_hop;
pub mod invalidate;
pub(crate) mod list;
pub mod range;
pub mod reference;
pub mod request;
pub mod reuse;
pub mod storable;
pub mod structured;
pub mod targeted;
#[cfg(test)]
pub(crate) mod testing;
pub mod validate;
pub mod vary;

pub use hop_by_hop::stored_headers;
pub use request::{BypassReason, Directives, RequestDecision, request_decision};
pub use reuse::{Failure, Reuse, RevalidateReason, may_serve_on_error, reuse};
pub use storable::{Exchange, Overrides, RefuseReason, StoreDecision, store_decision};
