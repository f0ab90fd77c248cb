//! `sites`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::keys::{SITE, SITE_CACHE};
use super::super::model::{Endpoint, HostPattern, Preset, Site, SiteCache};
use super::super::nearest::{listed, nearest};
use super::super::reader::{Field, Map, choice};
use super::super::value::{host_pattern, quoted, url_path};
use super::origins::Draft;
use super::{filters, site_cache, site_purge, wordpress};

/// Hosts and prefixes that are taken, and where.
type Taken = HashMap<(HostPattern, String), String>;

/// The sites in file order. Fills in what origins take from their first site.
pub(super) fn sites(root: &Map<'_>, origins: &mut BTreeMap<String, Draft>) -> Vec<Arc<Site>> {
    let mut taken = Taken::new();
    let mut sites = Vec::new();
    for item in root.list_of_some(
        "sites",
        "write `- hosts: [\"*\"]` below it, and an `origin` or `endpoints`",
    ) {
        let site = site(&item, origins, &mut taken);
        if let Some(draft) = site.origin.as_ref().and_then(|name| origins.get_mut(name)) {
            fill_health_host(draft, &site);
        }
        sites.push((Arc::new(site), item));
    }
    check_api_hosts(&sites);
    let sites: Vec<Arc<Site>> = sites.into_iter().map(|(site, _)| site).collect();
    for (name, draft) in origins.iter() {
        if !sites
            .iter()
            .any(|site: &Arc<Site>| site.origin.as_deref() == Some(name))
        {
            let mend = "remove it, or name it as the `origin` of a site";
            root.reader().warn(
                draft.at,
                &format!("origins.{name}"),
                "no site uses this origin",
                mend,
            );
        }
    }
    sites
}

/// A host is a site's or an API's: requests cannot be both.
fn check_api_hosts(sites: &[(Arc<Site>, Field<'_>)]) {
    for (site, item) in sites {
        let taken = site.purge.api_hosts.iter().find(|host| {
            let wanted = HostPattern::Exact((*host).clone());
            sites.iter().any(|(other, _)| other.hosts.contains(&wanted))
        });
        if let Some(host) = taken {
            item.error(
                format!("`{host}` in `purge.api_hosts` is a site's host, too"),
                "give the purge API a host or address of its own",
            );
        }
    }
}

fn fill_health_host(draft: &mut Draft, site: &Site) {
    let exact = site.hosts.iter().find_map(|host| match host {
        HostPattern::Exact(host) => Some(host.clone()),
        HostPattern::Wildcard(_) | HostPattern::Any => None,
    });
    let host = draft.origin.host.clone();
    if let Some(health) = draft
        .origin
        .health
        .as_mut()
        .filter(|health| health.host.is_none())
    {
        health.host = host.or(exact);
    }
}

fn site(item: &Field<'_>, origins: &BTreeMap<String, Draft>, taken: &mut Taken) -> Site {
    let map = item.map(&SITE);
    let path = path(&map);
    let (name, hosts) = hosts(&map, &path, taken);
    let origin = origin(&map, origins);
    let endpoints = endpoints(&map);
    if map.field("origin").is_none() && map.field("endpoints").is_none() && !item_is_broken(item) {
        let mend = "name an `origin`, or list `endpoints`";
        map.reader().error(
            map.at,
            &map.path,
            "the site has neither an origin nor endpoints",
            mend,
        );
    }
    let preset = match map.choice("preset") {
        Some("wordpress") => Preset::Wordpress,
        _ => Preset::Standard,
    };
    Site {
        name,
        hosts,
        path,
        origin,
        preset,
        wordpress: Arc::new(wordpress::wordpress(&map, preset)),
        endpoints,
        cache: cache(&map, preset),
        filters: filters::filters(&map),
        purge: site_purge::site_purge(&map, preset),
        body_max: map.size("body_max"),
    }
}

/// The item is no mapping at all, which has been said.
fn item_is_broken(item: &Field<'_>) -> bool {
    use super::super::yaml::Value;
    matches!(item.value(), Value::Scalar { .. } | Value::List(_))
}

/// The prefix without a slash at its end, so that two spellings are one prefix.
fn path(map: &Map<'_>) -> String {
    let path = map.parsed("path", url_path).unwrap_or_default();
    match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

fn hosts(map: &Map<'_>, path: &str, taken: &mut Taken) -> (String, Vec<HostPattern>) {
    let mut name = String::new();
    let mut hosts = Vec::new();
    for item in map.list_of_some(
        "hosts",
        "write `hosts: [blog.example]`, or `hosts: [\"*\"]` for any host",
    ) {
        let Some(host) = item.parse(host_pattern) else {
            continue;
        };
        if name.is_empty() {
            name = item.word().unwrap_or_default().to_owned();
        }
        let first = taken
            .entry((host.clone(), path.to_owned()))
            .or_insert_with(|| item.path.clone());
        if *first != item.path {
            let mend = "keep one of them, or give one site another `path`";
            item.error(format!("this host and path are taken by `{first}`"), mend);
        }
        hosts.push(host);
    }
    (name, hosts)
}

fn origin(map: &Map<'_>, origins: &BTreeMap<String, Draft>) -> Option<String> {
    let field = map.field("origin")?;
    let name = field.text()?;
    if origins.contains_key(name) {
        return Some(name.to_owned());
    }
    let known: Vec<&str> = origins.keys().map(String::as_str).take(20).collect();
    let mend = match nearest(name, origins.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => {
            format!("add it: `origins: {{ {name}: {{ servers: [127.0.0.1:8080] }} }}`")
        }
        None => format!("known are {}", listed(&known)),
    };
    field.error(format!("there is no origin {}", quoted(name)), mend);
    None
}

fn endpoints(map: &Map<'_>) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for item in map.list("endpoints") {
        if item.parse(|text| choice(&["fast_user"], text)).is_none() {
            continue;
        }
        if endpoints.contains(&Endpoint::FastUser) {
            item.error("this endpoint is here twice", "keep one of them");
        }
        endpoints.push(Endpoint::FastUser);
    }
    endpoints
}

fn cache(map: &Map<'_>, preset: Preset) -> SiteCache {
    let field = map.field("cache");
    let off = field.as_ref().is_some_and(Field::is_off);
    let settings = match field {
        Some(field) if !off => field.map(&SITE_CACHE),
        _ => map.absent("cache", &SITE_CACHE),
    };
    let cache = site_cache::site_cache(&settings, preset);
    SiteCache {
        enabled: cache.enabled && !off,
        ..cache
    }
}
