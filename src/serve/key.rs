//! From a request to its cache key.

use http::Method;
use popgate_filters::{FilterContext, Headers, KeyParts, Point, RequestParts};

use crate::app::SiteRuntime;
use crate::cache::KeyHash;
use crate::cache::key::{Framed, normal_percent};

/// The two hashes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashes {
    /// Host, path, query: what a URL purge names.
    pub base: KeyHash,
    /// `base`, scheme, port and what filters added: the root of the object's variants.
    pub root: KeyHash,
}

/// What is asked for, in normal form.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Lower case, no port.
    pub host: &'a str,
    /// The port in the client's Host, which the origin sees too; purges hit all of them.
    pub port: Option<u16>,
    /// As sent.
    pub path: &'a str,
    /// As forwarded, without `?`.
    pub query: Option<&'a str>,
    /// What chooses among the pages of the URL, by name.
    pub chosen: &'a [(String, String)],
}

/// Hashes a target: [`of`] its [`parts`].
pub fn hashes(
    site: &SiteRuntime,
    cx: &FilterContext<'_>,
    target: Target<'_>,
    headers: &mut dyn Headers,
) -> Hashes {
    if site.chain.points().has(Point::CacheKey) {
        return of(&parts(site, cx, target, headers), target.port);
    }
    let path = normal_percent(target.path);
    let query = target.query.map(normal_percent);
    plain(target.scheme, target.host, target.port, &path, query.as_deref())
}

/// The parts of a target's key; the site's filters may add to them or drop scheme and query.
pub fn parts(
    site: &SiteRuntime,
    cx: &FilterContext<'_>,
    target: Target<'_>,
    headers: &mut dyn Headers,
) -> KeyParts {
    let path = normal_percent(target.path);
    let query = target.query.map(normal_percent);
    let mut key = KeyParts::new(target.scheme, target.host, &path, query.as_deref());
    let method = Method::GET;
    let parts = RequestParts {
        method: &method,
        path: target.path,
        query: target.query.map(Into::into),
        headers,
    };
    site.chain.cache_key(cx, &parts, &mut key);
    for (name, value) in target.chosen {
        key.add(name, value.as_bytes());
    }
    key
}

/// [`of`] a key that no filter changes, without putting its parts together.
fn plain(scheme: &str, host: &str, port: Option<u16>, path: &str, query: Option<&str>) -> Hashes {
    let mut url = Framed::new();
    url.part(host.as_bytes());
    url.part(path.as_bytes());
    match query {
        Some(query) => {
            url.part(b"?");
            url.part(query.as_bytes());
        }
        None => url.part(b""),
    }
    let base = url.hash();
    let mut root = Framed::new();
    root.part(&base.bytes());
    root.part(scheme.as_bytes());
    if let Some(port) = port {
        root.part(&port.to_be_bytes());
    }
    Hashes {
        base,
        root: root.hash(),
    }
}

/// The hashes of a key, and of the port that was asked for.
#[must_use]
pub fn of(key: &KeyParts, port: Option<u16>) -> Hashes {
    let frames = key.frames();
    let extras = key.extras().count() * 2;
    let (core, added) = frames.split_at(frames.len() - extras);
    // The first frame is the scheme.
    let (scheme, url) = core.split_at(1);
    let base = KeyHash::of(url);
    let core = base.bytes();
    let mut root: Vec<&[u8]> = vec![&core];
    root.extend(scheme);
    let port = port.map(u16::to_be_bytes);
    if let Some(port) = &port {
        root.push(port);
    }
    root.extend(added);
    Hashes {
        base,
        root: KeyHash::of(&root),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_without_filters_is_hashed_from_its_parts(
            scheme in "https?", host in "[a-c.]{0,4}", port in proptest::option::of(1_u16..3), path in "/[a-c?]{0,4}", query in proptest::option::of("[a-c?]{0,3}"),
        ) {
            let key = KeyParts::new(&scheme, &host, &path, query.as_deref());
            prop_assert_eq!(plain(&scheme, &host, port, &path, query.as_deref()), of(&key, port));
        }
    }

    #[test]
    fn scheme_port_and_what_filters_add_change_the_root_but_not_what_purges_name() {
        let plain = KeyParts::new("https", "a.example", "/x", Some("y=1"));
        let mut varied = plain.clone();
        varied.add("country", b"VN");
        let insecure = KeyParts::new("http", "a.example", "/x", Some("y=1"));
        let other = KeyParts::new("https", "a.example", "/x", Some("y=2"));
        let ported = of(&plain, Some(8443));
        let [plain, varied, insecure, other] = [&plain, &varied, &insecure, &other].map(|key| of(key, None));
        assert_eq!(plain.base, ported.base);
        assert_ne!(plain.root, ported.root);
        assert_eq!(plain.base, varied.base);
        assert_eq!(plain.base, insecure.base);
        assert_ne!(plain.root, varied.root);
        assert_ne!(plain.root, insecure.root);
        assert_ne!(plain.base, other.base);
    }
}
