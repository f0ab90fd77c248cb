//! HTTP caching conformance: one trial a rule, named by its section, against the real gateway.
//!
//! Rules are data (see [`rule`]): a row of requests, what the origin would answer to each, and where the
//! answer must come from. All of them run at once through one gateway with one scripted origin, each
//! under a path of its own, for every [`Profile`] that they hold in, every [`Way`] to speak and every [`Stage`]: with
//! memory, with Redis alone, and with two gateways that share a Redis.
//! Staleness is reached through `Age`, `Date` and lifetimes of zero, not by waiting.
//!
//! `cargo test --test conformance -- rfc9111_4_2_4` runs the rules of a section.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/harness.rs"]
mod support;

mod act;
mod rule;
mod rules;
mod stage;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use rule::{Profile, Rule, Way};
use stage::Stage;
use world::World;

/// Rules under way at a time: most of their time is waiting for sockets.
const SIDE_BY_SIDE: usize = 16;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    // A listing needs no gateway.
    let world = (!arguments.list).then(|| Arc::new(World::start()));
    let mut trials = Vec::new();
    let mut names = std::collections::HashSet::new();
    for rule in rules::all() {
        assert!(names.insert(rule.name.clone()), "two rules named {}", rule.name);
        let rule = Arc::new(rule);
        for &profile in &rule.profiles {
            for way in Way::ALL {
                for stage in Stage::ALL {
                    if !(rule.holds_over(way) && rule.holds_on(stage)) {
                        continue;
                    }
                    trials.push(trial(world.clone(), Arc::clone(&rule), profile, way, stage));
                }
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Ends the gateway, which a process that exits would leave behind.
    drop(world);
    conclusion.exit_code()
}

fn trial(world: Option<Arc<World>>, rule: Arc<Rule>, profile: Profile, way: Way, stage: Stage) -> Trial {
    let name = format!(
        "{}{}::{}::{}",
        stage.prefix(),
        profile.name(),
        way.name(),
        rule.name
    );
    Trial::test(name, move || {
        let Some(world) = world else { return Ok(()) };
        act::perform(&world, &rule, profile, way, stage).map_err(Failed::from)
    })
}
