//! Static files: by extension in the request, by media type in the answer.

use crate::preset::FileKind;

const STYLE: [&str; 3] = ["class", "css", "less"];
const SCRIPT: [&str; 4] = ["js", "map", "mjs", "wasm"];
const IMAGE: [&str; 16] = [
    "avif", "bmp", "eps", "gif", "ico", "jpeg", "jpg", "pct", "pict", "png", "ps", "svg", "svgz", "tif",
    "tiff", "webp",
];
const FONT: [&str; 5] = ["eot", "otf", "ttf", "woff", "woff2"];
const MEDIA: [&str; 21] = [
    "avi", "flac", "flv", "m4a", "m4v", "mid", "midi", "mka", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg",
    "ogg", "ogm", "ogv", "opus", "wav", "weba", "webm",
];
const DOWNLOAD: [&str; 38] = [
    "7z",
    "apk",
    "bin",
    "bz2",
    "csv",
    "dmg",
    "doc",
    "docx",
    "ejs",
    "exe",
    "gz",
    "iso",
    "jar",
    "odt",
    "pdf",
    "pls",
    "ppt",
    "pptx",
    "rar",
    "rtf",
    "swf",
    "tar",
    "tbz",
    "tgz",
    "txt",
    "txz",
    "xls",
    "xlsx",
    "xml",
    "xz",
    "zip",
    "zst",
    "epub",
    "ics",
    "odp",
    "ods",
    "vcf",
    "webmanifest",
];

/// The family of a lower-case file name, by its extension.
pub(super) fn kind(name: &str) -> Option<FileKind> {
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() {
        return None;
    }
    [
        (FileKind::Style, &STYLE[..]),
        (FileKind::Script, &SCRIPT),
        (FileKind::Image, &IMAGE),
        (FileKind::Font, &FONT),
        (FileKind::Media, &MEDIA),
        (FileKind::Download, &DOWNLOAD),
    ]
    .into_iter()
    .find_map(|(kind, list)| list.contains(&extension).then_some(kind))
}

/// Whether a file name holds a hash of the content: 8 or more hex digits between dots or dashes, with a
/// digit among them (`app.3f9c2a1b.js`).
pub(super) fn is_hashed(name: &str) -> bool {
    name.split(['.', '-']).skip(1).any(|part| {
        part.len() >= 8
            && part.bytes().all(|b| b.is_ascii_hexdigit())
            && part.bytes().any(|b| b.is_ascii_digit())
    })
}

/// Whether an answer of this media type (lower case, without parameters) can be a file of the family.
/// Web cache deception lives on a page that is stored under the name of a file.
pub(super) fn agrees(kind: FileKind, media_type: &str) -> bool {
    let in_words = |words: &[&str]| words.iter().any(|word| media_type.contains(word));
    if matches!(media_type, "application/octet-stream" | "binary/octet-stream") {
        return true;
    }
    match kind {
        FileKind::Style => matches!(media_type, "text/css" | "text/plain" | "application/java-vm"),
        FileKind::Script => {
            media_type == "text/plain" || in_words(&["javascript", "ecmascript", "json", "wasm"])
        }
        FileKind::Image => media_type.starts_with("image/") || media_type == "application/postscript",
        FileKind::Font => media_type == "text/plain" || in_words(&["font"]),
        FileKind::Media => {
            media_type.starts_with("audio/")
                || media_type.starts_with("video/")
                || media_type == "application/ogg"
        }
        FileKind::Download => {
            !is_page(media_type) && !in_words(&["json"]) || media_type == "application/manifest+json"
        }
    }
}

/// Whether a media type is a page.
pub(super) fn is_page(media_type: &str) -> bool {
    matches!(media_type, "text/html" | "application/xhtml+xml")
}
