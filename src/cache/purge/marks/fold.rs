//! Keeping the number of marks bounded.

use std::time::SystemTime;

use super::{HostMarks, Mark, Marks, host_of};
use crate::cache::entry::PurgeSeq;
use crate::cache::purge::request::Scope;

impl Marks {
    /// Folds marks last touched before `oldest` into the one of everything. When `oldest` is the
    /// longest life of an entry ago nothing is hit by it that was not hit before.
    pub(in crate::cache::purge) fn expire(&mut self, oldest: SystemTime) {
        let mut wide = Mark::default();
        let mut drop_old = |mark: &Mark| {
            let old = mark.touched() < oldest;
            if old {
                wide.merge(*mark);
            }
            !old
        };
        self.tags.retain(|_, mark| drop_old(mark));
        self.patterns.retain(|known| drop_old(&known.mark));
        for marks in self.hosts.values_mut() {
            marks.retain(&mut drop_old);
            if !marks.own.is_empty() && !drop_old(&marks.own) {
                marks.own = Mark::default();
            }
        }
        self.everything.merge(wide);
        self.recount();
    }

    /// Folds narrow marks into wider ones until at most `target` are left: first those of the hosts
    /// that have most of them, the oldest half before the rest, then the oldest hosts and tags into
    /// everything.
    pub(in crate::cache::purge) fn fold(&mut self, target: usize) {
        for share in [2, 1] {
            let mut crowded: Vec<(usize, Box<str>)> = self
                .hosts
                .iter()
                .filter(|(_, marks)| marks.details() > 1)
                .map(|(host, marks)| (marks.details(), host.clone()))
                .collect();
            crowded.sort_unstable_by(|a, b| b.cmp(a));
            for (_, host) in crowded {
                if self.len() <= target {
                    return;
                }
                if let Some(marks) = self.hosts.get_mut(&host) {
                    let before = marks.count();
                    marks.fold(share);
                    self.records -= before - marks.count();
                }
            }
        }
        while self.len() > target && !(self.hosts.is_empty() && self.tags.is_empty()) {
            self.fold_oldest_half();
        }
        while self.len() > target && !self.patterns.is_empty() {
            let last = self.patterns.remove(0);
            self.everything.merge(last.mark);
            self.recount();
        }
    }

    /// Makes the oldest regular expression a purge of its host.
    pub(super) fn widen_oldest_pattern(&mut self) {
        let oldest = (0..self.patterns.len()).min_by_key(|at| self.patterns[*at].mark.newest());
        let Some(oldest) = oldest else { return };
        let known = self.patterns.swap_remove(oldest);
        self.records -= 1;
        self.merge(&Scope::Host(host_of(&known.host)), known.mark);
    }

    fn fold_oldest_half(&mut self) {
        let mut seqs: Vec<PurgeSeq> = self.tags.values().map(Mark::newest).collect();
        seqs.extend(self.hosts.values().map(|marks| marks.newest));
        let Some(middle) = middle(seqs, 2) else { return };
        let mut wide = Mark::default();
        self.tags.retain(|_, mark| {
            let old = mark.newest() <= middle;
            if old {
                wide.merge(*mark);
            }
            !old
        });
        self.hosts.retain(|_, marks| {
            let old = marks.newest <= middle;
            if old {
                marks.fold(1);
                wide.merge(marks.own);
            }
            !old
        });
        self.everything.merge(wide);
        self.recount();
    }

    fn recount(&mut self) {
        self.hosts.retain(|_, marks| marks.count() > 0);
        self.domains = self.hosts.keys().any(|key| key.starts_with('.'));
        self.records =
            self.tags.len() + self.patterns.len() + self.hosts.values().map(HostMarks::count).sum::<usize>();
    }
}

impl HostMarks {
    fn count(&self) -> usize {
        self.details() + usize::from(!self.own.is_empty())
    }

    /// Folds the oldest `1/share` of the prefixes and URLs into the host's own mark.
    fn fold(&mut self, share: usize) {
        let seqs = self
            .prefixes
            .values()
            .chain(self.paths.values())
            .chain(self.urls.values())
            .chain(self.tags.values())
            .map(Mark::newest)
            .collect();
        let Some(middle) = middle(seqs, share) else { return };
        let mut own = self.own;
        self.retain(&mut |mark| {
            let old = mark.newest() <= middle;
            if old {
                own.merge(*mark);
            }
            !old
        });
        self.own = own;
    }

    fn retain(&mut self, keep: &mut impl FnMut(&Mark) -> bool) {
        self.urls.retain(|_, mark| keep(mark));
        self.paths.retain(|_, mark| keep(mark));
        self.tags.retain(|_, mark| keep(mark));
        self.prefixes.retain(|_, mark| keep(mark));
        self.lengths = self.prefixes.keys().map(|prefix| prefix.len()).collect();
    }
}

/// The sequence number below which `1/share` of them lie; the greatest for a share of one.
fn middle(mut seqs: Vec<PurgeSeq>, share: usize) -> Option<PurgeSeq> {
    let index = seqs.len().checked_sub(1)? / share;
    Some(*seqs.select_nth_unstable(index).1)
}
