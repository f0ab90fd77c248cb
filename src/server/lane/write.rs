//! The head of a hit: the lines laid out with the entry, and the few that each answer makes anew.

use std::borrow::Cow;

use bytes::{BufMut as _, BytesMut};
use http::header::{AGE, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::decision::Pass;
use super::find::{Asked, Hit};
use crate::cache::policy::hop_by_hop::strip_private;
use crate::cache::status::{CacheStatus, HIT_WITH_TTL, Outcome, ttl};
use crate::cache::wire::{KeptBack, is_not_in_304};
use crate::config::PurgeProtocol;
use crate::preset;
use crate::proxy::Gateway;
use crate::proxy::purge::ends_here;
use crate::serve::spelling;

/// Room for the lines that are made anew.
const OWN_LINES: usize = 256;

/// Appends status line and header.
///
/// # Errors
/// [`Pass::Filter`] when a filter made something of it that the lane does not send; `out` is as it was then.
pub fn head(
    out: &mut BytesMut,
    gateway: &Gateway,
    asked: &Asked<'_>,
    hit: &Hit,
    status: StatusCode,
    close: bool,
) -> Result<(), Pass> {
    if asked.site.chain.acts_on_hits() || hit.entry.wire.has_status_of_others() {
        let headers = assemble(gateway, asked, hit, status)?;
        put_status(out, status);
        for (name, value) in &headers {
            spelling::put(name, out);
            put_value(out, value.as_bytes());
        }
    } else {
        put_laid_out(out, gateway, asked, hit, status);
    }
    let connection = if close { "close" } else { "keep-alive" };
    out.put_slice(b"Connection");
    put_value(out, connection.as_bytes());
    out.put_slice(b"\r\n");
    Ok(())
}

/// The common way: no header map is touched.
fn put_laid_out(out: &mut BytesMut, gateway: &Gateway, asked: &Asked<'_>, hit: &Hit, status: StatusCode) {
    let entry = &hit.entry;
    let config = &asked.site.config;
    let internal = preset::drops_internal_headers(config.preset);
    let kept = KeptBack {
        internal,
        litespeed: internal || config.purge.speaks(PurgeProtocol::Litespeed),
    };
    let lines = entry.wire.lines(hit.not_modified, kept);
    let room: usize = lines.iter().map(|part| part.len()).sum();
    out.reserve(room + OWN_LINES + entry.body.len().min(super::COPIED_MAX));
    put_status(out, status);
    for part in lines {
        out.put_slice(part);
    }
    if let Some(said) = for_browsers(asked, hit) {
        out.put_slice(b"Cache-Control");
        put_value(out, said.as_bytes());
    }
    out.put_slice(b"Age: ");
    put_number(out, entry.times.age(asked.now).as_secs());
    if config.cache.debug_headers {
        out.put_slice(b"\r\nCache-Status: ");
        out.put_slice(HIT_WITH_TTL.as_bytes());
        put_number(out, u64::try_from(ttl(&entry.times, asked.now)).unwrap_or(0));
        out.put_slice(b"\r\nX-Cache: ");
        out.put_slice(Outcome::Hit.x_cache().as_bytes());
    }
    out.put_slice(b"\r\nCF-Ray: ");
    match &asked.ray {
        Some(ray) => out.put_slice(ray.as_bytes()),
        None => gateway.rays.push_next(out),
    }
    out.put_slice(b"\r\n");
}

/// What the preset tells browsers where the origin says nothing.
fn for_browsers(asked: &Asked<'_>, hit: &Hit) -> Option<Cow<'static, str>> {
    let entry = &hit.entry;
    let status = match hit.not_modified {
        true => StatusCode::NOT_MODIFIED,
        false => entry.status,
    };
    let age = entry.times.age(asked.now);
    preset::for_browsers(asked.site.config.preset, hit.class, status, &entry.headers, age)
}

/// The way with filters that act on hits, and with the word of other caches: the header as a map.
fn assemble(gateway: &Gateway, asked: &Asked<'_>, hit: &Hit, status: StatusCode) -> Result<HeaderMap, Pass> {
    let entry = &hit.entry;
    let config = &asked.site.config;
    let mut headers = entry.headers.clone();
    strip_private(&mut headers);
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        let dropped = preset::drops_response_header(config.preset, &name) || ends_here(asked.site, &name);
        if dropped || (hit.not_modified && is_not_in_304(&name)) {
            headers.remove(name);
        }
    }
    if let Some(said) = for_browsers(asked, hit) {
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_str(&said).map_err(|_| Pass::Form)?,
        );
    }
    headers.insert(AGE, HeaderValue::from(entry.times.age(asked.now).as_secs()));
    if config.cache.debug_headers {
        let report = CacheStatus {
            ttl: Some(ttl(&entry.times, asked.now)),
            ..CacheStatus::new(Outcome::Hit)
        };
        report.write_to(&mut headers);
    }
    let made;
    let ray = match &asked.ray {
        Some(ray) => ray,
        None => {
            made = gateway.rays.next();
            &made
        }
    };
    let ray = HeaderValue::from_str(ray).map_err(|_| Pass::Form)?;
    headers.insert(HeaderName::from_static("cf-ray"), ray);
    let length = headers.get(CONTENT_LENGTH).cloned();
    asked
        .site
        .chain
        .response(&asked.context(), status, true, &mut headers);
    headers.remove(CONNECTION);
    if headers.get(CONTENT_LENGTH) != length.as_ref() {
        return Err(Pass::Filter);
    }
    Ok(headers)
}

fn put_status(out: &mut BytesMut, status: StatusCode) {
    if status == StatusCode::OK {
        out.put_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.put_slice(b"\r\n");
}

fn put_value(out: &mut BytesMut, value: &[u8]) {
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 9, 10, 4_294_967_296, u64::MAX] {
            let mut out = BytesMut::new();
            put_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn a_status_line_has_its_reason() {
        for (status, line) in [(200, "200 OK"), (404, "404 Not Found"), (299, "299 ")] {
            let mut out = BytesMut::new();
            put_status(&mut out, StatusCode::from_u16(status).unwrap());
            assert_eq!(out, format!("HTTP/1.1 {line}\r\n").as_bytes());
        }
    }
}
