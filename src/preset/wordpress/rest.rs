//! The REST API: shared only when asked anonymously for what everybody may read.

use http::{HeaderMap, header};

/// Routes (and all below) that are personal, that act, or that name people.
pub(super) const NEVER: [&str; 13] = [
    "batch",
    "contact-form-7",
    "elementor",
    "elementor-pro",
    "jetpack",
    "jwt-auth",
    "oembed/1.0/proxy",
    "wc",
    "wc-admin",
    "wc-analytics",
    "wp-site-health",
    "wp/v2/settings",
    "wp/v2/users",
];

/// Exceptions to those: the shop's catalogue.
pub(super) const CATALOGUE: [&str; 2] = ["wc/store/products", "wc/store/v1/products"];

/// Refuses a REST request that is not anonymous reading. `route` in lower case without slashes at its ends.
pub(super) fn check(route: &str, headers: &HeaderMap) -> Result<(), &'static str> {
    let below = |list: &[&str]| {
        list.iter().any(|prefix| {
            route
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    if below(&NEVER) && !below(&CATALOGUE) {
        return Err("rest");
    }
    // With an Origin the answer names it and allows it credentials.
    if headers.contains_key("x-wp-nonce") || headers.contains_key(header::ORIGIN) {
        return Err("rest");
    }
    Ok(())
}
