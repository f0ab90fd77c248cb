//! RFC 9111 3, one rule each.

use super::*;
use crate::cache::policy::testing::{at, headers, standard};

#[test]
fn rfc9111_3_explicit_freshness_is_stored() {
    let decision = store_decision(
        &Exchange {
            method: &Method::GET,
            request: &HeaderMap::new(),
            no_store: false,
            requested_at: at(1000),
        },
        StatusCode::OK,
        &headers(&[("cache-control", "max-age=60")]),
        &standard(),
        &Overrides::default(),
        at(1000),
    );
    let StoreDecision::Store(times) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(times.fresh_until, at(1060));
}
