//! Writes by the REST API: the answer is what was written, with its link, its terms and its author.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::changes::{ChangeKind, Changes, Wide};
use super::{Effect, Sent, Write, admin, changes, tags};

/// Namespaces and routes (and all below) whose writes change nothing that visitors see, or that anybody may
/// write to.
const SILENT: [&str; 17] = [
    "contact-form-7",
    "elementor",
    "jetpack",
    "jwt-auth",
    "oembed",
    "wc-admin",
    "wc-analytics",
    "wc-telemetry",
    "wc/store",
    "wordfence",
    "wp-block-editor",
    "wp-site-health",
    "wp/v2/block-renderer",
    "wp/v2/search",
    "wp/v2/url-details",
    "wp/v2/users/me",
    "yoast",
];

/// Routes of what shows on many pages.
const ALL_OVER: [&str; 13] = [
    "batch",
    "wp/v2/block-directory",
    "wp/v2/blocks",
    "wp/v2/global-styles",
    "wp/v2/menu-items",
    "wp/v2/menu-locations",
    "wp/v2/menus",
    "wp/v2/navigation",
    "wp/v2/settings",
    "wp/v2/sidebars",
    "wp/v2/template-parts",
    "wp/v2/templates",
    "wp/v2/widgets",
];

/// Routes of code.
const CODE: [&str; 2] = ["wp/v2/plugins", "wp/v2/themes"];

/// States in which a post is not shown to everybody.
const HIDDEN: [&str; 6] = ["draft", "auto-draft", "pending", "future", "private", "trash"];

fn below(route: &str, list: &[&str]) -> bool {
    list.iter().any(|prefix| {
        route
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// See [`Write::on_head`].
pub(super) fn on_head(write: &Write, route: &str, status: StatusCode, headers: &HeaderMap) -> Effect {
    let aside = route
        .split('/')
        .any(|part| matches!(part, "autosaves" | "revisions"));
    if !status.is_success() || aside || below(route, &SILENT) {
        return Effect::Nothing;
    }
    if below(route, &CODE) {
        return Effect::Changed(Changes::wide(ChangeKind::Site, Wide::Site));
    }
    if below(route, &ALL_OVER) {
        return Effect::Changed(Changes::wide(ChangeKind::Site, Wide::Pages));
    }
    if below(route, &["wp/v2/users"]) {
        return Effect::Changed(Changes::wide(ChangeKind::User, Wide::Pages));
    }
    if is_content(route) {
        let is_json = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let plain = headers
            .get(header::CONTENT_ENCODING)
            .is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        return if is_json && plain {
            Effect::AfterBody
        } else {
            Effect::Changed(unreadable())
        };
    }
    // A plugin's own route: anybody may write to some of them. A login that core has checked answers with a
    // new nonce.
    if write.logged_in && headers.contains_key("x-wp-nonce") {
        return Effect::Changed(Changes::wide(ChangeKind::Unknown, Wide::Pages));
    }
    Effect::Nothing
}

/// Posts of all types, terms, comments and files of core; products of WooCommerce.
fn is_content(route: &str) -> bool {
    let mut parts = route.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("wp"), Some("v2"), Some(base)) => !base.is_empty(),
        (Some("wc"), Some(version), Some("products")) => version.starts_with('v'),
        _ => false,
    }
}

fn unreadable() -> Changes {
    Changes::wide(ChangeKind::Unknown, Wide::Pages)
}

/// See [`Write::on_answer`].
pub(super) fn on_answer(
    write: &Write,
    route: &str,
    sent: Sent<'_>,
    status: StatusCode,
    answer: Option<&[u8]>,
) -> Option<Changes> {
    let answer: Option<Value> = answer.and_then(|answer| serde_json::from_slice(answer).ok());
    let Some(Value::Object(mut item)) = answer else {
        return Some(unreadable());
    };
    // A deletion for good answers with what it was.
    let gone = matches!(item.get("previous"), Some(Value::Object(_)));
    if gone && let Some(Value::Object(previous)) = item.remove("previous") {
        item = previous;
    }
    if below(route, &["wp/v2/comments"]) {
        return Some(comment(&item));
    }
    if below(route, &["wp/v2/media"]) {
        return Some(media(write, &item, status));
    }
    if item.contains_key("taxonomy") || route.starts_with("wc/") && !item.contains_key("permalink") {
        return Some(Changes::wide(ChangeKind::Term, Wide::Pages));
    }
    let asked = asked(sent);
    post(write, route, &item, asked.as_ref(), status, gone)
}

/// What the client asked to be written; `None` when it cannot be told.
fn asked(sent: Sent<'_>) -> Option<Map<String, Value>> {
    if !sent.whole {
        return None;
    }
    match serde_json::from_slice(sent.bytes) {
        Ok(Value::Object(asked)) => Some(asked),
        _ => None,
    }
}

fn text<'a>(item: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

fn number(item: &Map<String, Value>, name: &str) -> Option<u64> {
    item.get(name).and_then(Value::as_u64)
}

fn comment(item: &Map<String, Value>) -> Changes {
    let post = number(item, "post");
    let mut changed = changes::comments(post.as_slice());
    if let Some(link) = text(item, "link") {
        changed.link(link);
    }
    changed
}

/// A file, all its sizes and its own page.
fn media(write: &Write, item: &Map<String, Value>, status: StatusCode) -> Changes {
    let mut changed = admin::uploaded(&write.root);
    if status == StatusCode::CREATED {
        return changed;
    }
    let Some(source) = text(item, "source_url") else {
        return Changes::wide(ChangeKind::Media, Wide::Site);
    };
    let sizes = item
        .get("media_details")
        .and_then(|details| details.get("sizes"))
        .and_then(Value::as_object);
    let sizes = sizes
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|size| size.get("source_url").and_then(Value::as_str));
    for link in [source].into_iter().chain(sizes) {
        changed.link(link);
    }
    if let Some(link) = text(item, "link") {
        changed.link(link);
    }
    for id in [number(item, "id"), number(item, "post")].into_iter().flatten() {
        changed.tag(tags::post(id));
    }
    changed.bounded()
}

