//! What an unsafe request voids (RFC 9111 4.4).

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::reference::{Base, Resolved, resolve};
use crate::cache::key::normal_host;

/// Whether this exchange voids stored answers: the method is not known to be safe, and it went through.
#[must_use]
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method);
    !safe && (status.is_success() || status.is_redirection())
}

/// URLs whose stored answers, all variants of them, are void: the request's own first, then those of
/// `Location` and `Content-Location` where they lie on the same host. Without duplicates, at most three.
#[must_use]
pub fn targets(request: &Base<'_>, response: &HeaderMap) -> Vec<Resolved> {
    let mut targets = vec![Resolved {
        scheme: request.scheme.to_ascii_lowercase(),
        authority: request.authority.to_owned(),
        path: request.path.to_owned(),
        query: request.query.map(str::to_owned),
    }];
    let named = [LOCATION, CONTENT_LOCATION];
    for target in named.iter().filter_map(|name| named_by(request, response, name)) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// A purge hits a URL under every port, so the port is of no interest here.
fn named_by(request: &Base<'_>, response: &HeaderMap, name: &HeaderName) -> Option<Resolved> {
    let reference = std::str::from_utf8(response.get(name)?.as_bytes()).ok()?;
    let target = resolve(request, reference)?;
    let same_host = normal_host(&target.authority) == normal_host(request.authority);
    (same_host && matches!(target.scheme.as_str(), "http" | "https")).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::testing::headers;

    const POST: Base<'static> = Base {
        scheme: "https",
        authority: "Blog.example:8443",
        path: "/posts/7",
        query: Some("x=1"),
    };

    fn paths(response: &[(&'static str, &str)]) -> Vec<String> {
        targets(&POST, &headers(response))
            .into_iter()
            .map(|target| match target.query {
                Some(query) => format!("{}?{query}", target.path),
                None => target.path,
            })
            .collect()
    }

    #[test]
    fn rfc9111_4_4_unsafe_and_unknown_methods_invalidate() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "FROBNICATE", "get"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert!(invalidates(&method, StatusCode::OK), "{method}");
            assert!(invalidates(&method, StatusCode::SEE_OTHER), "{method}");
        }
    }

    #[test]
    fn rfc9111_4_4_safe_methods_do_not_invalidate() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(!invalidates(&method, StatusCode::OK), "{method}");
        }
    }

    #[test]
    fn rfc9111_4_4_errors_do_not_invalidate() {
        for status in [400, 403, 404, 500, 503] {
            assert!(
                !invalidates(&Method::POST, StatusCode::from_u16(status).unwrap()),
                "{status}"
            );
        }
    }

    #[test]
    fn rfc9111_4_4_the_target_itself_is_void() {
        assert_eq!(paths(&[]), ["/posts/7?x=1"]);
    }

    #[test]
    fn rfc9111_4_4_location_and_content_location_of_the_same_host_are_void() {
        assert_eq!(
            paths(&[
                ("location", "../feed"),
                ("content-location", "https://blog.example./posts?page=2")
            ]),
            ["/posts/7?x=1", "/feed", "/posts?page=2"]
        );
    }

    #[test]
    fn rfc9111_4_4_other_hosts_are_left_alone() {
        assert_eq!(
            paths(&[
                ("location", "https://other.example/a"),
                ("content-location", "//evil/b")
            ])
            .len(),
            1
        );
    }

    #[test]
    fn targets_are_named_once() {
        assert_eq!(paths(&[("location", "?x=1")]), ["/posts/7?x=1"]);
    }
}
