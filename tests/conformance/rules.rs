//! All rules, a module a subject.

mod age;
mod authorization;
mod cache_control;
mod cache_status;
mod conditional;
mod expires;
mod fields;
mod freshness;
mod head;
mod heuristic;
mod interim;
mod invalidation;
mod methods;
mod partial;
mod request;
mod stale;
mod statuses;
mod targeted;
mod update;
mod validation;
mod vary;

use crate::rule::Rule;

/// All of them.
pub fn all() -> Vec<Rule> {
    [
        age::rules(),
        authorization::rules(),
        cache_control::rules(),
        cache_status::rules(),
        conditional::rules(),
        expires::rules(),
        fields::rules(),
        freshness::rules(),
        head::rules(),
        heuristic::rules(),
        interim::rules(),
        invalidation::rules(),
        methods::rules(),
        partial::rules(),
        request::rules(),
        stale::rules(),
        statuses::rules(),
        targeted::rules(),
        update::rules(),
        validation::rules(),
        vary::rules(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