fn post(
    write: &Write,
    route: &str,
    item: &Map<String, Value>,
    asked: Option<&Map<String, Value>>,
    status: StatusCode,
    gone: bool,
) -> Option<Changes> {
    let Some(id) = number(item, "id") else {
        return Some(unreadable());
    };
    let hidden = text(item, "status").is_some_and(|state| HIDDEN.contains(&state));
    let state_kept = !write.deletes && asked.is_some_and(|asked| !asked.contains_key("status"));
    if hidden && !gone && (status == StatusCode::CREATED || state_kept) {
        return None;
    }
    let mut changed = Changes::content(&write.root);
    changed.tag(tags::post(id));
    if let Some(base) = route.split('/').nth(2) {
        changed.tag(format!("{base}/{id}"));
    }
    if let Some(link) = text(item, "link").or_else(|| text(item, "permalink")) {
        changed.link(link);
    }
    if terms(item, asked, &mut changed) {
        changed.tag(tags::ARCHIVE.to_owned());
    }
    Some(changed.bounded())
}

/// Names the archives that show the post; true when it may have left others.
fn terms(item: &Map<String, Value>, asked: Option<&Map<String, Value>>, changed: &mut Changes) -> bool {
    let asked_for = |name: &str| asked.is_none_or(|asked| asked.contains_key(name));
    let mut others = false;
    if let Some(author) = number(item, "author") {
        changed.tag(format!("users/{author}"));
        others |= asked_for("author");
    }
    for (name, value) in item {
        let Value::Array(values) = value else { continue };
        let id = |value: &Value| value.as_u64().or_else(|| value.get("id").and_then(Value::as_u64));
        let ids: Vec<u64> = values.iter().filter_map(id).collect();
        if ids.len() != values.len() {
            continue;
        }
        others |= asked_for(name);
        for id in ids {
            changed.tag(format!("{}/{id}", name.to_ascii_lowercase()));
        }
    }
    others
}
