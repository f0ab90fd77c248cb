//! When a failed request may be tried again. Pure.

use http::Method;

/// What is known about a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Any byte of the request left for the origin.
    pub sent_anything: bool,
    /// It went over a connection used before, which the origin may have closed meanwhile.
    pub reused: bool,
    /// The request has no body, or all of it is still held.
    pub body_replayable: bool,
    /// Tries made so far, this one counted.
    pub tries: usize,
    /// The server took the request and did not answer in time.
    pub timed_out: bool,
    /// Another server of the origin is in order.
    pub other_server: bool,
}

/// Why a request is tried again or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was sent: safe for every method.
    NothingSent,
    /// An idle connection died; the method is idempotent.
    StaleConnection,
    /// The method is idempotent (RFC 9110 9.2.2).
    Idempotent,
    /// Refused: retries are used up.
    Exhausted,
    /// Refused: the only server did not answer in time, and the client would wait as long again.
    TimedOut,
    /// Refused: the body is gone.
    BodyGone,
    /// Refused: the origin may have acted on a method that is not idempotent.
    NotIdempotent,
}

impl Verdict {
    /// Whether to try again.
    #[must_use]
    pub fn retry(self) -> bool {
        matches!(self, Self::NothingSent | Self::StaleConnection | Self::Idempotent)
    }
}

/// Decides on one more try after `attempt`, with at most `retries` after the first try (0..=2).
#[must_use]
pub fn may_retry(method: &Method, attempt: Attempt, retries: usize) -> Verdict {
    if attempt.tries > retries.min(2) {
        Verdict::Exhausted
    } else if !attempt.body_replayable {
        Verdict::BodyGone
    } else if !attempt.sent_anything {
        Verdict::NothingSent
    } else if !is_idempotent(method) {
        Verdict::NotIdempotent
    } else if attempt.timed_out && !attempt.other_server {
        Verdict::TimedOut
    } else if attempt.reused {
        Verdict::StaleConnection
    } else {
        Verdict::Idempotent
    }
}

/// RFC 9110 9.2.2: the safe methods, PUT and DELETE. Unknown methods are not.
#[must_use]
pub fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attempt() -> Attempt {
        Attempt {
            sent_anything: true,
            reused: false,
            body_replayable: true,
            tries: 1,
            timed_out: false,
            other_server: false,
        }
    }

    #[test]
    fn rfc9110_9_2_2_an_idempotent_method_is_tried_again() {
        for method in [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::TRACE,
            Method::PUT,
            Method::DELETE,
        ] {
            assert_eq!(may_retry(&method, attempt(), 1), Verdict::Idempotent, "{method}");
        }
    }

    #[test]
    fn rfc9110_9_2_2_post_patch_and_unknown_methods_are_not_tried_again_once_sent() {
        let unknown = Method::from_bytes(b"BREW").unwrap();
        for method in [Method::POST, Method::PATCH, unknown] {
            let reused = Attempt {
                reused: true,
                ..attempt()
            };
            assert_eq!(may_retry(&method, reused, 2), Verdict::NotIdempotent, "{method}");
        }
    }

    #[test]
    fn nothing_sent_is_safe_for_every_method() {
        let unsent = Attempt {
            sent_anything: false,
            ..attempt()
        };
        assert_eq!(may_retry(&Method::POST, unsent, 1), Verdict::NothingSent);
    }

    #[test]
    fn a_request_that_timed_out_is_tried_again_at_another_server_only() {
        let alone = Attempt {
            timed_out: true,
            ..attempt()
        };
        assert_eq!(may_retry(&Method::GET, alone, 2), Verdict::TimedOut);
        let not_alone = Attempt {
            other_server: true,
            ..alone
        };
        assert_eq!(may_retry(&Method::GET, not_alone, 2), Verdict::Idempotent);
    }

    #[test]
    fn a_body_that_is_gone_is_not_sent_again() {
        let gone = Attempt {
            body_replayable: false,
            ..attempt()
        };
        assert_eq!(may_retry(&Method::PUT, gone, 1), Verdict::BodyGone);
    }

    proptest! {
        #[test]
        fn never_more_than_three_tries(
            sent in any::<bool>(), reused in any::<bool>(), body in any::<bool>(), retries in any::<usize>(),
        ) {
            let third = Attempt { sent_anything: sent, reused, body_replayable: body, tries: 3, ..attempt() };
            prop_assert_eq!(may_retry(&Method::GET, third, retries), Verdict::Exhausted);
            let first = Attempt { tries: 1, ..third };
            prop_assert!(!may_retry(&Method::GET, first, 0).retry());
        }
    }
}
