//! Black-box tests: the real binary, real sockets, scripted and real neighbours.
//!
//! One module an area; each test is named after the rule it holds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/harness.rs"]
mod support;

/// Runs each `async fn name(wire: Wire)` as one test over HTTP/1.1 and one over HTTP/2.
macro_rules! on_both_wires {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            use crate::support::Wire;

            #[tokio::test]
            async fn over_http1() {
                super::$name(Wire::H1).await;
            }

            #[tokio::test]
            async fn over_http2() {
                super::$name(Wire::H2).await;
            }
        }
    )* };
}

mod advise;
mod agreement;
mod cache_hits;
mod cloaking;
mod collapse;
mod command_line;
mod databases;
mod demo;
mod examples;
mod fast_user;
mod freshness;
mod geo_databases;
mod harness;
mod invalidation;
mod lane;
mod leaks;
mod lifecycle;
mod listeners;
mod memory;
mod negotiation;
mod normaliser;
mod observing;
mod origin_kinds;
mod origin_pool;
mod partial;
mod poisoning;
mod purging;
mod redis_tier;
mod refresh;
mod reload;
mod snooping;
mod storing;
mod visitors;
mod why;
mod wordpress_rules;
