//! Writes that pass through the gateway, and what they change: purging without a plugin.
//!
//! A request is looked at once on its way in ([`watch`]); its answer then tells whether the write went
//! through and what it touched ([`Write::on_head`], [`Write::on_answer`]). Where that cannot be told, more is
//! purged, never less: all pages of the host, softly. Nothing is concluded from what an anonymous visitor
//! can make up: an answer must show success, and wide purges need a login that WordPress accepted.
//!
//! What a stored page is about is told by its own header ([`tags::of`]), so that a post is found by its
//! number under whatever address it was stored.

mod admin;
mod changes;
mod form;
pub mod gate;
mod rest;
pub mod tags;
mod xmlrpc;

#[cfg(test)]
mod tests;

use http::header::{COOKIE, LOCATION};
use http::{HeaderMap, Method, StatusCode};

use super::text::{decode, php_name};
use crate::preset::RequestFacts;
pub use changes::{ChangeKind, Changes, Wide};
use form::Form;

/// Bytes of a request's body that are kept to tell what it writes.
pub const REQUEST_BODY_MAX: usize = 64 * 1024;
/// Bytes of an answer's body that are read; a longer one says nothing and all pages count as changed.
pub const ANSWER_BODY_MAX: usize = 1024 * 1024;

/// A request that may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    target: Target,
    query: String,
    /// Path of the blog within its host, with slashes at both ends: `/`, or `/de/` in a multisite install.
    root: String,
    logged_in: bool,
    deletes: bool,
}

/// Where it is sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// The REST API; the route in lower case without slashes at its ends.
    Rest(String),
    /// `admin-ajax.php`.
    Ajax,
    /// Another script of wp-admin, with its folder when it has one (`network/settings.php`).
    Admin(String),
    /// `wp-comments-post.php`.
    Comment,
    /// `xmlrpc.php`.
    XmlRpc,
}

/// The request's body as far as it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Its first [`REQUEST_BODY_MAX`] bytes.
    pub bytes: &'a [u8],
    /// That is all of it.
    pub whole: bool,
}

/// What the head of an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that visitors see has changed.
    Nothing,
    /// This has.
    Changed(Changes),
    /// The answer's body will tell: [`Write::on_answer`].
    AfterBody,
}

/// Whether a request may be a write that is worth watching.
#[must_use]
pub fn watch(facts: &RequestFacts<'_>) -> Option<Write> {
    let path = decode(facts.path, false).to_ascii_lowercase();
    let query = facts.query.unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (at, target) = target(&segments, query)?;
    let root = segments[..at]
        .iter()
        .fold("/".to_owned(), |root, segment| root + segment + "/");
    let safe = facts.method == Method::GET || facts.method == Method::HEAD;
    let acts = match &target {
        // Core lets a parameter overrule the method.
        Target::Rest(_) => !safe || Form::of_query(query).has("_method"),
        // Links of the lists in wp-admin act by GET, with a nonce.
        Target::Admin(_) => !safe || Form::of_query(query).has("_wpnonce"),
        Target::Ajax => true,
        Target::Comment | Target::XmlRpc => facts.method == Method::POST,
    };
    acts.then(|| Write {
        target,
        query: query.to_owned(),
        root,
        logged_in: logged_in(facts.headers),
        deletes: facts.method == Method::DELETE,
    })
}

/// What is addressed, and where in the path it begins.
fn target(segments: &[&str], query: &str) -> Option<(usize, Target)> {
    for (at, segment) in segments.iter().enumerate() {
        let rest = &segments[at + 1..];
        let target = match *segment {
            "wp-admin" if rest == ["admin-ajax.php"] => Target::Ajax,
            "wp-admin" if rest.last().is_some_and(|script| script.ends_with(".php")) => {
                Target::Admin(rest.join("/"))
            }
            "wp-admin" => return None,
            "wp-json" => Target::Rest(rest.join("/")),
            "wp-comments-post.php" => Target::Comment,
            "xmlrpc.php" => Target::XmlRpc,
            _ => continue,
        };
        return Some((at, target));
    }
    let route = Form::of_query(query).first("rest_route")?.to_lowercase();
    Some((0, Target::Rest(route.trim_matches('/').to_owned())))
}

/// Whether a cookie says that its sender is logged in. It may be made up: WordPress' answer decides.
fn logged_in(headers: &HeaderMap) -> bool {
    headers.get_all(COOKIE).iter().any(|line| {
        String::from_utf8_lossy(line.as_bytes())
            .split(';')
            .any(|pair| php_name(pair.trim()).starts_with("wordpress_"))
    })
}

/// Whether a redirect leaves wp-admin: so answer sites that hide their login to whoever is not logged in.
fn leads_away(location: &str) -> bool {
    (location.contains("//") || location.starts_with('/')) && !location.contains("/wp-admin/")
}

impl Write {
    /// Whether the body of the request tells what it does.
    #[must_use]
    pub fn wants_request_body(&self) -> bool {
        matches!(self.target, Target::Ajax | Target::Rest(_) | Target::XmlRpc)
    }

    /// Whether the body of the answer may be needed: it must come uncompressed then.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        matches!(self.target, Target::Rest(_) | Target::XmlRpc)
    }

    /// What the head of the answer tells.
    #[must_use]
    pub fn on_head(&self, sent: Sent<'_>, status: StatusCode, headers: &HeaderMap) -> Effect {
        let through = status.is_success() || status.is_redirection();
        let location = headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !through || location.contains("wp-login.php") {
            return Effect::Nothing;
        }
        let changes = match &self.target {
            Target::Rest(route) => return rest::on_head(self, route, status, headers),
            Target::XmlRpc => return xmlrpc::on_head(sent, status),
            Target::Comment => changes::comment_posted(&self.root, location),
            // Whoever is not logged in gets nothing of wp-admin but the way to the login.
            Target::Admin(_) | Target::Ajax if !self.logged_in || leads_away(location) => None,
            Target::Admin(script) => admin::script(self, script, location),
            Target::Ajax => admin::ajax(self, sent),
        };
        changes.map_or(Effect::Nothing, Effect::Changed)
    }

    /// What the whole body of an answer tells for which [`Write::on_head`] asked; `None`: it was too long,
    /// unreadable, or broke off.
    #[must_use]
    pub fn on_answer(&self, sent: Sent<'_>, status: StatusCode, answer: Option<&[u8]>) -> Option<Changes> {
        match &self.target {
            Target::Rest(route) => rest::on_answer(self, route, sent, status, answer),
            Target::XmlRpc => xmlrpc::on_answer(sent, answer),
            Target::Ajax | Target::Admin(_) | Target::Comment => None,
        }
    }
}
