//! What a stored page is about, read from its own header, as tags that writes name.
//!
//! WordPress sends `Link` fields with the REST route and the short link of what a page shows. A post has
//! a short link with its number; archives of terms and authors have a route only; a page with neither lists
//! posts (front page, dates, search) or was not found.

use http::{HeaderMap, StatusCode, header};

use crate::preset::PageClass;

/// Everything that PHP made.
pub const ANY: &str = "any";
/// Lists posts: front page, its further pages, dates, search, the posts page, archives of post types.
pub(super) const LIST: &str = "list";
/// An archive of a term or an author.
pub(super) const ARCHIVE: &str = "archive";
/// One post of any type.
pub(super) const SINGLE: &str = "single";
/// A page that does not say what it shows.
pub(super) const BARE: &str = "bare";
/// A feed of posts.
pub(super) const FEED: &str = "feed";
/// A feed of comments.
pub(super) const COMMENTS_FEED: &str = "comments-feed";

/// What may show another post than before: lists, feeds, sitemaps, REST answers, and addresses that led
/// nowhere or elsewhere.
pub(super) const SHOWING_CONTENT: [&str; 7] = [LIST, BARE, FEED, "sitemap", "rest", "404", "moved"];

/// What may show comments besides their post.
pub(super) const SHOWING_COMMENTS: [&str; 2] = [COMMENTS_FEED, "rest"];

/// The tag of a name on a host.
#[must_use]
pub fn tag(host: &str, name: &str) -> String {
    format!("wp:{host}:{name}")
}

/// The name of a post by its number.
pub(super) fn post(id: u64) -> String {
    format!("p/{id}")
}

/// The tags of an answer that is about to be stored.
#[must_use]
pub fn of(host: &str, path: &str, class: PageClass, status: StatusCode, headers: &HeaderMap) -> Vec<String> {
    names(path, class, status, headers)
        .iter()
        .map(|name| tag(host, name))
        .collect()
}

fn names(path: &str, class: PageClass, status: StatusCode, headers: &HeaderMap) -> Vec<String> {
    let is_file = matches!(
        class,
        PageClass::Static { .. } | PageClass::AdminAsset | PageClass::Favicon
    );
    let mut names: Vec<String> = Vec::new();
    if status.is_redirection() {
        names.push("moved".to_owned());
    } else if status.is_client_error() {
        names.push("404".to_owned());
    } else if is_file {
        return names;
    }
    names.push(ANY.to_owned());
    match class {
        PageClass::Feed if path.contains("comments/feed") => names.push(COMMENTS_FEED.to_owned()),
        PageClass::Feed => names.push(FEED.to_owned()),
        PageClass::Sitemap => names.push("sitemap".to_owned()),
        PageClass::Rest => names.push("rest".to_owned()),
        _ => {}
    }
    if status == StatusCode::OK && !matches!(class, PageClass::Rest | PageClass::Sitemap) {
        about(class, headers, &mut names);
    }
    names
}

fn about(class: PageClass, headers: &HeaderMap, names: &mut Vec<String>) {
    let links = Links::of(headers);
    if let Some(id) = links.post {
        names.push(post(id));
        names.push(SINGLE.to_owned());
    }
    match &links.route {
        Some(route) => {
            names.push(route.clone());
            if links.post.is_none() {
                names.push(ARCHIVE.to_owned());
            }
        }
        None if links.post.is_some() => {}
        None if class == PageClass::Feed => {}
        None if links.wordpress => names.push(LIST.to_owned()),
        None => names.push(BARE.to_owned()),
    }
}

/// What `Link` says.
#[derive(Debug, Default)]
struct Links {
    wordpress: bool,
    post: Option<u64>,
    /// The last two segments of the REST route: `categories/3`.
    route: Option<String>,
}

impl Links {
    fn of(headers: &HeaderMap) -> Self {
        let mut links = Self::default();
        for line in headers.get_all(header::LINK) {
            let Ok(line) = line.to_str() else { continue };
            for link in line.split('<').skip(1).take(20) {
                if let Some((target, parameters)) = link.split_once('>') {
                    links.note(target, &parameters.to_ascii_lowercase());
                }
            }
        }
        links
    }

    fn note(&mut self, target: &str, parameters: &str) {
        let rel = |name: &str| {
            parameters.split(';').any(|parameter| {
                let value = parameter.trim().trim_end_matches(',').trim();
                value
                    .strip_prefix("rel=")
                    .is_some_and(|value| value.trim_matches('"') == name)
            })
        };
        if rel("https://api.w.org/") {
            self.wordpress = true;
        } else if rel("shortlink") {
            let id = target.split_once("?p=").and_then(|(_, id)| id.parse().ok());
            self.post = self.post.or(id);
        } else if rel("alternate") && parameters.contains("application/json") {
            let mut segments = target.rsplit(['/', '=']);
            if let (Some(id), Some(base)) = (segments.next(), segments.next())
                && id.bytes().all(|byte| byte.is_ascii_digit())
                && !id.is_empty()
                && base.len() <= 64
            {
                self.route = Some(format!("{}/{id}", base.to_ascii_lowercase()));
            }
        }
    }
}
