//! Purge protocols that exist: what a plugin or a program asks, in popgate's words, and the answer it
//! expects.
//!
//! Pure functions over borrowed heads and bodies; nothing here purges. An [`Ask`] names things within one
//! site; `app::purge` turns it into keys and sees to it that it stays there.

pub mod access;
pub mod ban;
pub mod cloudflare;
pub mod expression;
pub mod fastly;
pub mod litespeed;
pub mod nginx_helper;
pub mod varnish;
pub mod vary_cookies;

use http::{HeaderMap, StatusCode};

use crate::cache::purge::PatternError;
use crate::config::{PurgeProtocol, SitePurge};

/// Most things one request may name; more purge the whole site.
pub const TARGETS_MAX: usize = 1000;

/// One thing to purge. `host` is `None` for the host that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path whatever the query, with and without a slash at its end.
    Path {
        /// Host.
        host: Option<String>,
        /// Path.
        path: String,
    },
    /// A path with exactly this query.
    Url {
        /// Host.
        host: Option<String>,
        /// Path and query.
        target: String,
    },
    /// All paths that start so.
    Prefix {
        /// Host.
        host: Option<String>,
        /// Start of the path.
        path: String,
    },
    /// All URLs (path and query) that match.
    Regex {
        /// Host.
        host: Option<String>,
        /// Regular expression.
        pattern: String,
    },
    /// A whole host.
    Host(Option<String>),
    /// A tag, on all hosts of the site.
    Tag(String),
    /// All of the site.
    Site,
}

/// What a request asks to purge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// What; anything of it.
    pub targets: Vec<Target>,
    /// Delete or mark stale; `None`: as the site says.
    pub hard: Option<bool>,
}

impl Ask {
    /// These things, as the site says.
    #[must_use]
    pub fn of(targets: Vec<Target>) -> Self {
        let targets = if targets.len() > TARGETS_MAX {
            vec![Target::Site]
        } else {
            targets
        };
        Self { targets, hard: None }
    }

    /// These tags, as the site says.
    #[must_use]
    pub fn tags(tags: Vec<String>) -> Self {
        Self::of(tags.into_iter().map(Target::Tag).collect())
    }

    /// The same, hard or soft.
    #[must_use]
    pub fn hard(mut self, hard: Option<bool>) -> Self {
        self.hard = hard;
        self
    }
}

/// The head of a request, as far as protocols read it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Method.
    pub method: &'a str,
    /// Path.
    pub path: &'a str,
    /// Query.
    pub query: Option<&'a str>,
    /// Fields.
    pub headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    /// A field's first value, when it is text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// The first of these fields that is there.
    fn any(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.field(name))
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        }
    }
}

/// A purge request to a site's own address, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// What it asks.
    pub ask: Ask,
    /// The host it is about, or an expression that hosts match, when that is not the one it was sent to.
    pub host: Option<String>,
    /// How it is answered.
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Purge(varnish::Purge),
    Ban,
    NginxHelper(String),
}

impl Understood {
    /// The answer when it is done: `id` and `report` as the admin listener tells them.
    #[must_use]
    pub fn reply(&self, id: &str, report: &serde_json::Value) -> Reply {
        match &self.form {
            Form::Purge(purge) => varnish::reply(purge, id, report),
            Form::Ban => ban::reply(),
            Form::NginxHelper(path) => nginx_helper::reply(path),
        }
    }
}

/// Which protocol a request to a site's own address is in; `None`: it is no purge. Two comparisons for all
/// others.
#[must_use]
pub fn protocol(site: &SitePurge, method: &str, path: &str) -> Option<PurgeProtocol> {
    match method {
        "GET" if path.starts_with("/purge") && site.speaks(PurgeProtocol::NginxHelper) => {
            let rest = &path["/purge".len()..];
            (rest.is_empty() || rest.starts_with('/')).then_some(PurgeProtocol::NginxHelper)
        }
        "GET" | "HEAD" | "POST" => None,
        "PURGE" if path == "/purgeall" && site.speaks(PurgeProtocol::NginxHelper) => {
            Some(PurgeProtocol::NginxHelper)
        }
        "PURGE" => Some(PurgeProtocol::Purge),
        // Never an origin's to answer: its word would count as a change of the page.
        "BAN" => Some(PurgeProtocol::Ban),
        _ if ban::METHODS.contains(&method) && site.speaks(PurgeProtocol::Ban) => Some(PurgeProtocol::Ban),
        _ => None,
    }
}

/// Reads a request in a [`protocol`].
///
/// # Errors
/// When it holds a regular expression popgate does not take.
pub fn understand(
    protocol: PurgeProtocol,
    site: &SitePurge,
    head: &Head<'_>,
) -> Result<Understood, PatternError> {
    Ok(match protocol {
        PurgeProtocol::NginxHelper => Understood {
            ask: nginx_helper::purge(head).unwrap_or_default(),
            host: None,
            form: Form::NginxHelper(head.path.to_owned()),
        },
        PurgeProtocol::Ban => {
            let ban = ban::ban(head)?;
            Understood {
                ask: ban.ask,
                host: ban.host,
                form: Form::Ban,
            }
        }
        _ => {
            let purge = varnish::purge(head, site.speaks(PurgeProtocol::Cloudpanel))?;
            Understood {
                ask: purge.ask.clone(),
                host: purge.host.clone(),
                form: Form::Purge(purge),
            }
        }
    })
}

/// An answer in a protocol's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Media type.
    pub media_type: &'static str,
    /// Body.
    pub body: String,
}

impl Reply {
    /// Plain text.
    #[must_use]
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self {
            status,
            media_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }

    /// JSON.
    #[must_use]
    pub fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self {
            status,
            media_type: "application/json",
            body: body.to_string(),
        }
    }
}

/// Tags in a field, separated by any of `separators` or white space.
fn split_tags(text: &str, separators: &[char]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split(|c: char| separators.contains(&c) || c.is_ascii_whitespace()) {
        if !tag.is_empty() && !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}
