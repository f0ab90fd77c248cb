//! Statuses as label values of metrics.

use http::StatusCode;

/// Statuses are the origin's choice: only registered ones become label values.
#[must_use]
pub fn status_label(status: StatusCode) -> &'static str {
    STATUSES
        .iter()
        .find(|(code, _)| *code == status.as_u16())
        .map_or("other", |(_, text)| text)
}

macro_rules! statuses {
    ($($code:literal)*) => { &[$(($code, stringify!($code))),*] };
}

/// Registered statuses as label values.
const STATUSES: &[(u16, &str)] = statuses!(
    101 200 201 202 203 204 205 206 207 208 226 300 301 302 303 304 305 307 308 400 401 402 403 404 405 406 407 408
    409 410 411 412 413 414 415 416 417 418 421 422 423 424 425 426 428 429 431 451 500 501 502 503 504 505 506 507
    508 510 511
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_statuses_have_labels_of_their_own() {
        assert_eq!(status_label(StatusCode::OK), "200");
        assert_eq!(status_label(StatusCode::from_u16(299).unwrap()), "other");
    }
}
