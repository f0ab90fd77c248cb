//! `sites[].wordpress`.

use super::super::keys::{WORDPRESS, WORDPRESS_TTL};
use super::super::model::{
    NamePattern, Preset, UnknownParameters, VARY_COOKIES_MAX, VaryCookie, Wordpress, WordpressTtl,
    WriteSnooping,
};
use super::super::reader::Map;
use super::super::value::{Wrong, quoted, url_path};

/// The site's additions; the preset's defaults when there are none.
pub(super) fn wordpress(site: &Map<'_>, preset: Preset) -> Wordpress {
    if preset != Preset::Wordpress
        && let Some(field) = site.field("wordpress")
    {
        field.error(
            "the site has another preset",
            "write `preset: wordpress`, or remove `wordpress`",
        );
    }
    let map = site.map("wordpress", &WORDPRESS);
    Wordpress {
        write_snooping: match map.choice("write_snooping") {
            Some("off") => WriteSnooping::Off,
            Some("site") => WriteSnooping::Site,
            _ => WriteSnooping::Targeted,
        },
        bypass_cookies: map.values("bypass_cookies", name),
        ignore_cookies: map.values("ignore_cookies", name),
        vary_cookies: vary_cookies(&map),
        mobile: map.flag("mobile"),
        bypass_paths: map.values("bypass_paths", segments),
        bypass_parameters: map.values("bypass_parameters", name),
        ignore_parameters: map.values("ignore_parameters", name),
        known_parameters: map.values("known_parameters", name),
        unknown_parameters: match map.choice("unknown_parameters") {
            Some("store") => UnknownParameters::Store,
            Some("bypass") => UnknownParameters::Bypass,
            Some("drop") => UnknownParameters::Drop,
            _ => UnknownParameters::SecondSight,
        },
        second_sight_within: map.duration("second_sight_within"),
        variants_max: map.count("variants_max"),
        ajax_actions: map.values("ajax_actions", action),
        nonce_life: map.duration("nonce_life"),
        admin_timeout: map.duration("admin_timeout"),
        ttl: ttl(&map.map("ttl", &WORDPRESS_TTL)),
    }
}

fn ttl(map: &Map<'_>) -> WordpressTtl {
    WordpressTtl {
        search: map.duration("search"),
        feed: map.duration("feed"),
        sitemap: map.duration("sitemap"),
        rest: map.duration("rest"),
        not_found: map.duration("not_found"),
        redirect: map.duration("redirect"),
        ajax: map.duration("ajax"),
        unknown_parameters: map.duration("unknown_parameters"),
        file: map.duration("file"),
        download: map.duration("download"),
        versioned_file: map.duration("versioned_file"),
    }
}

fn name(text: &str) -> Result<NamePattern, Wrong> {
    NamePattern::parse(text).ok_or_else(|| {
        Wrong::new(
            format!("{} is no name", quoted(text)),
            "write a name such as `club_id`, or `club_*` for all that begin so",
        )
    })
}

/// Cookies that choose, so few that a URL has few pages.
fn vary_cookies(map: &Map<'_>) -> Vec<VaryCookie> {
    let cookies = map.values("vary_cookies", |text| {
        VaryCookie::parse(text).ok_or_else(|| {
            Wrong::new(
                format!("{} is no cookie with its values", quoted(text)),
                "write `name=value|value`, such as `pll_language=de|en`",
            )
        })
    });
    if cookies.len() > VARY_COOKIES_MAX
        && let Some(field) = map.field("vary_cookies")
    {
        field.error(
            format!("{} cookies are too many", cookies.len()),
            format!("name at most {VARY_COOKIES_MAX}: each multiplies the pages of a URL"),
        );
    }
    cookies
}

/// An action of `admin-ajax.php`, compared as it is.
fn action(text: &str) -> Result<String, Wrong> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if text.chars().all(is_name) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("{} is no action", quoted(text)),
        "write letters, digits, `_` and `-`",
    ))
}

/// A path as its segments, the way the preset compares them.
fn segments(text: &str) -> Result<String, Wrong> {
    let path = url_path(text)?.to_ascii_lowercase();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.is_empty() {
        return Err(Wrong::new(
            "means the whole site",
            "write `cache: off`, or a path such as `/members/`",
        ));
    }
    Ok(segments.join("/"))
}
