//! Every key a configuration file may have: type, default and meaning, said once.
//!
//! The reader takes defaults and bounds from here, and the unknown-key errors, the JSON Schema and
//! the reference in `docs/configuration.md` are made from the same rows. A key is added by adding a
//! row and reading it; tests see to it that no row goes unread and no undeclared key is read.

mod cache;
mod databases;
mod geo;
mod origin;
mod root;
mod server;
mod site;
mod wordpress;

pub use cache::{CACHE, CACHE_REDIS, KV, KV_REDIS};
pub use databases::{
    DATABASE, DATABASE_LIMITS, DATABASE_LISTEN, DATABASE_LISTEN_TLS, DATABASE_POOL, DATABASE_SERVER,
    DATABASE_TLS, DATABASE_USER,
};
pub use geo::{GEO, NETWORK};
pub use origin::{EJECT, HEALTH, ORIGIN, ORIGIN_TIMEOUTS, ORIGIN_TLS};
pub use root::ROOT;
pub use server::{ADMIN, CERTIFICATE, LIMITS, LISTEN, LISTEN_TLS, LOG, SHUTDOWN, TIMEOUTS};
pub use site::{REFRESH_AFTER_PURGE, SITE, SITE_CACHE, SITE_PURGE};
pub use wordpress::{WORDPRESS, WORDPRESS_TTL};

/// A mapping and the keys it may have.
#[derive(Debug)]
pub struct Table {
    /// Where it stands in a file, for people: `sites[].cache`.
    pub name: &'static str,
    /// What it is about, one sentence.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What counts when it is absent.
    pub default: Absent,
    /// What it is for, one or two sentences, Markdown.
    pub doc: &'static str,
}

/// What counts when a key is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The key must be there.
    Required,
    /// Nothing: the feature is off, or the mapping's own defaults count.
    Nothing,
    /// This value, as it would be written.
    Value(&'static str),
    /// It depends on something else; told in words.
    Told(&'static str),
}

/// What a key holds.
#[derive(Debug)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A decimal number within these bounds.
    Decimal {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A duration: `300ms`, `5m`, `1d`.
    Duration {
        /// Zero is allowed.
        zero: bool,
    },
    /// A size: `64KiB`, `1GiB`, within these bounds in bytes.
    Size {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Address and port: `127.0.0.1:80`, `[::1]:80`.
    Socket,
    /// A file or folder, relative to the configuration file's folder.
    Path,
    /// A network: `10.0.0.0/8`; a single address stands for itself.
    Cidr,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A host: `blog.example`, `*.blog.example`, `*`.
    HostPattern,
    /// A URL path that starts with `/`.
    UrlPath,
    /// A server of an origin: `10.0.0.1:80`, `web.internal:8080`, `unix:/run/web.sock`.
    Server,
    /// HTTP statuses: `200` or `200-399`.
    Statuses,
    /// A Redis URL.
    RedisUrl,
    /// The name of an origin.
    OriginName,
    /// A filter: its name, or a mapping from its name to its options.
    Filter,
    /// This word alone.
    Word(&'static str),
    /// A list.
    List(&'static Kind),
    /// A mapping with declared keys.
    Map(&'static Table),
    /// A mapping from names the operator chooses to mappings with declared keys.
    Named {
        /// What the names are, for people.
        names: &'static str,
        /// The mapping behind each name.
        table: &'static Table,
    },
    /// Any of these.
    Either(&'static [Kind]),
}

impl Table {
    /// The row of a key.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The declared key most like `name`, when one is like it at all.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        super::nearest::nearest(name, self.keys.iter().map(|key| key.name))
    }
}

/// Every table, in the order the reference shows them.
pub static TABLES: &[&Table] = &[
    &ROOT,
    &LISTEN,
    &LISTEN_TLS,
    &CERTIFICATE,
    &ADMIN,
    &GEO,
    &NETWORK,
    &CACHE,
    &CACHE_REDIS,
    &KV,
    &KV_REDIS,
    &ORIGIN,
    &ORIGIN_TIMEOUTS,
    &HEALTH,
    &EJECT,
    &ORIGIN_TLS,
    &SITE,
    &SITE_PURGE,
    &SITE_CACHE,
    &REFRESH_AFTER_PURGE,
    &WORDPRESS,
    &WORDPRESS_TTL,
    &DATABASE,
    &DATABASE_LISTEN,
    &DATABASE_LISTEN_TLS,
    &DATABASE_SERVER,
    &DATABASE_TLS,
    &DATABASE_USER,
    &DATABASE_POOL,
    &DATABASE_LIMITS,
    &LIMITS,
    &TIMEOUTS,
    &SHUTDOWN,
    &LOG,
];

const fn key(name: &'static str, kind: Kind, default: Absent, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        doc,
    }
}

const PEM_CHAIN: Key = key(
    "certificate",
    Kind::Path,
    Absent::Required,
    "PEM file with the chain, leaf first.",
);
const PEM_KEY: Key = key(
    "key",
    Kind::Path,
    Absent::Required,
    "PEM file with the private key of the leaf.",
);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const TIB: u64 = 1024 * GIB;

const fn size(min: u64, max: u64) -> Kind {
    Kind::Size { min, max }
}

const fn integer(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

/// A duration that must be above zero.
const DURATION: Kind = Kind::Duration { zero: false };
/// A duration that may be zero.
const DURATION_OR_ZERO: Kind = Kind::Duration { zero: true };

#[cfg(test)]
mod tests;
