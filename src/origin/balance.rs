//! Which of several usable servers gets a request. Pure.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::config::Balance;

/// A server that may be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Position in the caller's list.
    pub index: usize,
    /// Requests it serves now.
    pub in_flight: usize,
    /// Requests it may serve at once; at least 1.
    pub capacity: usize,
    /// [`seed`] of its name.
    pub seed: u64,
}

/// Picks one of `candidates`, as its position in the caller's list; `None` when there are none.
///
/// `rotation` counts picks and breaks ties; `key` matters to consistent hashing only.
#[must_use]
pub fn pick(balance: Balance, candidates: &[Candidate], rotation: usize, key: u64) -> Option<usize> {
    let chosen = match balance {
        Balance::RoundRobin => nth(candidates, rotation),
        Balance::LeastConnections => least_loaded(candidates, rotation),
        Balance::ConsistentHash => candidates.iter().max_by_key(|c| score(c.seed, key)),
    };
    chosen.map(|candidate| candidate.index)
}

fn nth(candidates: &[Candidate], rotation: usize) -> Option<&Candidate> {
    candidates.get(rotation.checked_rem(candidates.len())?)
}

/// The lowest load (in flight / capacity, compared by cross-multiplication), ties in turn.
fn least_loaded(candidates: &[Candidate], rotation: usize) -> Option<&Candidate> {
    let count = candidates.len();
    let start = rotation.checked_rem(count)?;
    let in_turn = candidates.iter().cycle().skip(start).take(count);
    in_turn.min_by(|a, b| (a.in_flight * b.capacity).cmp(&(b.in_flight * a.capacity)))
}

/// Hash of a server's name for consistent hashing; the same in every process, so that machines agree.
#[must_use]
pub fn seed(name: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}

/// Rendezvous weight of a server for a key: the highest wins, so losing a server moves its keys only.
fn score(seed: u64, key: u64) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(seed, 0);
    hasher.write_u64(key);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn servers(count: usize) -> Vec<Candidate> {
        (0..count)
            .map(|index| Candidate {
                index,
                in_flight: 0,
                capacity: 4,
                seed: seed(&format!("10.0.0.{index}:80")),
            })
            .collect()
    }

    #[test]
    fn no_candidate_means_no_pick() {
        for balance in [
            Balance::RoundRobin,
            Balance::LeastConnections,
            Balance::ConsistentHash,
        ] {
            assert_eq!(pick(balance, &[], 7, 7), None);
        }
    }

    #[test]
    fn round_robin_takes_turns() {
        let picks: Vec<_> = (0..6)
            .filter_map(|rotation| pick(Balance::RoundRobin, &servers(3), rotation, 0))
            .collect();
        assert_eq!(picks, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn least_connections_weighs_load_by_capacity() {
        let mut all = servers(2);
        all[0].in_flight = 2;
        all[1].in_flight = 3;
        all[1].capacity = 8;
        assert_eq!(pick(Balance::LeastConnections, &all, 0, 0), Some(1));
    }

    #[test]
    fn least_connections_breaks_ties_in_turn() {
        let picks: Vec<_> = (0..4)
            .filter_map(|rotation| pick(Balance::LeastConnections, &servers(3), rotation, 0))
            .collect();
        assert_eq!(picks, [0, 1, 2, 0]);
    }

    #[test]
    fn consistent_hash_spreads_keys_evenly() {
        let all = servers(5);
        let mut counts = [0usize; 5];
        for key in 0..10_000u64 {
            counts[pick(Balance::ConsistentHash, &all, 0, key).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (1_700..2_300).contains(count)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn consistent_hash_moves_only_the_keys_of_a_lost_server(
            key in any::<u64>(), count in 2usize..12, lost in 0usize..12,
        ) {
            let all = servers(count);
            let lost = lost % count;
            let before = pick(Balance::ConsistentHash, &all, 0, key).unwrap();
            let left: Vec<_> = all.into_iter().filter(|c| c.index != lost).collect();
            let after = pick(Balance::ConsistentHash, &left, 3, key).unwrap();
            prop_assert!(before == lost || before == after);
            prop_assert_ne!(after, lost);
        }

        #[test]
        fn every_pick_is_one_of_the_candidates(rotation in any::<usize>(), key in any::<u64>(), count in 1usize..9) {
            let all = servers(count);
            for balance in [Balance::RoundRobin, Balance::LeastConnections, Balance::ConsistentHash] {
                prop_assert!(pick(balance, &all, rotation, key).unwrap() < count);
            }
        }
    }
}
