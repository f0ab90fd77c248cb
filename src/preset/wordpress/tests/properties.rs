//! What holds for every request.

use proptest::prelude::*;

use super::get;
use crate::config::Wordpress;
use crate::preset::RequestVerdict;
use crate::preset::wordpress::query::normalise;

/// Queries made of pieces that matter and pieces that do not.
fn query() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9_%=&+.;\\[\\]-]{0,12}",
        Just("utm_source=x".to_owned()),
        Just("p=7".to_owned()),
        Just("%75tm_x=1".to_owned()),
        Just("%%34%31".to_owned()),
        Just("a[]=%e4".to_owned()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.join("&"))
}

proptest! {
    #[test]
    fn normalising_a_query_twice_changes_nothing(raw in query()) {
        if let Ok(once) = normalise(&Wordpress::default(), &raw, true) {
            let twice = normalise(&Wordpress::default(), once.text.as_deref().unwrap_or_default(), true);
            prop_assert_eq!(Ok(once), twice);
        }
    }

    #[test]
    fn no_tracking_parameter_survives(raw in query()) {
        if let Ok(query) = normalise(&Wordpress::default(), &format!("{raw}&utm_campaign=x"), true) {
            prop_assert!(!query.text.unwrap_or_default().contains("utm_campaign"));
        }
    }

    #[test]
    fn no_page_is_cached_for_a_personal_cookie(
        path in "/[a-z0-9%/._-]{0,24}",
        before in "([a-z_]{1,8}=[a-z]{0,4}; ?){0,3}",
        after in "(; ?[a-z_]{1,8}=[a-z]{0,4}){0,3}",
        name in prop_oneof![
            "wordpress_logged_in_[0-9a-f]{8}",
            "wp-postpass_[0-9a-f]{8}",
            "comment_author_[0-9a-f]{8}",
            "wp_woocommerce_session_[0-9a-f]{8}",
            Just("PHPSESSID".to_owned()),
        ],
    ) {
        prop_assume!(!path.contains("wp-"));
        let cookie = format!("{before}{name}=x{after}");
        let verdict = get(&path, &[("cookie", &cookie)]);
        prop_assert!(matches!(verdict, RequestVerdict::Bypass(_)), "{:?}", verdict);
    }

    #[test]
    fn no_bytes_make_it_panic(
        path in "\\PC{0,40}",
        query in "\\PC{0,40}",
        cookie in "[ -~]{0,40}",
    ) {
        let _ = get(&format!("/{path}?{query}"), &[("cookie", &cookie)]);
    }
}
