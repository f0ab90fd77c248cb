//! Browsers.

use std::time::Duration;

use http::StatusCode;

use super::{cached, headers};
use crate::config::Preset;
use crate::preset::{accept_of_images, for_browsers};

#[test]
fn images_are_told_apart_by_the_formats_a_browser_takes() {
    let accept = |value: &str| {
        let class = cached("/wp-content/uploads/photo.jpg", &[]).class;
        accept_of_images(Preset::Wordpress, class, &headers(&[("accept", value)]))
    };
    let (chrome, firefox) = (
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "image/avif,image/webp,*/*;q=0.5",
    );
    assert_eq!(accept(chrome).as_deref(), Some("image/avif,image/webp,*/*"));
    assert_eq!(accept(chrome), accept(firefox));
    assert_eq!(accept("image/webp ,*/*").as_deref(), Some("image/webp,*/*"));
    assert_eq!(
        accept("image/avif;q=0, image/webp;q=0.1").as_deref(),
        Some("image/webp,*/*")
    );
    assert_eq!(accept("*/*").as_deref(), Some("*/*"));
    for target in ["/", "/wp-content/themes/t/a.css"] {
        let class = cached(target, &[]).class;
        assert_eq!(
            accept_of_images(Preset::Wordpress, class, &headers(&[("accept", chrome)])),
            None
        );
    }
}

#[test]
fn browsers_keep_files_and_ask_for_pages() {
    let said = |target: &str, pairs: &[(&str, &str)], age: u64| {
        let class = cached(target, &[]).class;
        let age = Duration::from_secs(age);
        for_browsers(Preset::Wordpress, class, StatusCode::OK, &headers(pairs), age)
    };
    let (html, css) = (("content-type", "text/html"), ("content-type", "text/css"));
    assert_eq!(
        said("/", &[html], 7).as_deref(),
        Some("max-age=0, must-revalidate")
    );
    assert_eq!(
        said("/?s=x", &[html], 0).as_deref(),
        Some("max-age=0, must-revalidate")
    );
    let file = "/wp-content/themes/t/a.css";
    assert_eq!(said(file, &[css], 1000).as_deref(), Some("public, max-age=87400"));
    assert_eq!(
        said(&format!("{file}?ver=6"), &[css], 0).as_deref(),
        Some("public, max-age=31536000, immutable")
    );
    // Whoever says something is believed, and feeds have validators of their own.
    for spoken in [
        ("cache-control", "max-age=60"),
        ("expires", "Wed, 11 Jan 1984 05:00:00 GMT"),
    ] {
        assert_eq!(said(file, &[css, spoken], 0), None);
        assert_eq!(said("/", &[html, spoken], 0), None);
    }
    assert_eq!(
        said("/feed/", &[("content-type", "application/rss+xml")], 0),
        None
    );
    assert_eq!(said(file, &[html], 0), None);
    let class = cached(file, &[]).class;
    let not_found = for_browsers(
        Preset::Wordpress,
        class,
        StatusCode::NOT_FOUND,
        &headers(&[css]),
        Duration::ZERO,
    );
    assert_eq!(not_found, None);
}
