//! What browsers say about themselves, and what they are told.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::files;
use super::response::media_type;
use crate::preset::PageClass;

const DAY: u64 = 86_400;

/// Formats of images that origins choose by `Accept`.
const FORMATS: [&str; 2] = ["image/avif", "image/webp"];

/// See [`crate::preset::accept_of_images`].
pub(in crate::preset) fn accept_of_images(headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(header::ACCEPT).iter().peekable();
    lines.peek()?;
    let offered: Vec<String> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter(|member| !is_refused(member))
        .map(|member| {
            member
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .collect();
    let mut accept: Vec<&str> = FORMATS
        .into_iter()
        .filter(|format| offered.iter().any(|offered| offered == format))
        .collect();
    accept.push("*/*");
    Some(accept.join(","))
}

/// Whether a member of `Accept` says "not this" (`;q=0`).
fn is_refused(member: &str) -> bool {
    member
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.trim().split_once('='))
        .any(|(name, value)| name.eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0_f32))
}

/// See [`crate::preset::for_browsers`].
pub(in crate::preset) fn for_browsers(
    class: PageClass,
    status: StatusCode,
    headers: &HeaderMap,
    age: Duration,
) -> Option<Cow<'static, str>> {
    let silent = ![header::CACHE_CONTROL, header::EXPIRES, header::PRAGMA]
        .iter()
        .any(|name| headers.contains_key(name));
    if !silent || !matches!(status.as_u16(), 200 | 206) {
        return None;
    }
    // A day from now, not from when the copy was made.
    let from_now = |seconds: u64| age.as_secs().saturating_add(seconds);
    let page = files::is_page(&media_type(headers));
    match class {
        PageClass::Static { .. } if page => None,
        PageClass::Static { versioned: true, .. } => {
            Some(format!("public, max-age={}, immutable", from_now(365 * DAY)).into())
        }
        PageClass::Static { .. } => Some(format!("public, max-age={}", from_now(DAY)).into()),
        PageClass::Html | PageClass::Search if page => Some(Cow::Borrowed("max-age=0, must-revalidate")),
        _ => None,
    }
}
