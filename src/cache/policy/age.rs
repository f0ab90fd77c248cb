//! Age of an answer on arrival (RFC 9111 4.2.3, 5.1).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{AGE, DATE, VIA};

use super::cache_control::delta;
use super::{date, list};

/// `Age` as sent: the first member of the first line, digits only, saturating at 2^31 s; else zero.
#[must_use]
pub fn age_value(headers: &HeaderMap) -> Duration {
    headers
        .get(AGE)
        .and_then(|line| list::members(line.as_bytes()).next())
        .and_then(delta)
        .unwrap_or_default()
}

/// Corrected initial age. Both times are wall clock at this gateway: when the request was sent and when
/// the answer's header came back.
///
/// The distance to `Date` counts only for an answer that came through another cache (it has `Age` or
/// `Via`): only there may it have waited unseen. For one straight from the origin it would measure how
/// wrong the origin's clock is.
#[must_use]
pub fn initial_age(headers: &HeaderMap, requested_at: SystemTime, received_at: SystemTime) -> Duration {
    let delay = received_at.duration_since(requested_at).unwrap_or_default();
    let age_value = age_value(headers);
    if !headers.contains_key(AGE) && !headers.contains_key(VIA) {
        return delay;
    }
    let apparent = date::header(headers, &DATE, received_at)
        .and_then(|date| received_at.duration_since(date).ok())
        .unwrap_or_default();
    // `Date` has whole seconds: less than one is no age.
    Duration::from_secs(apparent.as_secs()).max(age_value + delay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::testing::{at, headers};

    #[test]
    fn rfc9111_5_1_age_is_the_first_member_of_the_first_line() {
        let age = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("age", *line)).collect();
            age_value(&headers(&lines)).as_secs()
        };
        assert_eq!(age(&["7"]), 7);
        assert_eq!(age(&["7", "99"]), 7);
        assert_eq!(age(&["7, 99"]), 7);
        assert_eq!(age(&[" 7 "]), 7);
    }

    #[test]
    fn rfc9111_5_1_a_malformed_age_is_zero() {
        for bad in ["", "-7", "7.0", "7s", "\"7\"", "abc", ", 7"] {
            assert_eq!(age_value(&headers(&[("age", bad)])), Duration::ZERO, "{bad}");
        }
    }

    #[test]
    fn rfc9111_1_2_2_age_saturates() {
        let age = age_value(&headers(&[("age", "99999999999999999999999")]));
        assert_eq!(age.as_secs(), 1 << 31);
    }

    #[test]
    fn rfc9111_4_2_3_delay_counts_behind_another_cache() {
        let via = headers(&[("age", "10")]);
        assert_eq!(initial_age(&via, at(100), at(103)).as_secs(), 13);
    }

    #[test]
    fn rfc9111_4_2_3_apparent_age_counts_behind_another_cache() {
        let date = date::format(at(100));
        let mut via = headers(&[("via", "1.1 far")]);
        via.insert("date", date);
        assert_eq!(initial_age(&via, at(150), at(150)).as_secs(), 50);
    }

    #[test]
    fn an_origins_wrong_clock_is_no_age() {
        let mut plain = headers(&[]);
        plain.insert("date", date::format(at(100)));
        assert_eq!(initial_age(&plain, at(90_000), at(90_000)), Duration::ZERO);
    }

    #[test]
    fn rfc9111_4_2_3_the_time_an_answer_took_counts() {
        assert_eq!(initial_age(&headers(&[]), at(100), at(103)).as_secs(), 3);
    }
}
