//! Purges as people write them, turned into what the purge log knows.

pub mod within;

use popgate_filters::{FilterContext, Scheme};
use serde::Deserialize;
use thiserror::Error;

use super::{App, Live, SiteRuntime};
use crate::cache::purge::{PurgePrefix, PurgeReport, PurgeRequest, PurgeUrl};
use crate::preset::{self, RequestVerdict};
use crate::proxy::normalise::host_of;
use crate::serve::key::{Target, hashes};

/// Most things one purge may name.
const ITEMS_MAX: usize = 1000;

/// A purge as `POST /purge` takes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeInput {
    /// URLs with host; the scheme may be left out. Both schemes and all variants are purged.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// `host/path` prefixes; the scheme may be given.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Limits `tags` to the sites of these hosts; without, a tag is purged on all sites.
    #[serde(default)]
    pub on: Vec<String>,
    /// Everything.
    #[serde(default)]
    pub everything: bool,
    /// Delete instead of marking stale.
    #[serde(default)]
    pub hard: bool,
}

/// Why a purge is refused; nothing has been purged then.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PurgeError {
    /// It names nothing.
    #[error("names nothing to purge; give urls, tags, hosts, prefixes or \"everything\": true")]
    Nothing,
    /// It names too much.
    #[error("names {0} things, at most {ITEMS_MAX} in one request; send several")]
    TooMany(usize),
    /// A URL or prefix without a valid host.
    #[error("{key}[{index}]: \"{value}\" has no valid host; write it like https://blog.example/post/")]
    BadUrl {
        /// `urls` or `prefixes`.
        key: &'static str,
        /// Position.
        index: usize,
        /// As given.
        value: String,
    },
    /// URLs of hosts that are no site's, and nothing else.
    #[error("urls: no site serves \"{0}\"; see `hosts` of the sites")]
    NoSite(String),
    /// A malformed host.
    #[error("hosts[{index}]: \"{value}\" is no host; write it like blog.example")]
    BadHost {
        /// Position.
        index: usize,
        /// As given.
        value: String,
    },
    /// A host that the sender may not purge.
    #[error("{0} is no host of this site; send the purge to that host")]
    OtherSite(String),
}

impl App {
    /// Applies a purge here and announces it to the other PoPs.
    ///
    /// # Errors
    /// [`PurgeError`]; then nothing was purged.
    pub async fn purge(&self, input: &PurgeInput) -> Result<PurgeReport, PurgeError> {
        let request = resolve(&self.live(), input)?;
        Ok(self.cache.purge(&request).await)
    }
}

/// Turns names into keys.
fn resolve(live: &Live, input: &PurgeInput) -> Result<PurgeRequest, PurgeError> {
    let count = input.urls.len() + input.tags.len() + input.hosts.len() + input.prefixes.len();
    if count == 0 && !input.everything {
        return Err(PurgeError::Nothing);
    }
    if count > ITEMS_MAX {
        return Err(PurgeError::TooMany(count));
    }
    let mut request = PurgeRequest {
        everything: input.everything,
        hard: input.hard,
        ..PurgeRequest::default()
    };
    add_tags(&mut request, live, input)?;
    for (index, url) in input.urls.iter().enumerate() {
        let (host, path_and_query) = split("urls", index, url)?;
        request.urls.extend(url_key(live, &host, &path_and_query));
    }
    for (index, prefix) in input.prefixes.iter().enumerate() {
        let (host, path) = split("prefixes", index, prefix)?;
        let path = path.split('?').next().unwrap_or("/");
        request.prefixes.push(PurgePrefix {
            host: host.into(),
            path: path.into(),
        });
    }
    for (index, host) in input.hosts.iter().enumerate() {
        let Some(host) = host_of(host.trim()) else {
            return Err(PurgeError::BadHost {
                index,
                value: host.clone(),
            });
        };
        request.hosts.push(host.into());
    }
    match input.urls.first() {
        Some(url) if request.names_nothing() => Err(PurgeError::NoSite(url.clone())),
        _ => Ok(request),
    }
}

