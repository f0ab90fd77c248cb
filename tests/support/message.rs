//! Requests and responses as the clients see them, whatever the protocol.

use std::fmt;

/// A request to send.
#[derive(Debug, Clone)]
pub struct Req {
    pub method: String,
    pub host: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Req {
    /// A request with any method, to the test site.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            host: super::SITE.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// Header fields in order, names in lower case.
pub type Fields = Vec<(String, String)>;

/// A response as it came.
#[derive(Clone, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    /// 1xx responses before the final one.
    pub interim: Vec<(u16, Fields)>,
    /// False when the transfer ended before its announced end.
    pub complete: bool,
}

impl Response {
    /// The value of a field; all lines joined with `, `.
    pub fn header(&self, name: &str) -> Option<String> {
        let all = self.all(name);
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// All lines of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        find(&self.headers, name)
    }

    /// A trailer's value.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        find(&self.trailers, name).first().copied()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `X-Cache`, or the empty string.
    pub fn x_cache(&self) -> String {
        self.header("x-cache").unwrap_or_default()
    }

    /// `Cache-Status`, or the empty string.
    pub fn cache_status(&self) -> String {
        self.header("cache-status").unwrap_or_default()
    }

    /// `Age` as a number.
    pub fn age(&self) -> Option<u64> {
        self.header("age").and_then(|age| age.parse().ok())
    }

    /// Fails with the whole response unless the status is as expected.
    #[track_caller]
    pub fn expect(self, status: u16, x_cache: &str) -> Self {
        assert_eq!(
            (self.status, self.x_cache().as_str()),
            (status, x_cache),
            "{self:?}"
        );
        self
    }
}

impl fmt::Debug for Response {
    /// The head in full, the body in short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({} bytes, complete: {})",
            self.status,
            self.body.len(),
            self.complete
        )?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        let short = &self.body[..self.body.len().min(300)];
        writeln!(f, "\n{}", String::from_utf8_lossy(short))
    }
}

/// All values of a field.
pub fn find<'a>(fields: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    fields
        .iter()
        .filter(|(have, _)| have.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect()
}
