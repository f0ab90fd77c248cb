//! `GET /advise`.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use percent_encoding::percent_decode_str;

use super::why::{page, wants_text};
use crate::app::App;

/// The last hour of all sites, or of `site`; `format=text` for people.
pub(super) fn answer(app: &App, query: Option<&str>) -> Response<Full<Bytes>> {
    let site = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("site="))
        .map(|site| percent_decode_str(site).decode_utf8_lossy());
    page(&app.advisor.report(site.as_deref()), wants_text(query))
}
