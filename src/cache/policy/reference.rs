//! URI references against a request's URI (RFC 3986 5.2), for `Location` and `Content-Location`.

/// A request's effective URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host, with or without port.
    pub authority: &'a str,
    /// Absolute path.
    pub path: &'a str,
    /// Query without `?`.
    pub query: Option<&'a str>,
}

/// A resolved reference; the fragment is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Lower case.
    pub scheme: String,
    /// Host, with or without port, without user information.
    pub authority: String,
    /// Absolute path without dot segments.
    pub path: String,
    /// Query without `?`.
    pub query: Option<String>,
}

/// Resolves `reference`; `None` when it is not hierarchical (`mailto:…`).
#[must_use]
pub fn resolve(base: &Base<'_>, reference: &str) -> Option<Resolved> {
    let reference = reference.trim_matches([' ', '\t']);
    let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
    let (scheme, rest) = match split_scheme(reference) {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (base.scheme.to_ascii_lowercase(), reference),
    };
    let absolute = rest.len() != reference.len();
    if let Some(rest) = rest.strip_prefix("//") {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (path, query) = split_query(rest);
        return Some(Resolved {
            scheme,
            authority: host.to_owned(),
            path: remove_dot_segments(if path.is_empty() { "/" } else { path }),
            query,
        });
    }
    if absolute {
        return None;
    }
    let (path, query) = split_query(rest);
    let (path, query) = if path.is_empty() {
        (
            base.path.to_owned(),
            query.or_else(|| base.query.map(str::to_owned)),
        )
    } else if path.starts_with('/') {
        (remove_dot_segments(path), query)
    } else {
        let folder = base.path.rfind('/').map_or("/", |slash| &base.path[..=slash]);
        (remove_dot_segments(&format!("{folder}{path}")), query)
    };
    Some(Resolved {
        scheme,
        authority: base.authority.to_owned(),
        path,
        query,
    })
}

/// `https` and what follows its colon.
fn split_scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let mut bytes = scheme.bytes();
    let starts_well = bytes.next()?.is_ascii_alphabetic();
    let goes_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    (starts_well && goes_well).then_some((scheme, rest))
}

fn split_query(rest: &str) -> (&str, Option<String>) {
    match rest.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (rest, None),
    }
}

/// RFC 3986 5.2.4 for an absolute path.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: Base<'static> = Base {
        scheme: "http",
        authority: "a",
        path: "/b/c/d;p",
        query: Some("q"),
    };

    fn resolved(reference: &str) -> String {
        let Some(found) = resolve(&BASE, reference) else {
            return "-".into();
        };
        let query = found.query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}://{}{}{query}", found.scheme, found.authority, found.path)
    }

    #[test]
    fn rfc3986_5_4_examples() {
        for (reference, expected) in [
            ("g:h", "-"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g..", "http://a/b/c/g.."),
            ("./../g", "http://a/b/g"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("HTTPS://u:p@G:8/x?y", "https://G:8/x?y"),
        ] {
            assert_eq!(resolved(reference), expected, "{reference}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_paths_are_absolute(reference in "\\PC{0,24}") {
            if let Some(found) = resolve(&BASE, &reference) {
                prop_assert!(found.path.starts_with('/'));
            }
        }
    }
}
