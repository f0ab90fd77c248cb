//! Paths: what is never shared, what is a file, what is the REST API.
//!
//! Rules match whole segments, so that they hold below every site of a multisite install
//! (`/de/wp-admin/`), and are read decoded and in lower case, because WordPress reads them so.

use super::files;
use super::text::{decode, hex_pair};
use crate::preset::PageClass;

/// What a path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathVerdict {
    /// Never looked up, never stored.
    Never,
    /// Two parties may read it differently; never looked up, never stored.
    Ambiguous,
    /// `admin-ajax.php`, whose action is in the query.
    Ajax,
    /// The REST API with its route, lower case, without slashes at the ends.
    Rest(String),
    /// Something that a visitor's cookies may change.
    Page(PageClass),
    /// A file that is the same for everybody, logged in or not.
    PublicFile(PageClass),
}

/// Segments that make a path personal, wherever they stand. Sorted.
pub(super) const NEVER: [&str; 51] = [
    "account",
    "addons",
    "afrekenen",
    "basket",
    "carrello",
    "carrinho",
    "carrito",
    "cart",
    "cassa",
    "checkout",
    "commande",
    "edit-account",
    "edit-address",
    "finalizar-compra",
    "finalizar-pedido",
    "fpm-status",
    "kasse",
    "koszyk",
    "login",
    "logout",
    "lost-password",
    "mein-konto",
    "mi-cuenta",
    "mijn-account",
    "minha-conta",
    "mio-account",
    "moj-konto",
    "moje-konto",
    "mon-compte",
    "my-account",
    "order-pay",
    "order-received",
    "pago",
    "panier",
    "phpmyadmin",
    "purchase-confirmation",
    "purchase-history",
    "register",
    "server-status",
    "trackback",
    "transaction-failed",
    "varukorg",
    "view-order",
    "warenkorb",
    "wc-api",
    "wc-auth",
    "winkelmand",
    "winkelwagen",
    "wp-admin",
    "zahlung",
    "zamowienie",
];

/// Trees below which everything is a file, whatever its folders are called.
const FILE_TREES: [&str; 2] = ["wp-content", "wp-includes"];

/// Folders of `wp-content` whose files come with code and are nobody's.
pub(super) const PUBLIC_FOLDERS: [&str; 3] = ["cache", "plugins", "themes"];

/// Folders of uploads that hold what was paid for.
pub(super) const SOLD_FOLDERS: [&str; 2] = ["edd", "woocommerce_uploads"];

/// Folders of `wp-admin` that hold files only.
pub(super) const ADMIN_FILES: [&str; 3] = ["css", "images", "js"];

/// Reads a path as received. `never` are the site's own rules: segments with slashes between them.
pub(super) fn classify(raw: &str, never: &[String]) -> PathVerdict {
    let decoded = decode(raw, false);
    if is_ambiguous(raw, &decoded) {
        return PathVerdict::Ambiguous;
    }
    let lower = if decoded.bytes().any(|byte| byte.is_ascii_uppercase()) {
        decoded.to_ascii_lowercase().into()
    } else {
        decoded
    };
    let segments: Vec<&str> = lower.split('/').filter(|segment| !segment.is_empty()).collect();
    if never.iter().any(|rule| contains(&segments, rule)) {
        return PathVerdict::Never;
    }
    let mut members = false;
    for (at, segment) in segments.iter().enumerate() {
        let rest = &segments[at + 1..];
        match *segment {
            tree if FILE_TREES.contains(&tree) => return file_tree(tree, rest),
            "wp-admin" => return admin(rest),
            "wp-json" => return PathVerdict::Rest(rest.join("/")),
            ".well-known" if rest.first() == Some(&"acme-challenge") => return PathVerdict::Never,
            "messages" if members => return PathVerdict::Never,
            "members" => members = true,
            name if NEVER.binary_search(&name).is_ok() || runs_php(name, rest) => return PathVerdict::Never,
            _ => {}
        }
    }
    PathVerdict::Page(page(&segments))
}

/// Whether the segments of a rule stand in a row.
fn contains(segments: &[&str], rule: &str) -> bool {
    let count = rule.split('/').count();
    segments
        .windows(count)
        .any(|window| window.iter().copied().eq(rule.split('/')))
}

/// A script other than WordPress's front door, or the front door with a file's name behind it.
fn runs_php(segment: &str, rest: &[&str]) -> bool {
    let script = [".php", ".phtml", ".phar", ".cgi"]
        .iter()
        .any(|end| segment.ends_with(end));
    script && (segment != "index.php" || rest.last().is_some_and(|last| files::kind(last).is_some()))
}

/// Dots, slashes, semicolons and control characters in disguise; anything still encoded after decoding.
fn is_ambiguous(raw: &str, decoded: &str) -> bool {
    let bytes = raw.as_bytes();
    let hidden_slash = (0..bytes.len())
        .filter(|at| bytes[*at] == b'%')
        .any(|at| !matches!(hex_pair(bytes, at + 1), Some(value) if value != b'/' && value != b'.'));
    hidden_slash
        || decoded
            .chars()
            .any(|c| c.is_control() || matches!(c, ';' | '\\' | '%' | '?' | '#'))
        || decoded.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn admin(rest: &[&str]) -> PathVerdict {
    match rest {
        ["admin-ajax.php"] => PathVerdict::Ajax,
        ["load-styles.php" | "load-scripts.php"] => PathVerdict::PublicFile(PageClass::AdminAsset),
        [folder, .., name] if ADMIN_FILES.contains(folder) => public_file(rest, name),
        _ => PathVerdict::Never,
    }
}

fn file_tree(tree: &str, rest: &[&str]) -> PathVerdict {
    let Some(name) = rest.last() else {
        return PathVerdict::Never;
    };
    if let ["uploads", folder, ..] = rest
        && SOLD_FOLDERS.contains(folder)
    {
        return PathVerdict::Never;
    }
    let public = tree == "wp-includes" || rest.first().is_some_and(|folder| PUBLIC_FOLDERS.contains(folder));
    match public_file(rest, name) {
        PathVerdict::PublicFile(class) if !public => PathVerdict::Page(class),
        other => other,
    }
}

fn public_file(rest: &[&str], name: &str) -> PathVerdict {
    if rest.iter().any(|segment| segment.contains(".php")) {
        return PathVerdict::Never;
    }
    match static_class(name) {
        Some(class) => PathVerdict::PublicFile(class),
        None => PathVerdict::Page(PageClass::Html),
    }
}

fn static_class(name: &str) -> Option<PageClass> {
    files::kind(name).map(|kind| PageClass::Static {
        kind,
        versioned: files::is_hashed(name),
    })
}

/// The class of a path that no rule forbids.
fn page(segments: &[&str]) -> PageClass {
    match segments {
        [.., "feed"] | [.., "feed", "rss" | "rss2" | "atom" | "rdf"] => PageClass::Feed,
        [.., "robots.txt"] => PageClass::Robots,
        [.., "favicon.ico"] => PageClass::Favicon,
        [.., name] if name.contains("sitemap") && (name.ends_with(".xml") || name.ends_with(".xsl")) => {
            PageClass::Sitemap
        }
        [.., name] => static_class(name).unwrap_or(PageClass::Html),
        [] => PageClass::Html,
    }
}
