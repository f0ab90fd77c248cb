//! Cookies.

use http::Method;

use super::{ask_with, bypassed, cached};
use crate::config::{VaryCookie, Wordpress};
use crate::preset::{Chosen, RequestVerdict};

const PERSONAL: [&str; 36] = [
    "wordpress_logged_in_0123456789abcdef0123456789abcdef=admin%7C1",
    "wordpress_sec_0123=x",
    "wordpress_0123456789abcdef0123456789abcdef=x",
    "wordpress_rec_1=x",
    "wordpressuser_1=x",
    "wordpresspass_1=x",
    "wordpress_no_cache=1",
    "wp-postpass_0123=x",
    "wp-resetpass-0123=x",
    "wp_unknown=x",
    "wordpress-new=x",
    "comment_author_0123=Bob",
    "comment_author_email_0123=bob@example.invalid",
    "comment_author_url_0123=x",
    "woocommerce_items_in_cart=1",
    "woocommerce_cart_hash=abc",
    "wp_woocommerce_session_0123=x",
    "edd_items_in_cart=1",
    "edd_wp_session=x",
    "PHPSESSID=x",
    "SESS0123=x",
    "SSESS0123=x",
    "SimpleSAMLAuthToken=x",
    "yith_wcwl_session_1=x",
    "xf_user=x",
    "ecwid_x=1",
    "bookly=1",
    "duo_wordpress_auth_cookie=x",
    "amazon_Login_state_cache=x",
    "swpm_session=x",
    "NO_CACHE=1",
    "vip-go-cb=1",
    "_lscache_vary=commenter",
    "wmc_current_currency=EUR",
    "user_roles=editor",
    "wordpress.logged.in.0123=x",
];

#[test]
fn each_cookie_that_means_a_person_bypasses() {
    for cookie in PERSONAL {
        assert_eq!(bypassed("/", &[("cookie", cookie)]), "cookie", "{cookie}");
    }
}

#[test]
fn a_personal_cookie_is_found_among_others_and_in_a_second_field() {
    assert_eq!(
        bypassed("/", &[("cookie", "_ga=1; a=b;PHPSESSID=x ; c=d")]),
        "cookie"
    );
    assert_eq!(
        bypassed("/", &[("cookie", "_ga=1"), ("cookie", "wp-postpass_1=x")]),
        "cookie"
    );
}

#[test]
fn cookies_that_say_nothing_about_identity_are_stripped() {
    for cookie in [
        "_ga=GA1.2; _gid=1; _fbp=1",
        "wordpress_test_cookie=WP%20Cookie%20check",
        "wp-settings-1=x; wp-settings-time-1=1",
        "wp_lang=de_DE",
        "wp-wpml_current_language=de",
        "wordpress_google_apikey=x",
        "cookie_notice_accepted=true",
        "woocommerce_recently_viewed=1|2",
        "woocommerce_items_in_cart=0",
        "woocommerce_items_in_cart=",
        "woocommerce_cart_hash=",
        "vip-go-cb=0",
        "mywordpress_logged_in=1",
        "",
        ";;=;",
    ] {
        assert!(cached("/", &[("cookie", cookie)]).strip_cookies, "{cookie}");
    }
}

/// A site whose pages depend on a language and on groups of visitors.
fn multilingual() -> Wordpress {
    Wordpress {
        vary_cookies: ["pll_language=de|en", "_lscache_vary=abc"]
            .map(|text| VaryCookie::parse(text).unwrap())
            .into(),
        ..Wordpress::default()
    }
}

fn chosen(rules: &Wordpress, pairs: &[(&str, &str)]) -> Result<Chosen, &'static str> {
    match ask_with(rules, &Method::GET, "/", pairs) {
        RequestVerdict::Cache(request) => Ok(request.chosen),
        RequestVerdict::Bypass(reason) => Err(reason),
    }
}

#[test]
fn a_cookie_that_chooses_is_in_the_key_and_forwarded_alone() {
    let rules = multilingual();
    let of = |cookie: &str| chosen(&rules, &[("cookie", cookie)]);
    let german = Chosen {
        key: vec![("cookie pll_language".to_owned(), "de".to_owned())],
        cookies: "pll_language=de".to_owned(),
    };
    assert_eq!(of("_ga=1; pll_language=de; x=y"), Ok(german.clone()));
    // PHP takes the first of a name.
    assert_eq!(of("pll_language=de; pll_language=en"), Ok(german));
    let both = of("pll_language=en; _lscache_vary=abc").unwrap();
    assert_eq!(both.cookies, "_lscache_vary=abc; pll_language=en");
    assert_eq!(both, of("_lscache_vary=abc; pll_language=en").unwrap());
    assert_eq!(of("pll_language=; _ga=1"), Ok(Chosen::default()));
    assert_eq!(
        chosen(&Wordpress::default(), &[("cookie", "pll_language=de")]),
        Ok(Chosen::default())
    );
}

#[test]
fn a_cookie_that_chooses_what_nobody_named_passes() {
    let rules = multilingual();
    for cookie in [
        "pll_language=fr",
        "pll_language=de; pll_language=fr",
        // The application may take these for another cookie, or for none.
        "PLL_LANGUAGE=de",
        "pll.language=de",
        "pll_language[x]=de",
        "pll_language=d%65",
        "_lscache_vary=commenter",
        "pll_language=de; wordpress_logged_in_1=x",
    ] {
        assert_eq!(chosen(&rules, &[("cookie", cookie)]), Err("cookie"), "{cookie}");
    }
}

#[test]
fn telephones_have_pages_of_their_own_where_the_site_says_so() {
    let rules = Wordpress {
        mobile: true,
        ..Wordpress::default()
    };
    let device = |pairs: &[(&str, &str)]| chosen(&rules, pairs).unwrap().key[0].1.clone();
    let (phone, desk) = (
        "Mozilla/5.0 (Linux; Android 14) Mobile",
        "Mozilla/5.0 (X11; Linux)",
    );
    assert_eq!(
        device(&[("user-agent", phone)]),
        device(&[("user-agent", "Opera Mini/9")])
    );
    assert_ne!(device(&[("user-agent", phone)]), device(&[("user-agent", desk)]));
    assert_eq!(device(&[("user-agent", desk)]), device(&[]));
    // Releases differ in which of the two they believe.
    assert_ne!(
        device(&[("user-agent", desk), ("sec-ch-ua-mobile", "?1")]),
        device(&[("user-agent", desk)])
    );
    assert_eq!(
        chosen(&Wordpress::default(), &[("user-agent", phone)]),
        Ok(Chosen::default())
    );
}

#[test]
fn files_that_come_with_code_are_shared_with_people_who_are_logged_in() {
    let login = [("cookie", "wordpress_logged_in_0123=x")];
    for path in [
        "/wp-content/themes/t/style.css",
        "/wp-includes/js/a.js",
        "/wp-admin/images/x.png",
    ] {
        assert!(cached(path, &login).strip_cookies, "{path}");
    }
}

#[test]
fn uploads_of_people_who_are_logged_in_bypass() {
    let login = [("cookie", "wordpress_logged_in_0123=x")];
    for path in [
        "/wp-content/uploads/members/book.pdf",
        "/photo.jpg",
        "/wp-json/wp/v2/posts",
    ] {
        assert_eq!(bypassed(path, &login), "cookie", "{path}");
    }
}
