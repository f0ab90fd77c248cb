//! Natively served endpoints: answers that need no origin. No Pingora in here.
//!
//! | method | `/api/fast-user` |
//! |---|---|
//! | `GET` | the answer |
//! | `HEAD` | the same status and headers, no body (RFC 9110 9.3.2) |
//! | any other | 405 with `Allow: GET, HEAD` (RFC 9110 15.5.6) |
//!
//! Paths are matched exactly, the query is ignored. A site without an origin answers every other path
//! with [`not_found`].

pub mod fast_user;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
pub use popgate_filters::Answer;

use crate::config;

/// What a site's endpoints make of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Not an endpoint: on to the cache and the origin, or [`not_found`].
    Elsewhere,
    /// Answer with [`fast_user::answer`].
    FastUser,
    /// Answer with [`method_not_allowed`].
    MethodNotAllowed,
}

/// Finds the endpoint for a request; `path` is without its query.
#[must_use]
pub fn route(endpoints: &[config::Endpoint], method: &Method, path: &str) -> Route {
    let found = endpoints.iter().find(|endpoint| match endpoint {
        config::Endpoint::FastUser => path == fast_user::PATH,
    });
    match found {
        None => Route::Elsewhere,
        Some(config::Endpoint::FastUser) if method == Method::GET || method == Method::HEAD => {
            Route::FastUser
        }
        Some(_) => Route::MethodNotAllowed,
    }
}

/// 405: the endpoint is read only.
#[must_use]
pub fn method_not_allowed() -> Answer {
    Answer {
        status: StatusCode::METHOD_NOT_ALLOWED,
        headers: vec![(ALLOW, HeaderValue::from_static("GET, HEAD")), text()],
        body: Bytes::from_static(b"Method Not Allowed"),
    }
}

/// 404 of a site without an origin.
#[must_use]
pub fn not_found() -> Answer {
    Answer {
        status: StatusCode::NOT_FOUND,
        headers: vec![text()],
        body: Bytes::from_static(b"API Route Not Found"),
    }
}

fn text() -> (HeaderName, HeaderValue) {
    (
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[config::Endpoint] = &[config::Endpoint::FastUser];

    #[test]
    fn get_and_head_are_answered() {
        assert_eq!(route(BOTH, &Method::GET, "/api/fast-user"), Route::FastUser);
        assert_eq!(route(BOTH, &Method::HEAD, "/api/fast-user"), Route::FastUser);
    }

    #[test]
    fn rfc9110_15_5_6_other_methods_get_405_with_allow() {
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::PATCH,
        ] {
            assert_eq!(route(BOTH, &method, "/api/fast-user"), Route::MethodNotAllowed);
        }
        let answer = method_not_allowed();
        assert_eq!(answer.status, 405);
        assert!(
            answer
                .headers
                .contains(&(ALLOW, HeaderValue::from_static("GET, HEAD")))
        );
    }

    #[test]
    fn only_the_exact_path_of_a_site_that_has_it_is_an_endpoint() {
        for path in ["/api/fast-user/", "/api/fast-users", "/API/fast-user", "/", ""] {
            assert_eq!(route(BOTH, &Method::GET, path), Route::Elsewhere, "{path}");
        }
        assert_eq!(route(&[], &Method::GET, "/api/fast-user"), Route::Elsewhere);
    }

    #[test]
    fn other_paths_of_a_site_without_origin_are_404_with_the_contracted_text() {
        assert_eq!(not_found().status, 404);
        assert_eq!(&not_found().body[..], b"API Route Not Found");
    }
}
