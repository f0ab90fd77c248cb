//! `sites[].purge`, with the preset's defaults filled in.

use std::path::PathBuf;

use super::super::keys::SITE_PURGE;
use super::super::model::{HostPattern, Preset, PurgeProtocol, SitePurge, Tokens};
use super::super::reader::{Field, Map, choice};
use super::super::value::{Wrong, cidr, host_pattern, quoted};
use super::files;

/// Shortest token taken, in bytes: shorter ones can be guessed.
const TOKEN_MIN: usize = 16;
/// Most tokens of a site.
const TOKENS_MAX: usize = 64;

/// Who may purge the site, and how.
pub(super) fn site_purge(site: &Map<'_>, preset: Preset) -> SitePurge {
    let map = site.map("purge", &SITE_PURGE);
    let (token_file, tokens) = tokens(&map);
    let api_hosts = map.values("api_hosts", api_host);
    if token_file.is_none()
        && let Some(field) = map.field("api_hosts")
        && !api_hosts.is_empty()
    {
        field.error(
            "a purge API without a token would let anybody purge",
            "add `token_file` beside it",
        );
    }
    SitePurge {
        from: from(site, &map),
        token_file,
        tokens,
        protocols: protocols(&map, preset),
        api_hosts,
        hard: map.choice("mode") == Some("hard"),
    }
}

fn from(site: &Map<'_>, map: &Map<'_>) -> Vec<ipnet::IpNet> {
    match (site.field("purge_from"), map.field("from")) {
        (Some(_), Some(field)) => {
            field.error(
                "`purge_from` and `purge.from` say the same",
                "keep `purge.from` and remove `purge_from`",
            );
            Vec::new()
        }
        (Some(_), None) => site.values("purge_from", cidr),
        (None, _) => map.values("from", cidr),
    }
}

/// The site's tokens: one a line, so that an old one may stand beside its successor.
fn tokens(map: &Map<'_>) -> (Option<PathBuf>, Tokens) {
    let Some((path, field)) = map.path("token_file") else {
        return (None, Tokens::default());
    };
    let Some(bytes) = files::read_small(&path, &field) else {
        return (Some(path), Tokens::default());
    };
    let text = String::from_utf8_lossy(&bytes);
    let tokens: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    let good = |token: &String| token.len() >= TOKEN_MIN && token.bytes().all(|byte| byte.is_ascii_graphic());
    if tokens.is_empty() || tokens.len() > TOKENS_MAX || !tokens.iter().all(good) {
        field.error(
            format!("{} does not hold tokens", path.display()),
            format!("write one token a line, each at least {TOKEN_MIN} ASCII characters without spaces"),
        );
    }
    (Some(path), Tokens(tokens))
}

fn protocols(map: &Map<'_>, preset: Preset) -> Vec<PurgeProtocol> {
    let Some(field) = map.field("protocols") else {
        return default_protocols(preset);
    };
    field.items().iter().filter_map(protocol).collect()
}

fn protocol(item: &Field<'_>) -> Option<PurgeProtocol> {
    let names = PurgeProtocol::ALL.map(|(name, _)| name);
    let name = item.parse(|text| choice(&names, text))?;
    PurgeProtocol::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, protocol)| *protocol)
}

fn default_protocols(preset: Preset) -> Vec<PurgeProtocol> {
    use PurgeProtocol::{Ban, Cloudflare, Fastly, Litespeed, NginxHelper, Purge, VarnishTags};
    match preset {
        Preset::Standard => vec![Purge, Ban, Fastly, Cloudflare],
        Preset::Wordpress => vec![
            Purge,
            Ban,
            VarnishTags,
            NginxHelper,
            Litespeed,
            Fastly,
            Cloudflare,
        ],
    }
}

fn api_host(text: &str) -> Result<String, Wrong> {
    match host_pattern(text)? {
        HostPattern::Exact(host) => Ok(host),
        HostPattern::Wildcard(_) | HostPattern::Any => Err(Wrong::new(
            format!("{} stands for many hosts", quoted(text)),
            "name one host or address that only purge clients use, such as `purge.internal`",
        )),
    }
}
