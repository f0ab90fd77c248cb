//! Many writes at once fold into few purges.
//!
//! In each short window a host may have some purges by name and one wide one. What comes beyond waits
//! for the window's end and is one wide purge then: later, never less.

use std::collections::HashMap;
use std::time::Duration;

use super::Wide;

/// Length of a window: the longest that a purge waits.
pub const WINDOW: Duration = Duration::from_millis(500);
/// Purges by name in one window.
const NAMED_MAX: u32 = 20;
/// Hosts with a window at once. Hosts beyond are not held back.
const HOSTS_MAX: usize = 4096;

/// What becomes of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// Purge now.
    Now,
    /// Ask [`Gate::due`] in this time; that purge covers this one.
    Later(Duration),
    /// One that waits already covers it.
    Covered,
}

/// The windows of all hosts.
#[derive(Debug, Default)]
pub struct Gate {
    hosts: HashMap<Box<str>, Window>,
}

#[derive(Debug)]
struct Window {
    ends: Duration,
    named: u32,
    wide: bool,
    waiting: Option<Wide>,
}

impl Gate {
    /// Decides about a purge of this host: `wide`, or by name when `None`; `covered_by` is the narrowest wide
    /// purge that stands for it. `now` counts from any fixed instant.
    pub fn admit(&mut self, host: &str, wide: Option<Wide>, covered_by: Wide, now: Duration) -> Admit {
        if self.hosts.len() >= HOSTS_MAX && !self.hosts.contains_key(host) {
            self.hosts
                .retain(|_, window| window.ends > now || window.waiting.is_some());
            if self.hosts.len() >= HOSTS_MAX {
                return Admit::Now;
            }
        }
        let window = self.hosts.entry(host.into()).or_insert(Window {
            ends: Duration::ZERO,
            named: 0,
            wide: false,
            waiting: None,
        });
        if window.ends <= now && window.waiting.is_none() {
            (window.ends, window.named, window.wide) = (now + WINDOW, 0, false);
        }
        let admitted = match wide {
            None => window.named < NAMED_MAX,
            Some(_) => !window.wide,
        };
        if admitted && window.waiting.is_none() {
            window.named += u32::from(wide.is_none());
            window.wide |= wide.is_some();
            return Admit::Now;
        }
        let folded = wide.unwrap_or(covered_by);
        match window.waiting {
            Some(waiting) => {
                window.waiting = Some(waiting.max(folded));
                Admit::Covered
            }
            None => {
                window.waiting = Some(folded);
                Admit::Later(window.ends.saturating_sub(now))
            }
        }
    }

    /// The wide purge that has waited long enough; the next window begins.
    pub fn due(&mut self, host: &str, now: Duration) -> Option<Wide> {
        let window = self.hosts.get_mut(host)?;
        let due = window.waiting.take();
        (window.ends, window.named, window.wide) = (now + WINDOW, 0, due.is_some());
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_of_each_kind_is_not_held_back() {
        let mut gate = Gate::default();
        assert_eq!(
            gate.admit("a", Some(Wide::Pages), Wide::Pages, ms(1000)),
            Admit::Now
        );
        assert_eq!(gate.admit("a", None, Wide::Pages, ms(1001)), Admit::Now);
        assert_eq!(
            gate.admit("b", Some(Wide::Site), Wide::Pages, ms(1001)),
            Admit::Now
        );
    }

    #[test]
    fn a_second_wide_purge_waits_for_the_end_of_the_window_and_takes_the_widest() {
        let mut gate = Gate::default();
        gate.admit("a", Some(Wide::Pages), Wide::Pages, ms(0));
        assert_eq!(
            gate.admit("a", Some(Wide::Pages), Wide::Pages, ms(100)),
            Admit::Later(ms(400))
        );
        assert_eq!(
            gate.admit("a", Some(Wide::Site), Wide::Pages, ms(200)),
            Admit::Covered
        );
        assert_eq!(gate.due("a", ms(500)), Some(Wide::Site));
        assert_eq!(gate.due("a", ms(500)), None);
    }

    #[test]
    fn a_flood_of_named_purges_folds_into_one_wide_purge() {
        let mut gate = Gate::default();
        let mut now = 0;
        let mut later = 0;
        for n in 0..1000 {
            match gate.admit("a", None, Wide::Pages, ms(n / 10)) {
                Admit::Now => now += 1,
                Admit::Later(_) => later += 1,
                Admit::Covered => {}
            }
        }
        assert_eq!((now, later), (NAMED_MAX, 1));
        assert_eq!(gate.due("a", ms(500)), Some(Wide::Pages));
    }

    #[test]
    fn while_one_waits_nothing_goes_ahead_even_when_its_timer_is_late() {
        let mut gate = Gate::default();
        gate.admit("a", Some(Wide::Pages), Wide::Pages, ms(0));
        gate.admit("a", Some(Wide::Pages), Wide::Pages, ms(1));
        assert_eq!(gate.admit("a", None, Wide::Pages, ms(5000)), Admit::Covered);
        assert_eq!(gate.due("a", ms(5001)), Some(Wide::Pages));
    }

    #[test]
    fn hosts_are_bounded() {
        let mut gate = Gate::default();
        for n in 0..HOSTS_MAX + 10 {
            assert_eq!(gate.admit(&n.to_string(), None, Wide::Pages, ms(0)), Admit::Now);
        }
        assert_eq!(gate.hosts.len(), HOSTS_MAX);
        gate.admit("later", None, Wide::Pages, ms(1000));
        assert!(gate.hosts.len() < 10);
    }
}
