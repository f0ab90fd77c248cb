//! What a write changed, in words that stored pages can be found by.

use super::form::Form;
use super::tags;

/// Most things named one by one; more become a wide change.
const NAMED_MAX: usize = 100;

/// What kind of thing was written: the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A post, a page, a product.
    Post,
    /// A comment.
    Comment,
    /// A category, a tag.
    Term,
    /// A file of the media library.
    Media,
    /// A person.
    User,
    /// Menus, widgets, options, templates, code: what shows on many pages.
    Site,
    /// Something that says not what it is.
    Unknown,
}

impl ChangeKind {
    /// The label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Comment => "comment",
            Self::Term => "term",
            Self::Media => "media",
            Self::User => "user",
            Self::Site => "site",
            Self::Unknown => "unknown",
        }
    }
}

/// How wide a change is that cannot be named thing by thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wide {
    /// All that PHP made; files stay.
    Pages,
    /// The whole host.
    Site,
}

/// What changed on the host of the write, and on `also_on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// What was written.
    pub kind: ChangeKind,
    /// More than can be named.
    pub wide: Option<Wide>,
    /// Another host that shows it: the one in its own link.
    pub also_on: Option<String>,
    /// Paths with query.
    pub urls: Vec<String>,
    /// Path prefixes, each with a slash at its end.
    pub prefixes: Vec<String>,
    /// Names for [`tags::tag`].
    pub tags: Vec<String>,
}

impl Changes {
    /// Nothing yet.
    pub(super) fn of(kind: ChangeKind) -> Self {
        Self {
            kind,
            wide: None,
            also_on: None,
            urls: Vec::new(),
            prefixes: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// All pages or the whole host.
    pub(super) fn wide(kind: ChangeKind, wide: Wide) -> Self {
        Self {
            wide: Some(wide),
            ..Self::of(kind)
        }
    }

    /// What shows that there is a new or another post: the blog's front page and all that lists or could not
    /// find it.
    pub(super) fn content(root: &str) -> Self {
        let mut changes = Self::of(ChangeKind::Post);
        changes.url(root.to_owned());
        changes.url("/".to_owned());
        for name in tags::SHOWING_CONTENT {
            changes.tag(name.to_owned());
        }
        changes
    }

    /// Posts by their numbers; which terms and authors they have is not known.
    pub(super) fn posts(root: &str, ids: &[u64]) -> Self {
        let mut changes = Self::content(root);
        changes.tag(tags::ARCHIVE.to_owned());
        for id in ids {
            changes.tag(tags::post(*id));
        }
        changes.bounded()
    }

    pub(super) fn tag(&mut self, name: String) {
        if !self.tags.contains(&name) {
            self.tags.push(name);
        }
    }

    pub(super) fn url(&mut self, path: String) {
        if !self.urls.contains(&path) {
            self.urls.push(path);
        }
    }

    /// An absolute link to what changed: it, and all below it (feed, comment pages, embed, AMP).
    pub(super) fn link(&mut self, link: &str) {
        let Some((host, target)) = split_link(link) else {
            return;
        };
        if !host.is_empty() {
            self.also_on = Some(host.to_owned());
        }
        self.path(target);
    }

    /// The same by its path. The front page has all pages below it: only it is meant.
    pub(super) fn path(&mut self, target: &str) {
        let target = target.split('#').next().unwrap_or_default();
        let target = if target.is_empty() { "/" } else { target };
        self.url(target.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        for id in Form::of_query(query).ids(&["p", "page_id", "attachment_id"]) {
            self.tag(tags::post(id));
        }
        let path = path.trim_end_matches('/');
        if !path.is_empty() && query.is_empty() {
            self.url(path.to_owned());
            let below = format!("{path}/");
            if !self.prefixes.contains(&below) {
                self.prefixes.push(below);
            }
        }
    }

    /// The narrowest wide change that stands for it.
    #[must_use]
    pub fn covered_by(&self) -> Wide {
        match self.kind {
            ChangeKind::Media => Wide::Site,
            _ => self.wide.unwrap_or(Wide::Pages),
        }
    }

    /// The same, wide when it names too much.
    pub(super) fn bounded(mut self) -> Self {
        if self.tags.len() + self.urls.len() + self.prefixes.len() > NAMED_MAX {
            self.wide = Some(self.covered_by());
        }
        self
    }
}

/// Host and the rest of an absolute link; a path alone has no host.
fn split_link(link: &str) -> Option<(&str, &str)> {
    if link.starts_with('/') && !link.starts_with("//") {
        return Some(("", link));
    }
    let rest = link.split_once("//")?.1;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some((&rest[..end], &rest[end..]))
}

/// A visitor's comment: `Location` leads to the post that shows it. One that waits for moderation is shown to
/// its author only.
pub(super) fn comment_posted(root: &str, location: &str) -> Option<Changes> {
    let (_, target) = split_link(location)?;
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let form = Form::of_query(query);
    if form.has("unapproved") || form.has("moderation-hash") {
        return None;
    }
    let mut changes = Changes::of(ChangeKind::Comment);
    for name in tags::SHOWING_COMMENTS {
        changes.tag(name.to_owned());
    }
    if query.is_empty() {
        let post = path.find("/comment-page-").map_or(path, |at| &path[..=at]);
        changes.path(post);
    } else {
        changes.path(target);
    }
    // A front page that is a post, or one reached by a parameter.
    changes.url(root.to_owned());
    Some(changes)
}

/// A comment that was changed in wp-admin: the posts, or all posts when they are not named.
pub(super) fn comments(ids: &[u64]) -> Changes {
    let mut changes = Changes::of(ChangeKind::Comment);
    for name in tags::SHOWING_COMMENTS {
        changes.tag(name.to_owned());
    }
    if ids.is_empty() {
        changes.tag(tags::SINGLE.to_owned());
        changes.tag(tags::LIST.to_owned());
        changes.tag(tags::BARE.to_owned());
    }
    for id in ids {
        changes.tag(tags::post(*id));
    }
    changes.bounded()
}