/// Tags on all sites, or on those that were named.
fn add_tags(request: &mut PurgeRequest, live: &Live, input: &PurgeInput) -> Result<(), PurgeError> {
    let tags = || input.tags.iter().map(|tag| tag.trim());
    if input.on.is_empty() {
        request.tags = tags().map(Into::into).collect();
        return Ok(());
    }
    for (index, text) in input.on.iter().enumerate() {
        let Some(host) = host_of(text.trim()) else {
            let value = text.clone();
            return Err(PurgeError::BadHost { index, value });
        };
        let hosts = match live.sites.find(&host, "/") {
            Some(site) => within::hosts_of(&site.config, Some(&host)),
            None => Some(vec![host.into()]),
        };
        for tag in tags() {
            within::add_tag(request, hosts.as_deref(), tag);
        }
    }
    Ok(())
}

/// Host (normal form) and path with query of a URL whose scheme may be missing.
fn split(key: &'static str, index: usize, text: &str) -> Result<(String, String), PurgeError> {
    let bad = || PurgeError::BadUrl {
        key,
        index,
        value: text.to_owned(),
    };
    let rest = text.trim();
    let rest = rest
        .strip_prefix("https://")
        .or_else(|| rest.strip_prefix("http://"))
        .unwrap_or(rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = host_of(&rest[..end]).ok_or_else(bad)?;
    let path = rest[end..].split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    Ok((host.into_owned(), path))
}

/// The key of a URL, as the site that serves it makes it; `None` for a host that is no site's. Both
/// schemes share it.
#[must_use]
pub fn url_key(live: &Live, host: &str, path_and_query: &str) -> Option<PurgeUrl> {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let site = live.sites.find(host, path)?;
    Some(PurgeUrl {
        base: base(live, site, host, path, query),
        host: host.into(),
    })
}

/// The key of a GET for this URL: site filters and preset rewrite the query as they would for a visitor.
fn base(
    live: &Live,
    site: &SiteRuntime,
    host: &str,
    path: &str,
    query: Option<&str>,
) -> crate::cache::KeyHash {
    let method = http::Method::GET;
    let mut headers = http::HeaderMap::new();
    let cx = visitor_free(live, site, host);
    let mut parts = popgate_filters::RequestParts {
        method: &method,
        path,
        query: query.map(Into::into),
        headers: &mut headers,
    };
    let _ = site.chain.request(&cx, &mut parts);
    let query = parts.query.map(std::borrow::Cow::into_owned);
    let empty = http::HeaderMap::new();
    let facts = preset::RequestFacts {
        method: &method,
        path,
        query: query.as_deref(),
        headers: &empty,
    };
    let query = match preset::request(site.config.rules(), &facts) {
        RequestVerdict::Cache(request) => request.query,
        RequestVerdict::Bypass(_) => query,
    };
    let target = Target {
        scheme: Scheme::Https.as_str(),
        host,
        port: None,
        path,
        query: query.as_deref(),
        chosen: &[],
    };
    hashes(site, &cx, target, &mut http::HeaderMap::new()).base
}

/// A context for keys that no visitor asks for.
fn visitor_free<'a>(live: &'a Live, site: &'a SiteRuntime, host: &'a str) -> FilterContext<'a> {
    let nobody = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    FilterContext {
        ip: nobody,
        peer: nobody,
        peer_trusted: false,
        chain: &[],
        geo: None,
        inherited_country: None,
        scheme: Scheme::Https,
        host,
        forwarded_host: None,
        site: &site.config.name,
        ray: "",
        pop: &live.config.pop,
        version: http::Version::HTTP_11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_with_or_without_a_scheme() {
        let both = |text| split("urls", 0, text);
        let wanted = Ok(("blog.example".to_owned(), "/a?b=1".to_owned()));
        assert_eq!(both("https://Blog.Example:8443/a?b=1#c"), wanted);
        assert_eq!(both("blog.example/a?b=1"), wanted);
        assert_eq!(
            both("http://blog.example"),
            Ok(("blog.example".to_owned(), "/".to_owned()))
        );
        assert_eq!(
            both("blog.example?x"),
            Ok(("blog.example".to_owned(), "/?x".to_owned()))
        );
        for wrong in ["", "/path", "https:///x", "a b/c"] {
            assert!(both(wrong).is_err(), "{wrong}");
        }
    }
}
