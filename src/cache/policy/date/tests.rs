//! RFC 9110 5.6.7, one rule each.

use proptest::prelude::*;

use super::*;
use crate::cache::policy::testing::{at, headers};

/// 2026-01-01
const NOW: u64 = 1_767_225_600;
const EXAMPLE: u64 = 784_111_777;

fn read(text: &str) -> Option<SystemTime> {
    parse(text.as_bytes(), at(NOW))
}

#[test]
fn rfc9110_5_6_7_three_formats() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
    ] {
        assert_eq!(read(text), Some(at(EXAMPLE)), "{text}");
    }
}

#[test]
fn rfc9110_5_6_7_names_and_zone_in_any_case() {
    for text in [
        "sun, 06 nov 1994 08:49:37 gmt",
        "SUNDAY, 06-NOV-94 08:49:37 Gmt",
        "sUN nOV  6 08:49:37 1994",
    ] {
        assert_eq!(read(text), Some(at(EXAMPLE)), "{text}");
    }
}

#[test]
fn rfc9110_5_6_7_a_wrong_weekday_is_not_compared() {
    assert_eq!(read("Mon, 06 Nov 1994 08:49:37 GMT"), Some(at(EXAMPLE)));
}

#[test]
fn rfc9110_5_6_7_malformed_dates() {
    for text in [
        "",
        "0",
        "-1",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn rfc9110_5_6_7_two_digit_years_are_at_most_fifty_years_ahead() {
    let year = |short: &str| {
        let time = read(&format!("Sunday, 06-Nov-{short} 08:49:37 GMT")).unwrap();
        civil(unix_seconds(time) / SECONDS_PER_DAY).0
    };
    assert_eq!(year("25"), 2025);
    assert_eq!(year("76"), 2076);
    assert_eq!(year("77"), 1977);
    assert_eq!(year("99"), 1999);
}

#[test]
fn rfc9110_5_6_7_leap_days_and_leap_seconds() {
    assert!(read("Thu, 29 Feb 2024 00:00:00 GMT").is_some());
    assert!(read("Tue, 29 Feb 2000 00:00:00 GMT").is_some());
    assert!(read("Mon, 29 Feb 2100 00:00:00 GMT").is_none());
    assert_eq!(
        read("Sat, 31 Dec 2016 23:59:60 GMT"),
        read("Sun, 01 Jan 2017 00:00:00 GMT")
    );
}

#[test]
fn dates_before_the_epoch_are_dates() {
    assert_eq!(
        read("Wed, 31 Dec 1969 23:59:59 GMT"),
        Some(UNIX_EPOCH - Duration::from_secs(1))
    );
    assert!(read("Sat, 01 Jan 0000 00:00:00 GMT").is_some());
}

#[test]
fn rfc9110_5_6_7_written_as_imf_fixdate() {
    assert_eq!(format(at(EXAMPLE)), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(format(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(
        format(UNIX_EPOCH - Duration::from_millis(1)),
        "Wed, 31 Dec 1969 23:59:59 GMT"
    );
    assert_eq!(format(at(1 << 40)), "Fri, 31 Dec 9999 23:59:59 GMT");
}

#[test]
fn a_repeated_date_field_is_no_date() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let name = HeaderName::from_static("expires");
    assert!(header(&headers(&[("expires", date)]), &name, at(NOW)).is_some());
    assert!(header(&headers(&[("expires", date), ("expires", date)]), &name, at(NOW)).is_none());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(seconds in 0..253_402_300_800_u64) {
        let text = format(at(seconds));
        prop_assert_eq!(parse(text.as_bytes(), at(NOW)), Some(at(seconds)));
        prop_assert_eq!(text.len(), 29);
    }

    #[test]
    fn days_of_the_calendar_are_consecutive(day in -719_528_i64..2_932_896) {
        let (year, month, date) = civil(day);
        prop_assert_eq!(unix(year, month, date, 0), day * SECONDS_PER_DAY);
    }

    #[test]
    fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = parse(&value, at(NOW));
    }

    #[test]
    fn never_panics_near_a_date(at_byte in 0..29_usize, byte in any::<u8>()) {
        let mut text = *b"Sun, 06 Nov 1994 08:49:37 GMT";
        text[at_byte] = byte;
        let _ = parse(&text, at(NOW));
    }
}
