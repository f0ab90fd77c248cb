//! A visitor with a browser's cookie jar.

use crate::support::{Gateway, Req, Response};
use crate::world::HOST;

/// One browser.
pub struct Visitor<'a> {
    gateway: &'a Gateway,
    /// Name, value and path.
    jar: Vec<(String, String, String)>,
}

impl<'a> Visitor<'a> {
    pub fn new(gateway: &'a Gateway) -> Self {
        Self {
            gateway,
            jar: Vec::new(),
        }
    }

    /// A browser that has been through the login form.
    pub async fn logged_in(gateway: &'a Gateway, name: &str) -> Self {
        let mut visitor = Self::new(gateway);
        visitor.get("/wp-login.php").await;
        let form = [
            ("log", name),
            ("pwd", name),
            ("wp-submit", "Log In"),
            ("testcookie", "1"),
        ];
        let answer = visitor.post("/wp-login.php", &form).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        assert!(visitor.has_cookie("wordpress_logged_in_"), "{answer:?}");
        visitor
    }

    pub async fn get(&mut self, target: &str) -> Response {
        self.fetch(Req::get(target)).await
    }

    /// Posts a form.
    pub async fn post(&mut self, target: &str, form: &[(&str, &str)]) -> Response {
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let request = Req::new("POST", target)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        self.fetch(request).await
    }

    /// Sends a request with the cookies of its path and keeps those of the answer.
    pub async fn fetch(&mut self, request: Req) -> Response {
        let mut request = request.host(HOST);
        let cookies: Vec<String> = self
            .jar
            .iter()
            .filter(|(_, _, path)| request.target.starts_with(path))
            .map(|(name, value, _)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", &cookies.join("; "));
        }
        let answer = self.gateway.fetch(request).await;
        for line in answer.all("set-cookie") {
            self.keep(line);
        }
        answer
    }

    fn keep(&mut self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts
            .find_map(|part| part.strip_prefix("path="))
            .unwrap_or("/")
            .to_owned();
        self.jar
            .retain(|(have, _, where_)| have != name || *where_ != path);
        if value != "deleted" && value.trim() != "+" {
            self.jar.push((name.to_owned(), value.to_owned(), path));
        }
    }

    pub fn has_cookie(&self, prefix: &str) -> bool {
        self.jar.iter().any(|(name, ..)| name.starts_with(prefix))
    }

    /// A REST nonce of whoever is logged in.
    pub async fn nonce(&mut self) -> String {
        let answer = self.get("/wp-admin/admin-ajax.php?action=rest-nonce").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text()
    }
}

fn encode(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
