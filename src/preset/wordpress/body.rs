//! A page's body before it is stored: whole, and without tokens that die before it.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};
use regex::bytes::Regex;

use super::files;
use super::response::media_type;
use crate::cache::coding;
use crate::config::Wordpress;
use crate::preset::PageClass;

/// A page shorter than this is a white screen or an error message.
const PAGE_MIN: usize = 255;

/// Most of a compressed page that is unpacked to be read, in bytes.
const READ_MAX: usize = 8 << 20;

/// Time left to a visitor who gets a page in its last moment.
const GRACE: Duration = Duration::from_secs(3600);

/// Where themes and plugins leave nonces: form fields, links, script settings.
static NONCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?-u)_wpnonce|wpApiSettings|createNonceMiddleware|data-nonce="#,
        r#"|(?:[nN]once|security)["']?\s*[:=]\s*["'][0-9a-f]{10}["']"#,
    ))
    .ok()
});

/// See [`crate::preset::body_check`].
pub(in crate::preset) fn body_check(
    rules: &Wordpress,
    class: PageClass,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    made: SystemTime,
) -> Result<Option<Duration>, &'static str> {
    let page = files::is_page(&media_type(headers));
    let scanned = page || matches!(class, PageClass::Rest | PageClass::Ajax | PageClass::Any);
    if !scanned {
        return Ok(None);
    }
    let Some(body) = coding::plain(headers, body, READ_MAX) else {
        // It cannot be read: assume that there is a nonce.
        return Ok(page.then(|| nonce_left(rules.nonce_life, made)));
    };
    let body = &*body;
    if page && status == StatusCode::OK && class != PageClass::Ajax {
        if body.len() < PAGE_MIN {
            return Err("short-page");
        }
        if !closes(body) {
            return Err("open-page");
        }
    }
    Ok(has_nonce(body).then(|| nonce_left(rules.nonce_life, made)))
}

/// See [`crate::preset::body_decides`].
pub(in crate::preset) fn body_decides(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::OK && files::is_page(&media_type(headers))
}

/// Whether a page says `</html>`, looked for from its end.
fn closes(body: &[u8]) -> bool {
    const END: &[u8] = b"</html>";
    body.windows(END.len())
        .rev()
        .any(|window| window.eq_ignore_ascii_case(END))
}

fn has_nonce(body: &[u8]) -> bool {
    NONCE.as_ref().is_none_or(|nonce| nonce.is_match(body))
}

/// How long after `made` a page with a nonce of then may live: a nonce is valid in its own tick and the next, each half
/// of its life long and counted from the epoch. 11 to 23 hours by default.
fn nonce_left(life: Duration, made: SystemTime) -> Duration {
    let tick = (life.as_secs() / 2).max(1);
    let seconds = made.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let expiry = seconds.div_ceil(tick).saturating_add(1).saturating_mul(tick);
    let grace = GRACE.min(life / 4);
    Duration::from_secs(expiry.saturating_sub(seconds)).saturating_sub(grace)
}
