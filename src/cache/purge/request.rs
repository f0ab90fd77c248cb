//! What a purge names, and what came of it.

use crate::cache::key::KeyHash;

/// One thing a purge names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All entries.
    Everything,
    /// All entries of a host (lower case, no port); `*.blog.example` is every host below that one.
    Host(Box<str>),
    /// All entries of a host whose path starts with these characters.
    Prefix {
        /// Host, as in [`Scope::Host`].
        host: Box<str>,
        /// Start of the path, with the leading slash.
        path: Box<str>,
    },
    /// One path of a host whatever the query, with and without a slash at its end.
    Path {
        /// Host, as in [`Scope::Host`].
        host: Box<str>,
        /// The path, with the leading slash.
        path: Box<str>,
    },
    /// All entries of a host whose path and query match a regular expression.
    Pattern {
        /// Host, as in [`Scope::Host`].
        host: Box<str>,
        /// The expression, see [`super::Pattern`].
        pattern: Box<str>,
    },
    /// One URL with all its variants.
    Url {
        /// Key without variants.
        base: KeyHash,
        /// Host of that key.
        host: Box<str>,
    },
    /// All entries that carry a tag, whatever their host.
    Tag(Box<str>),
    /// All entries of a host that carry a tag.
    HostTag {
        /// Host, as in [`Scope::Host`].
        host: Box<str>,
        /// The tag.
        tag: Box<str>,
    },
}

/// A URL to purge: its key and the host in that key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeUrl {
    /// Key without variants.
    pub base: KeyHash,
    /// Host in the key: lower case, no port.
    pub host: Box<str>,
}

/// A path prefix to purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgePrefix {
    /// Host: lower case, no port.
    pub host: Box<str>,
    /// Start of the path, compared character by character.
    pub path: Box<str>,
}

/// A tag of one host to purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeHostTag {
    /// Host, as in [`Scope::Host`].
    pub host: Box<str>,
    /// The tag.
    pub tag: Box<str>,
}

/// A regular expression over path and query to purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgePattern {
    /// Host, as in [`Scope::Host`].
    pub host: Box<str>,
    /// The expression, see [`super::Pattern`].
    pub pattern: Box<str>,
}

/// One purge; anything it names is purged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurgeRequest {
    /// URLs.
    pub urls: Vec<PurgeUrl>,
    /// Tags, on every host.
    pub tags: Vec<Box<str>>,
    /// Tags, each on one host.
    pub host_tags: Vec<PurgeHostTag>,
    /// Hosts: lower case, no port.
    pub hosts: Vec<Box<str>>,
    /// Path prefixes.
    pub prefixes: Vec<PurgePrefix>,
    /// Paths whatever the query, with and without a slash at their end.
    pub paths: Vec<PurgePrefix>,
    /// Regular expressions.
    pub patterns: Vec<PurgePattern>,
    /// All entries.
    pub everything: bool,
    /// Delete instead of marking stale.
    pub hard: bool,
}

impl PurgeRequest {
    /// A soft purge of everything.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    /// The same, hard.
    #[must_use]
    pub fn hard(mut self) -> Self {
        self.hard = true;
        self
    }

    /// Whether there is nothing to purge.
    #[must_use]
    pub fn names_nothing(&self) -> bool {
        self.scopes().is_empty()
    }

    /// All it names.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        let mut scopes = Vec::new();
        if self.everything {
            scopes.push(Scope::Everything);
        }
        scopes.extend(self.hosts.iter().cloned().map(Scope::Host));
        scopes.extend(self.prefixes.iter().map(|prefix| Scope::Prefix {
            host: prefix.host.clone(),
            path: prefix.path.clone(),
        }));
        scopes.extend(self.paths.iter().map(|place| Scope::Path {
            host: place.host.clone(),
            path: place.path.clone(),
        }));
        scopes.extend(self.patterns.iter().map(|place| Scope::Pattern {
            host: place.host.clone(),
            pattern: place.pattern.clone(),
        }));
        scopes.extend(self.tags.iter().cloned().map(Scope::Tag));
        scopes.extend(self.host_tags.iter().map(|tag| Scope::HostTag {
            host: tag.host.clone(),
            tag: tag.tag.clone(),
        }));
        scopes.extend(self.urls.iter().map(|url| Scope::Url {
            base: url.base,
            host: url.host.clone(),
        }));
        scopes
    }

    /// The widest kind it names; `None` when it names nothing.
    #[must_use]
    pub fn kind(&self) -> Option<PurgeKind> {
        if self.everything {
            Some(PurgeKind::Everything)
        } else if !self.hosts.is_empty() {
            Some(PurgeKind::Host)
        } else if !self.prefixes.is_empty() {
            Some(PurgeKind::Prefix)
        } else if !self.patterns.is_empty() {
            Some(PurgeKind::Regex)
        } else if !self.tags.is_empty() || !self.host_tags.is_empty() {
            Some(PurgeKind::Tag)
        } else if !self.urls.is_empty() || !self.paths.is_empty() {
            Some(PurgeKind::Url)
        } else {
            None
        }
    }
}

/// What kind of thing a purge names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeKind {
    /// URLs and paths.
    Url,
    /// Tags.
    Tag,
    /// Regular expressions.
    Regex,
    /// Path prefixes.
    Prefix,
    /// Hosts.
    Host,
    /// All entries.
    Everything,
}

impl PurgeKind {
    /// The name in metrics and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Tag => "tag",
            Self::Regex => "regex",
            Self::Prefix => "prefix",
            Self::Host => "host",
            Self::Everything => "everything",
        }
    }
}

impl Scope {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> PurgeKind {
        match self {
            Self::Everything => PurgeKind::Everything,
            Self::Host(_) => PurgeKind::Host,
            Self::Prefix { .. } => PurgeKind::Prefix,
            Self::Pattern { .. } => PurgeKind::Regex,
            Self::Url { .. } | Self::Path { .. } => PurgeKind::Url,
            Self::Tag(_) | Self::HostTag { .. } => PurgeKind::Tag,
        }
    }
}

/// Whether a purge is in Redis, where the other popgates find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// It is.
    Reached,
    /// There is no Redis.
    NotConfigured,
    /// Not yet: it is announced when Redis is back.
    Unreachable,
}

/// What came of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeReport {
    /// The widest kind it named; `None`: it named nothing.
    pub kind: Option<PurgeKind>,
    /// Applied in this popgate.
    pub local: bool,
    /// Announced to the others.
    pub redis: Reached,
    /// Its name in the log; `None`: it named nothing.
    pub id: Option<super::PurgeId>,
}
