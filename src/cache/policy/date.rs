//! HTTP dates (RFC 9110 5.6.7): the three formats that recipients must read, and the one to write.
//!
//! Widths are fixed, names may come in any case, the zone is `GMT`, and the weekday is read but not
//! compared with the date: a wrong one harms nobody, while refusing it would make the answer stale.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

const SECONDS_PER_DAY: i64 = 86_400;
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const WEEKDAYS: [&[u8]; 7] = [
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
];

/// A date in any of the three formats. `now` places the two-digit year of RFC 850: a date more than 50
/// years ahead is the most recent past year with these digits.
#[must_use]
pub fn parse(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    let value = super::list::trim(value);
    match value.iter().position(|byte| *byte == b',') {
        Some(3) => imf_fixdate(value),
        Some(comma) => rfc850(value, comma, now),
        None => asctime(value),
    }
}

/// The date in a field that may appear once: `None` when it is absent, repeated or malformed.
#[must_use]
pub fn header(headers: &HeaderMap, name: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let only = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    parse(only.as_bytes(), now)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; years outside 0000..=9999 are written as the nearest of these.
#[must_use]
pub fn format(time: SystemTime) -> HeaderValue {
    let seconds = unix_seconds(time).clamp(unix(0, 1, 1, 0), unix(9999, 12, 31, SECONDS_PER_DAY - 1));
    let days = seconds.div_euclid(SECONDS_PER_DAY);
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    let (year, month, day) = civil(days);
    // 1970-01-01 was a Thursday, index 3.
    let weekday = index((days + 3).rem_euclid(7));
    let mut text = *b"www, dd mmm yyyy hh:mm:ss GMT";
    text[..3].copy_from_slice(&WEEKDAYS[weekday][..3]);
    digits(&mut text[5..7], day);
    text[8..11].copy_from_slice(MONTHS[index(month - 1)]);
    digits(&mut text[12..16], year);
    digits(&mut text[17..19], of_day / 3600);
    digits(&mut text[20..22], of_day / 60 % 60);
    digits(&mut text[23..25], of_day % 60);
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(value: &[u8]) -> Option<SystemTime> {
    let value: &[u8; 29] = value.try_into().ok()?;
    if !weekday(&value[..3], true) || &value[3..5] != b", " || value[7] != b' ' || value[11] != b' ' {
        return None;
    }
    if value[16] != b' ' || !zone(&value[25..]) {
        return None;
    }
    let day = number(&value[5..7])?;
    let month = month(&value[8..11])?;
    let year = number(&value[12..16])?;
    time(year, month, day, clock(&value[17..25])?)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(value: &[u8], comma: usize, now: SystemTime) -> Option<SystemTime> {
    let (name, rest) = value.split_at(comma);
    let rest: &[u8; 24] = rest.try_into().ok()?;
    if !weekday(name, false) || &rest[..2] != b", " || rest[4] != b'-' || rest[8] != b'-' {
        return None;
    }
    if rest[11] != b' ' || !zone(&rest[20..]) {
        return None;
    }
    let day = number(&rest[2..4])?;
    let month = month(&rest[5..8])?;
    let short = number(&rest[9..11])?;
    let seconds = clock(&rest[12..20])?;
    let this_year = civil(unix_seconds(now).div_euclid(SECONDS_PER_DAY)).0;
    let year = this_year - this_year.rem_euclid(100) + short;
    let year = if year > this_year + 50 { year - 100 } else { year };
    time(year, month, day, seconds)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(value: &[u8]) -> Option<SystemTime> {
    let value: &[u8; 24] = value.try_into().ok()?;
    if !weekday(&value[..3], true) || value[3] != b' ' || value[7] != b' ' || value[10] != b' ' {
        return None;
    }
    if value[19] != b' ' {
        return None;
    }
    let day = match value[8] {
        b' ' => number(&value[9..10])?,
        _ => number(&value[8..10])?,
    };
    time(
        number(&value[20..24])?,
        month(&value[4..7])?,
        day,
        clock(&value[11..19])?,
    )
}

fn weekday(name: &[u8], short: bool) -> bool {
    WEEKDAYS.iter().any(|known| {
        let known = if short { &known[..3] } else { known };
        known.eq_ignore_ascii_case(name)
    })
}

fn zone(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b" GMT")
}

fn month(name: &[u8]) -> Option<i64> {
    let at = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    i64::try_from(at + 1).ok()
}

/// Fixed-width digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// `08:49:37` as seconds of the day; a leap second counts for the next minute.
fn clock(value: &[u8]) -> Option<i64> {
    if value[2] != b':' || value[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&value[..2])?, number(&value[3..5])?, number(&value[6..8])?);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn time(year: i64, month: i64, day: i64, of_day: i64) -> Option<SystemTime> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let seconds = unix(year, month, day, of_day);
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    }
}

/// Seconds since the epoch, rounded down.
fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = before.as_secs() + u64::from(before.subsec_nanos() > 0);
            i64::try_from(whole).map_or(i64::MIN, |seconds| -seconds)
        }
    }
}

/// Seconds since the epoch of a day of the proleptic Gregorian calendar. Years are counted from March,
/// so that the leap day is the last of its year.
fn unix(year: i64, month: i64, day: i64, of_day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year;
    // 1970-01-01 is day 719 468 of that count.
    (days - 719_468) * SECONDS_PER_DAY + of_day
}

/// Year, month and day of a day since the epoch; inverse of [`unix`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year_of_era + carry, month, day)
}

fn index(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// Writes `number` right-aligned with leading zeros.
fn digits(target: &mut [u8], mut number: i64) {
    for place in target.iter_mut().rev() {
        *place = b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or_default();
        number = number.div_euclid(10);
    }
}

#[cfg(test)]
mod tests;
