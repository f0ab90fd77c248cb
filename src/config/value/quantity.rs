//! Numbers, durations, sizes, statuses, paths; and the way back to text.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Wrong, quoted};

/// Longest duration: ten years. Nothing needs more, and no sum of a few overflows.
const DURATION_MAX: Duration = Duration::from_secs(3650 * 86_400);

/// `300ms`, `10s`, `5m`, `2h`, `1d`: a whole number and one unit.
pub(crate) fn duration(text: &str) -> Result<Duration, Wrong> {
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return Err(Wrong::new(
            format!("{} is not a duration", quoted(text)),
            "write a number and a unit: `300ms`, `10s`, `5m`, `2h` or `1d`",
        ));
    }
    let whole = whole(number, text, "`90m` instead of `1.5h`")?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => {
            return Err(Wrong::new(
                format!("the duration {} has no unit", quoted(text)),
                format!("write `{number}s` for seconds, or use ms, m, h or d"),
            ));
        }
        other => {
            return Err(Wrong::new(
                format!("unknown unit in the duration {}", quoted(text)),
                duration_unit_mend(number, other),
            ));
        }
    };
    let value = whole.checked_mul(milliseconds).map(Duration::from_millis);
    value.filter(|value| *value <= DURATION_MAX).ok_or_else(|| {
        Wrong::new(
            format!("the duration {} is too long", quoted(text)),
            "write at most `3650d`",
        )
    })
}

fn duration_unit_mend(number: &str, unit: &str) -> String {
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "msec" | "msecs" | "millis" | "milliseconds" => "ms",
        lower @ ("ms" | "s" | "m" | "h" | "d") => match lower {
            "ms" => "ms",
            "s" => "s",
            "m" => "m",
            "h" => "h",
            _ => "d",
        },
        "w" | "week" | "weeks" | "y" | "year" | "years" => {
            return "write it in days, `7d` for a week".to_owned();
        }
        _ => return "write one number and one unit: ms, s, m, h or d".to_owned(),
    };
    format!("write `{number}{unit}`")
}

/// `512B`, `64KiB`, `1GiB`, in bytes.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return Err(Wrong::new(
            format!("{} is not a size", quoted(text)),
            "write a number and a unit: `64KiB`, `256MiB` or `1GiB`",
        ));
    }
    let whole = whole(number, text, "`1536MiB` instead of `1.5GiB`")?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        "" => {
            return Err(Wrong::new(
                format!("the size {} has no unit", quoted(text)),
                format!("write `{number}B` for bytes, or use KiB, MiB or GiB"),
            ));
        }
        other => {
            return Err(Wrong::new(
                format!("unknown unit in the size {}", quoted(text)),
                size_unit_mend(number, other),
            ));
        }
    };
    whole.checked_mul(1_u64 << shift).ok_or_else(|| {
        Wrong::new(
            format!("the size {} is too large", quoted(text)),
            "write less than `16777216TiB`",
        )
    })
}

fn size_unit_mend(number: &str, unit: &str) -> String {
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "b" | "byte" | "bytes" => "B",
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        "t" | "tb" | "tib" => "TiB",
        _ => return "use B, KiB, MiB, GiB or TiB".to_owned(),
    };
    format!("write `{number}{unit}`")
}

/// A whole number and what follows it.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | ',' | '-' | '+')));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (number, unit)
}

fn whole(number: &str, text: &str, example: &str) -> Result<u64, Wrong> {
    if number.starts_with('-') {
        return Err(Wrong::new(
            format!("{} is negative", quoted(text)),
            "write a positive number",
        ));
    }
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        let mend = format!("write digits alone, {example}");
        return Err(Wrong::new(format!("{} has no whole number", quoted(text)), mend));
    }
    number.parse().map_err(|_| {
        Wrong::new(
            format!("the number in {} is too large", quoted(text)),
            "write a smaller one",
        )
    })
}

/// `true` or `false`.
pub(crate) fn flag(text: &str) -> Result<bool, Wrong> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(Wrong::new(
            format!("{} is neither true nor false", quoted(other)),
            match other.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" | "true" => "write `true`",
                "no" | "off" | "n" | "0" | "false" => "write `false`",
                _ => "write `true` or `false`",
            },
        )),
    }
}

/// A whole number within bounds.
pub(crate) fn integer(text: &str, min: u64, max: u64) -> Result<u64, Wrong> {
    let mend = format!("write a whole number from {min} to {max}");
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::new(
            format!("{} is not a whole number", quoted(text)),
            mend,
        ));
    }
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Wrong::new(format!("{} is out of range", quoted(text)), mend)),
    }
}

/// A decimal number within bounds.
pub(crate) fn decimal(text: &str, min: f64, max: f64) -> Result<f64, Wrong> {
    match text.parse::<f64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Wrong::new(
            format!("{} is not a number within range", quoted(text)),
            format!("write a number from {min} to {max}"),
        )),
    }
}

/// `200` or `200-399`.
pub(crate) fn statuses(text: &str) -> Result<RangeInclusive<u16>, Wrong> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |part: &str| {
        part.trim()
            .parse::<u16>()
            .ok()
            .filter(|status| (100..=599).contains(status))
    };
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(Wrong::new(
            format!("{} is no status or range of statuses", quoted(text)),
            "write `200` or `200-399`, within 100 to 599",
        )),
    }
}

/// A URL path that starts with `/`, without query, dot segments or characters that need an escape.
pub(crate) fn url_path(text: &str) -> Result<String, Wrong> {
    let wrong = |what: &str, mend: &str| Err(Wrong::new(format!("{} {what}", quoted(text)), mend));
    if !text.starts_with('/') {
        return wrong("is not a path", "start it with `/`");
    }
    if text.contains(['?', '#']) {
        return wrong("has a query or fragment", "write the path alone");
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'`'))
    {
        return wrong(
            "has characters that are not allowed in a path",
            "percent-encode them",
        );
    }
    if text.contains("//") || text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return wrong(
            "has empty or dot segments",
            "write the path as clients ask for it",
        );
    }
    Ok(text.to_owned())
}

/// A duration as it would be written: the largest unit that fits exactly.
pub(crate) fn duration_text(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if milliseconds.is_multiple_of(length) {
            return format!("{}{unit}", milliseconds / length);
        }
    }
    format!("{milliseconds}ms")
}

/// A size as it would be written: the largest unit that fits exactly.
pub(crate) fn bytes_text(bytes: u64) -> String {
    for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}
