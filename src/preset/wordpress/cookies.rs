//! Cookies that mean a person, by name; the value only where an empty one means nobody.

use http::{HeaderMap, header};

use super::chosen::{Choice, choice};
use super::text::php_name;
use crate::config::{NamePattern, Wordpress};

/// Begins of names that bypass, lower case: sessions, carts, logins of WordPress and widespread plugins.
pub(super) const BYPASS: [&str; 29] = [
    "wordpress",
    "wp-",
    "wp_",
    "comment_author",
    "woocommerce_current_currency",
    "edd_wp_session",
    "phpsessid",
    "sess",
    "ssess",
    "simplesaml",
    "yith_wcwl_session_",
    "yith_wrvp_",
    "xf_",
    "wpsc_",
    "ecwid",
    "ec_",
    "bookly",
    "bp_completed_create_steps",
    "bp_new_group_id",
    "duo_wordpress_auth_cookie",
    "duo_secure_wordpress_auth_cookie",
    "amazon_login_",
    "swpm_session",
    "tc_cart_",
    "no_cache",
    "wptouch_switch_toggle",
    "wmc_current_currency",
    "aelia_cs_selected_currency",
    "wcml_client_currency",
];

/// Names among those that say nothing about who asks.
pub(super) const HARMLESS: [&str; 6] = [
    "wordpress_test_cookie",
    "wp-settings-",
    "wp_lang",
    "wp-wpml_current_language",
    "wp-wpml_current_admin_language",
    "wordpress_google_",
];

/// Cookies that mean a person by their value, as people write them.
pub(super) const WITH_VALUE: [&str; 6] = [
    "woocommerce_items_in_cart≠0",
    "woocommerce_cart_hash=…",
    "edd_items_in_cart=…",
    "_lscache_vary=commenter…",
    "vip-go-cb=1",
    "user_roles",
];

/// Set by plugins for everybody, without meaning a person: an answer that sets nothing else is stored
/// without them.
pub(super) const STRIPPED_FROM_ANSWERS: [&str; 8] = [
    "wfvt_",
    "wordfence_verifiedhuman",
    "pll_language",
    "wp-wpml_current_language",
    "_icl_",
    "woocommerce_recently_viewed",
    "tk_",
    "sbjs_",
];

/// Whether any `Cookie` of the request means a person.
pub(super) fn bypass(rules: &Wordpress, headers: &HeaderMap) -> bool {
    any(rules, headers, |_| true)
}

/// Names of the cookies that mean a person.
pub(super) fn personal(rules: &Wordpress, headers: &HeaderMap) -> Vec<String> {
    let mut names = Vec::new();
    any(rules, headers, |name| {
        names.push(name.to_owned());
        false
    });
    names
}

/// Gives each cookie that means a person to `found`, until that says it is enough.
fn any(rules: &Wordpress, headers: &HeaderMap, mut found: impl FnMut(&str) -> bool) -> bool {
    headers.get_all(header::COOKIE).iter().any(|field| {
        // Lossy on purpose: a byte that is no text must not hide the cookies beside it.
        String::from_utf8_lossy(field.as_bytes()).split(';').any(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (raw, name) = (name.trim(), php_name(name.trim()));
            let listed = |list: &[NamePattern]| list.iter().any(|pattern| pattern.matches(&name));
            let person = listed(&rules.bypass_cookies)
                || match choice(rules, raw, value.trim()) {
                    Choice::None => !listed(&rules.ignore_cookies) && means_a_person(&name, value.trim()),
                    Choice::Nothing | Choice::Known => false,
                    Choice::Unknown => true,
                };
            person && found(&name)
        })
    })
}

fn means_a_person(name: &str, value: &str) -> bool {
    let starts = |list: &[&str]| list.iter().any(|prefix| name.starts_with(prefix));
    match name {
        // Only a cart with something in it is somebody's.
        "woocommerce_items_in_cart" => !matches!(value, "" | "0"),
        "woocommerce_cart_hash" | "edd_items_in_cart" => !value.is_empty(),
        "_lscache_vary" => value.starts_with("commenter"),
        "vip-go-cb" => value == "1",
        "user_roles" => true,
        _ => starts(&BYPASS) && !starts(&HARMLESS),
    }
}

/// Whether a `Set-Cookie` value may be dropped from a stored copy.
pub(super) fn may_be_stripped(set_cookie: &[u8]) -> bool {
    let text = String::from_utf8_lossy(set_cookie);
    let name = text.split(['=', ';']).next().unwrap_or_default().trim();
    let name = php_name(name);
    STRIPPED_FROM_ANSWERS
        .iter()
        .any(|prefix| name.starts_with(prefix))
}
