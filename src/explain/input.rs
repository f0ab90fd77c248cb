//! The request that is asked about, as people write it.

use std::net::{IpAddr, Ipv4Addr};

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use popgate_filters::Scheme;
use serde::Deserialize;
use thiserror::Error;

/// Most headers that may be given; the site's own limits come on top.
const HEADERS_MAX: usize = 1000;

/// A request as `POST /why` takes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The URL, with scheme.
    pub url: String,
    /// The method; GET when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Header lines, `Name: value`.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Address that the request comes from; loopback when absent. If it is one of `trusted_proxies`, its
    /// `X-Forwarded-*` headers count.
    #[serde(default)]
    pub client: Option<IpAddr>,
}

/// Why nothing can be explained.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InputError {
    /// Not a URL of HTTP.
    #[error("url: \"{0}\" is no URL; write it like https://blog.example/post/, percent-encoded")]
    Url(String),
    /// Not a method.
    #[error("method: \"{0}\" is none; write it like GET")]
    Method(String),
    /// Not a header line.
    #[error("headers: \"{0}\" is no header line; write it like \"Cookie: a=b\"")]
    Header(String),
    /// Too many headers.
    #[error("headers: {0} lines, at most {HEADERS_MAX}")]
    TooMany(usize),
}

/// A request that can be explained.
pub(super) struct Asked {
    /// Head of the request, as a client would send it.
    pub parts: Parts,
    /// Scheme of the connection.
    pub scheme: Scheme,
    /// The other end of the connection.
    pub peer: IpAddr,
}

impl Input {
    /// Reads it.
    ///
    /// # Errors
    /// [`InputError`].
    pub(super) fn read(&self) -> Result<Asked, InputError> {
        let bad_url = || InputError::Url(self.url.clone());
        let url = self.url.split('#').next().unwrap_or_default();
        let url: Uri = url.parse().map_err(|_| bad_url())?;
        let scheme = match url.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(bad_url()),
        };
        let authority = url.authority().ok_or_else(bad_url)?;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let mut request = http::Request::new(());
        *request.uri_mut() = target.parse().map_err(|_| bad_url())?;
        if let Some(method) = &self.method {
            let method = method.to_ascii_uppercase();
            *request.method_mut() =
                Method::from_bytes(method.as_bytes()).map_err(|_| InputError::Method(method.clone()))?;
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| bad_url())?;
        request.headers_mut().insert(header::HOST, host);
        if self.headers.len() > HEADERS_MAX {
            return Err(InputError::TooMany(self.headers.len()));
        }
        for line in &self.headers {
            let (name, value) = field(line).ok_or_else(|| InputError::Header(line.clone()))?;
            if name == header::HOST {
                request.headers_mut().insert(name, value);
            } else {
                request.headers_mut().append(name, value);
            }
        }
        Ok(Asked {
            parts: request.into_parts().0,
            scheme,
            peer: self
                .client
                .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
                .to_canonical(),
        })
    }
}

fn field(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
    Some((name, HeaderValue::from_str(value.trim()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(url: &str) -> Input {
        Input {
            url: url.to_owned(),
            ..Input::default()
        }
    }

    #[test]
    fn a_url_becomes_the_request_that_a_client_would_send() {
        let mut asked = input("https://Blog.Example:8443/a?b=1#c");
        asked.headers = vec!["Cookie: a=b".to_owned(), "x-y:z".to_owned()];
        asked.method = Some("head".to_owned());
        let asked = asked.read().unwrap();
        assert_eq!(asked.parts.uri.to_string(), "/a?b=1");
        assert_eq!(asked.parts.method, Method::HEAD);
        assert_eq!(asked.parts.headers[header::HOST], "Blog.Example:8443");
        assert_eq!(asked.parts.headers[header::COOKIE], "a=b");
        assert_eq!(asked.scheme, Scheme::Https);
    }

    #[test]
    fn what_is_no_request_is_refused_by_name() {
        for url in ["", "/a", "blog.example/a", "ftp://a/", "http:///a", "http://a b/"] {
            assert!(matches!(input(url).read(), Err(InputError::Url(_))), "{url}");
        }
        for line in ["", "Cookie", ": x", "a b: c", "a: b\nc"] {
            let mut wrong = input("http://a/");
            wrong.headers.push(line.to_owned());
            assert!(matches!(wrong.read(), Err(InputError::Header(_))), "{line}");
        }
        let mut wrong = input("http://a/");
        wrong.method = Some("G T".to_owned());
        assert!(matches!(wrong.read(), Err(InputError::Method(_))));
    }
}
