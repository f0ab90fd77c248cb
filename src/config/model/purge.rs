//! Who may purge a site, and how.

use std::path::PathBuf;

use ipnet::IpNet;

/// How long a popgate without a `cache.redis` section would be trusted; it has nobody to hear of.
pub const BLIND_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// Who may purge a site by request, and in which protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitePurge {
    /// Peers that may send `PURGE`, `BAN` and `GET /purge/…` without a token; default loopback only.
    pub from: Vec<IpNet>,
    /// Where the tokens were read from.
    pub token_file: Option<PathBuf>,
    /// Tokens that may purge; each at least 16 bytes.
    pub tokens: Tokens,
    /// What is understood.
    pub protocols: Vec<PurgeProtocol>,
    /// Hosts whose requests are purge API calls and nothing else: lower case, no port.
    pub api_hosts: Vec<String>,
    /// Purges that do not say whether they are hard are.
    pub hard: bool,
}

impl SitePurge {
    /// Whether a protocol is understood.
    #[must_use]
    pub fn speaks(&self, protocol: PurgeProtocol) -> bool {
        self.protocols.contains(&protocol)
    }
}

/// Secrets; never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens(pub Vec<String>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// A way to ask for a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PurgeProtocol {
    /// `PURGE`, as varnish-http-purge, W3 Total Cache and WP Rocket send it.
    Purge,
    /// `BAN`, `REFRESH`, `FLUSH`.
    Ban,
    /// Tells origins that tags are understood (`Surrogate-Capability`), so that varnish-http-purge sends them.
    VarnishTags,
    /// `GET /purge/…` and `PURGE /purgeall`.
    NginxHelper,
    /// `PURGE /` without `X-Purge-Method` means the whole host.
    Cloudpanel,
    /// `X-LSCACHE` to the origin, `X-LiteSpeed-…` from it.
    Litespeed,
    /// Fastly's API, on `api_hosts`.
    Fastly,
    /// Cloudflare's API, on `api_hosts`.
    Cloudflare,
}

impl PurgeProtocol {
    /// All, with their names in the configuration.
    pub const ALL: [(&'static str, Self); 8] = [
        ("purge", Self::Purge),
        ("ban", Self::Ban),
        ("varnish_tags", Self::VarnishTags),
        ("nginx_helper", Self::NginxHelper),
        ("cloudpanel", Self::Cloudpanel),
        ("litespeed", Self::Litespeed),
        ("fastly", Self::Fastly),
        ("cloudflare", Self::Cloudflare),
    ];

    /// Its name in configuration and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, protocol)| *protocol == self)
            .map_or("", |(name, _)| name)
    }
}
