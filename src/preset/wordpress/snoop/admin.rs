//! Writes by wp-admin: which script was sent what, and what its answer says about it.

use super::changes::{self, ChangeKind, Changes, Wide};
use super::form::Form;
use super::{Sent, Write};

/// Where scripts and their answers name posts.
const POST_IDS: [&str; 5] = ["post", "post_ID", "post_id", "ids", "attachment_id"];

/// Scripts that change code or everything.
const CODE: [&str; 8] = [
    "customize.php",
    "plugin-editor.php",
    "plugins.php",
    "theme-editor.php",
    "themes.php",
    "update-core.php",
    "update.php",
    "upgrade.php",
];

/// Scripts that change what shows on many pages.
const SHOWN_ALL_OVER: [&str; 12] = [
    "import.php",
    "link-add.php",
    "link-manager.php",
    "link.php",
    "nav-menus.php",
    "options-permalink.php",
    "options-privacy.php",
    "options-reading.php",
    "options.php",
    "privacy.php",
    "site-editor.php",
    "widgets.php",
];

/// Scripts that change nothing that visitors see, or that anybody may call (`admin-post.php`).
const SILENT: [&str; 9] = [
    "admin-post.php",
    "async-upload-progress.php",
    "export.php",
    "index.php",
    "load-scripts.php",
    "load-styles.php",
    "post-new.php",
    "revision.php",
    "site-health.php",
];

/// A script that went through. `location` is where its answer leads to.
pub(super) fn script(write: &Write, script: &str, location: &str) -> Option<Changes> {
    let query = Form::of_query(&write.query);
    let there = location.split_once('?').map_or("", |(_, query)| query);
    let there = Form::of_query(there.split('#').next().unwrap_or_default());
    if SILENT.contains(&script) {
        return None;
    }
    if CODE.contains(&script) {
        return Some(Changes::wide(ChangeKind::Site, Wide::Site));
    }
    if SHOWN_ALL_OVER.contains(&script) {
        return Some(Changes::wide(ChangeKind::Site, Wide::Pages));
    }
    Some(match script {
        "post.php" | "edit.php" => {
            let mut ids = query.ids(&POST_IDS);
            ids.extend(there.ids(&POST_IDS));
            posts(write, &ids)
        }
        "comment.php" | "edit-comments.php" => {
            let mut ids = query.ids(&["p"]);
            ids.extend(there.ids(&["p"]));
            // A list may hold comments of other posts than the one it is filtered by.
            let bulk = query.has("delete_comments");
            changes::comments(if bulk { &[] } else { &ids })
        }
        "async-upload.php" | "media-new.php" | "media-upload.php" => uploaded(&write.root),
        "upload.php" | "media.php" => Changes::wide(ChangeKind::Media, Wide::Site),
        "edit-tags.php" | "term.php" => Changes::wide(ChangeKind::Term, Wide::Pages),
        "profile.php" | "user-edit.php" | "user-new.php" | "users.php" => {
            Changes::wide(ChangeKind::User, Wide::Pages)
        }
        _ => Changes::wide(ChangeKind::Unknown, Wide::Site),
    })
}

fn posts(write: &Write, ids: &[u64]) -> Changes {
    if ids.is_empty() {
        Changes::wide(ChangeKind::Post, Wide::Pages)
    } else {
        Changes::posts(&write.root, ids)
    }
}

/// A new file: nothing showed it before, but somebody may have asked for it in vain.
pub(super) fn uploaded(root: &str) -> Changes {
    let mut changes = Changes::of(ChangeKind::Media);
    for name in ["404", "moved", "rest", "sitemap"] {
        changes.tag(name.to_owned());
    }
    changes.url(root.to_owned());
    changes
}

/// Actions of `admin-ajax.php` on one post, and where they name it.
const ON_POST: [(&str, &str); 14] = [
    ("delete-page", "id"),
    ("delete-post", "id"),
    ("elementor_ajax", "editor_post_id"),
    ("et_fb_ajax_save", "post_id"),
    ("image-editor", "postid"),
    ("inline-save", "post_ID"),
    ("save-attachment", "id"),
    ("save-attachment-compat", "id"),
    ("set-attachment-thumbnail", "id"),
    ("set-post-thumbnail", "post_id"),
    ("trash-post", "id"),
    ("untrash-post", "id"),
    ("woocommerce_bulk_edit_variations", "product_id"),
    ("woocommerce_save_variations", "product_id"),
];

/// Actions on comments.
const ON_COMMENT: [&str; 4] = ["delete-comment", "dim-comment", "edit-comment", "replyto-comment"];

/// Actions on what shows on many pages; begins of names.
const ALL_OVER: [&str; 21] = [
    "add-cat",
    "add-link-category",
    "add-menu-item",
    "add-tag",
    "add-term",
    "delete-cat",
    "delete-link",
    "delete-menu",
    "delete-tag",
    "inline-save-tax",
    "menu-",
    "save-widget",
    "update-widget",
    "widgets-order",
    "woocommerce_feature_product",
    "woocommerce_product_ordering",
    "woocommerce_remove_variation",
    "woocommerce_term_ordering",
    "woocommerce_do_ajax_product_import",
    "woocommerce_mark_order_status",
    "save-user-color-scheme",
];

/// Actions on code; begins of names.
const ON_CODE: [&str; 9] = [
    "activate-plugin",
    "customize_save",
    "delete-plugin",
    "delete-theme",
    "edit-theme-plugin-file",
    "install-plugin",
    "install-theme",
    "update-plugin",
    "update-theme",
];

/// An action of `admin-ajax.php` that went through. Unknown ones are no writes: plugins send all kinds of
/// requests here, for every visitor.
pub(super) fn ajax(write: &Write, sent: Sent<'_>) -> Option<Changes> {
    let query = Form::of_query(&write.query);
    let body = Form::of_body(sent.bytes);
    let action = query.first("action").or_else(|| body.first("action"))?;
    let starts = |list: &[&str]| list.iter().any(|begin| action.starts_with(begin));
    if let Some((_, field)) = ON_POST.iter().find(|(name, _)| *name == action) {
        let mut ids = body.ids(&[field]);
        ids.extend(query.ids(&[field]));
        return Some(posts(write, &ids));
    }
    if ON_COMMENT.contains(&action) {
        return Some(changes::comments(&body.ids(&["comment_post_ID"])));
    }
    if starts(&ON_CODE) {
        return Some(Changes::wide(ChangeKind::Site, Wide::Site));
    }
    starts(&ALL_OVER).then(|| Changes::wide(ChangeKind::Site, Wide::Pages))
}
