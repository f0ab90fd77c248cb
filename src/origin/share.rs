//! Splitting an origin's connection cap over its servers.

/// Shares of `cap` for `servers` servers: they differ by at most one and add up to `cap`.
///
/// With fewer connections than servers the first `cap` servers get one each and the rest none: a cap
/// is never exceeded, so the rest stand idle.
#[must_use]
pub fn split(cap: usize, servers: usize) -> Vec<usize> {
    if servers == 0 {
        return Vec::new();
    }
    let (base, rest) = (cap / servers, cap % servers);
    (0..servers)
        .map(|index| base + usize::from(index < rest))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fewer_connections_than_servers_leave_servers_idle() {
        assert_eq!(split(2, 4), [1, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_cap_and_differ_by_at_most_one(cap in 0usize..2000, servers in 1usize..64) {
            let shares = split(cap, servers);
            prop_assert_eq!(shares.iter().sum::<usize>(), cap);
            let (low, high) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            prop_assert!(high - low <= 1);
        }
    }
}
