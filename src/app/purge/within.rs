//! What a purge request asks of one site, turned into keys that lie within it.

use super::{PurgeError, url_key};
use crate::app::{Live, SiteRuntime};
use crate::cache::key::normal_percent;
use crate::cache::purge::{PurgeHostTag, PurgePattern, PurgePrefix, PurgeRequest};
use crate::config::{HostPattern, Preset, Site};
use crate::proxy::normalise::host_of;
use crate::purging::{Ask, Target};

/// The keys that `ask` means. `asked` is the host that the request was sent to, `None` for an API's.
///
/// # Errors
/// When it names a host of another site; nothing is to be purged then.
pub fn resolve(
    live: &Live,
    site: &SiteRuntime,
    asked: Option<&str>,
    ask: &Ask,
) -> Result<PurgeRequest, PurgeError> {
    let mut place = Place {
        live,
        site: &site.config,
        asked,
        request: PurgeRequest {
            hard: ask.hard.unwrap_or(site.config.purge.hard),
            ..PurgeRequest::default()
        },
    };
    for target in &ask.targets {
        place.add(target)?;
    }
    Ok(place.request)
}

/// The hosts of a site as the purge log knows them. `*` stands for the host that was asked; `None`: there is
/// no such host, so that it stands for all.
#[must_use]
pub fn hosts_of(site: &Site, asked: Option<&str>) -> Option<Vec<Box<str>>> {
    site.hosts
        .iter()
        .map(|pattern| match pattern {
            HostPattern::Exact(host) => Some(host.as_str().into()),
            HostPattern::Wildcard(parent) => Some(format!("*.{parent}").into()),
            HostPattern::Any => asked.map(Into::into),
        })
        .collect()
}

/// Adds a tag on these hosts, on all without.
pub fn add_tag(request: &mut PurgeRequest, hosts: Option<&[Box<str>]>, tag: &str) {
    match hosts {
        None => request.tags.push(tag.into()),
        Some(hosts) => request.host_tags.extend(hosts.iter().map(|host| PurgeHostTag {
            host: host.clone(),
            tag: tag.into(),
        })),
    }
}

/// Whether a host is one of a site's.
#[must_use]
pub fn has_host(site: &Site, host: &str) -> bool {
    site.hosts.iter().any(|pattern| match pattern {
        HostPattern::Exact(exact) => exact == host,
        HostPattern::Wildcard(parent) => host
            .strip_suffix(parent.as_str())
            .is_some_and(|rest| rest.ends_with('.')),
        HostPattern::Any => true,
    })
}

struct Place<'a> {
    live: &'a Live,
    site: &'a Site,
    asked: Option<&'a str>,
    request: PurgeRequest,
}

impl Place<'_> {
    fn add(&mut self, target: &Target) -> Result<(), PurgeError> {
        match target {
            Target::Tag(tag) => {
                let hosts = hosts_of(self.site, self.asked);
                add_tag(&mut self.request, hosts.as_deref(), tag);
            }
            Target::Site => match hosts_of(self.site, self.asked) {
                None => self.request.everything = true,
                Some(hosts) => hosts.into_iter().for_each(|host| self.add_host(host)),
            },
            Target::Host(host) => {
                for host in self.hosts(host.as_deref())? {
                    self.add_host(host);
                }
            }
            Target::Path { host, path } => {
                for host in self.hosts(host.as_deref())? {
                    self.add_path(host, path);
                }
            }
            Target::Prefix { host, path } => {
                for host in self.hosts(host.as_deref())? {
                    self.add_prefix(host, path);
                }
            }
            Target::Url { host, target } => {
                for host in self.hosts(host.as_deref())? {
                    self.request.urls.extend(url_key(self.live, &host, target));
                }
            }
            Target::Regex { host, pattern } => {
                for host in self.hosts(host.as_deref())? {
                    self.add_pattern(host, pattern);
                }
            }
        }
        Ok(())
    }

    /// The hosts a target is about: the one it names, which must be the site's, else the one that was asked,
    /// else all of the site's.
    fn hosts(&self, named: Option<&str>) -> Result<Vec<Box<str>>, PurgeError> {
        let Some(named) = named else {
            return Ok(match self.asked {
                Some(asked) => vec![asked.into()],
                None => hosts_of(self.site, None).unwrap_or_default(),
            });
        };
        match host_of(named.trim()) {
            Some(host) if has_host(self.site, &host) => Ok(vec![host.into()]),
            _ => Err(PurgeError::OtherSite(named.to_owned())),
        }
    }

    /// The part of a host that is the site's.
    fn add_host(&mut self, host: Box<str>) {
        if self.site.path == "/" {
            self.request.hosts.push(host);
        } else {
            let path = self.site.path.as_str().into();
            self.request.prefixes.push(PurgePrefix { host, path });
        }
    }

    /// A page. WordPress plugins name the first page of an archive only, so the following go with it.
    fn add_path(&mut self, host: Box<str>, path: &str) {
        let path = normal_percent(path);
        if self.site.preset == Preset::Wordpress {
            self.request.prefixes.push(PurgePrefix {
                host: host.clone(),
                path: format!("{}/page/", path.trim_end_matches('/')).into(),
            });
        }
        self.request.paths.push(PurgePrefix {
            host,
            path: path.into(),
        });
    }

    fn add_prefix(&mut self, host: Box<str>, path: &str) {
        let path = path.split('?').next().unwrap_or("/");
        let path = normal_percent(path);
        // What lies above the site is not its own.
        let path = if self.site.path.starts_with(&*path) && self.site.path != "/" {
            self.site.path.as_str().into()
        } else {
            path.into()
        };
        self.request.prefixes.push(PurgePrefix { host, path });
    }

    fn add_pattern(&mut self, host: Box<str>, pattern: &str) {
        if self.site.path != "/" {
            // It could match what is not the site's.
            return self.add_host(host);
        }
        self.request.patterns.push(PurgePattern {
            host,
            pattern: pattern.into(),
        });
    }
}
