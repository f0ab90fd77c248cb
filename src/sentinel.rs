//! The leak sentinel: does a shared copy show what only one person should see?
//!
//! Rules say what may be shared; this looks whether they were right. A small share of hits is fetched again
//! without cookies, and the copy is compared with what came. Pure functions; fetching is [`crate::proxy`]'s.
//!
//! A copy that differs has either leaked or been overtaken by a change, and no comparison can tell for sure
//! which. So a difference alone is no alarm. It is one when the copy has a *mark* of a person ([`marks`]) that
//! two anonymous fetches lack, and those two agree about marks of that kind; editorial kinds (a greeting, an
//! address in the text) must not have been replaced by another of their kind, as an edit would. And each copy
//! is judged once: a copy that was found to be what anonymous visitors get stays so, whatever changes later.

mod compare;
mod marks;
mod normal;
mod passing;

pub use compare::{Page, Suspicion, Verdict, is_readable, same_to_anybody, verdict};
pub use marks::{Kind, Mark, marks};
pub use passing::{PASSING_MAX, Passing};

/// Whether a hit is among those that are looked at: one of so many, `0` for none. `random` is uniform.
#[must_use]
pub fn is_chosen(one_in: u32, random: u32) -> bool {
    one_in != 0 && random.is_multiple_of(one_in)
}

#[cfg(test)]
mod tests;
