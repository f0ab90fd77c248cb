//! Configurations as JSON values, which are YAML, too: easy to merge, and checked like any other file.
//!
//! `@DIR@` stands for the gateway's own temporary folder, `@PORT0@`, `@PORT1@` … for free ports.

use serde_json::{Value, json};

use super::SITE;

/// A configuration to start a gateway with.
#[derive(Debug, Clone)]
pub struct Conf(pub Value);

impl Conf {
    /// Listeners (`@PORT0@` plain, `@PORT1@` with h2c), admin and quick stops; no site yet.
    pub fn base() -> Self {
        Self(json!({
            "pop": "tst1",
            "listen": [
                { "address": "127.0.0.1:@PORT0@" },
                { "address": "127.0.0.1:@PORT1@", "h2c": true },
            ],
            "admin": { "address": "127.0.0.1:@ADMIN@" },
            "kv": { "path": "@DIR@/kv" },
            "shutdown": { "announce": "0s", "grace": "5s" },
        }))
    }

    /// One origin `app` and one site [`SITE`] in front of it.
    pub fn origin(server: impl ToString) -> Self {
        Self::base().with(json!({
            "origins": { "app": { "servers": [server.to_string()] } },
            "sites": [{ "hosts": [SITE], "origin": "app" }],
        }))
    }

    /// A site without an origin that serves `/api/fast-user`.
    pub fn fast_user() -> Self {
        Self::base().with(json!({
            "geo": { "networks": { "127.0.0.0/8": { "country": "VN" } } },
            "sites": [{ "hosts": [SITE], "endpoints": ["fast_user"] }],
        }))
    }

    /// Merges `more` in: objects key by key, everything else is replaced.
    #[must_use]
    pub fn with(mut self, more: Value) -> Self {
        merge(&mut self.0, more);
        self
    }

    /// Merges `more` into the first site.
    #[must_use]
    pub fn site(mut self, more: Value) -> Self {
        merge(&mut self.0["sites"][0], more);
        self
    }

    /// Merges `more` into the first site's `cache`.
    #[must_use]
    pub fn cache(self, more: Value) -> Self {
        self.site(json!({ "cache": more }))
    }

    /// Merges `more` into the origin `app`.
    #[must_use]
    pub fn app(mut self, more: Value) -> Self {
        merge(&mut self.0["origins"]["app"], more);
        self
    }

    /// The file's text, placeholders not yet replaced. Hits are not sampled for leaks unless a test asks for it: one of
    /// a thousand would be one fetch more.
    pub fn text(&self) -> String {
        let mut conf = self.0.clone();
        for site in conf["sites"].as_array_mut().into_iter().flatten() {
            let samples = site["preset"] == "wordpress" && site["cache"].get("leak_check").is_none();
            if samples {
                merge(site, json!({ "cache": { "leak_check": "off" } }));
            }
        }
        serde_json::to_string_pretty(&conf).unwrap()
    }
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
