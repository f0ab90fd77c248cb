//! nginx-helper: `GET /purge/post/` purges `/post/`; `PURGE /purgeall` the whole host.

use http::StatusCode;

use super::{Ask, Head, Reply, Target, expression};

/// Reads a request; `None` when it is none of nginx-helper's.
#[must_use]
pub fn purge(head: &Head<'_>) -> Option<Ask> {
    if head.method == "PURGE" {
        return (head.path == "/purgeall").then(|| Ask::of(vec![Target::Host(None)]));
    }
    if head.method != "GET" {
        return None;
    }
    let path = match head.path.strip_prefix("/purge")? {
        "" => "/",
        path if path.starts_with('/') => path,
        _ => return None,
    };
    let target = expression::glob(None, path).unwrap_or_else(|| Target::Path {
        host: None,
        path: path.to_owned(),
    });
    Some(Ask::of(vec![target]))
}

/// What the answer says.
#[must_use]
pub fn reply(path: &str) -> Reply {
    let key = path.strip_prefix("/purge").unwrap_or(path);
    Reply::text(StatusCode::OK, format!("Successful purge\nKey : {key}\n"))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn read(method: &str, path: &str) -> Option<Target> {
        let headers = HeaderMap::new();
        let ask = purge(&Head {
            method,
            path,
            query: None,
            headers: &headers,
        });
        ask.and_then(|mut ask| ask.targets.pop())
    }

    #[test]
    fn the_path_behind_purge_is_meant() {
        for (asked, meant) in [("/purge/post-7/", "/post-7/"), ("/purge/", "/"), ("/purge", "/")] {
            let path = meant.to_owned();
            assert_eq!(
                read("GET", asked),
                Some(Target::Path { host: None, path }),
                "{asked}"
            );
        }
        assert_eq!(read("GET", "/purge/*"), Some(Target::Host(None)));
        assert_eq!(read("PURGE", "/purgeall"), Some(Target::Host(None)));
    }

    #[test]
    fn other_requests_are_no_purges() {
        for (method, path) in [
            ("GET", "/purged/"),
            ("GET", "/"),
            ("POST", "/purge/x"),
            ("PURGE", "/purge/x"),
        ] {
            assert_eq!(read(method, path), None, "{method} {path}");
        }
    }
}
