//! Certificates of the TLS listeners, picked by SNI and replaced while running.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use crate::config::ListenTls;

/// Why certificates cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is unreadable or holds no PEM of the kind asked for.
    #[error("{file}: {problem}", file = .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// rustls refuses the set-up.
    #[error("tls set-up failed: {0}")]
    Setup(#[from] rustls::Error),
}

/// Certificates of one listener by name.
#[derive(Debug, Default)]
pub struct Loaded {
    exact: HashMap<String, Arc<CertifiedKey>>,
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
}

impl Loaded {
    /// Reads the files of a listener.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn read(tls: &ListenTls) -> Result<Self, TlsError> {
        let mut names = Self::default();
        for files in &tls.certificates {
            let key = Arc::new(certified_key(&files.certificate, &files.key)?);
            for name in names_of(&files.certificate, &key)? {
                match name.strip_prefix("*.") {
                    Some(parent) => names
                        .wildcard
                        .entry(parent.to_owned())
                        .or_insert_with(|| Arc::clone(&key)),
                    None => names.exact.entry(name).or_insert_with(|| Arc::clone(&key)),
                };
            }
            names.first.get_or_insert(key);
        }
        Ok(names)
    }

    /// Exact name, then one-label wildcard, then the first certificate (RFC 6066 3 leaves the last to the server).
    fn pick(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let parent = || {
                name.split_once('.')
                    .and_then(|(_, parent)| self.wildcard.get(parent))
            };
            self.exact.get(&name).or_else(parent).cloned()
        });
        named.or_else(|| self.first.clone())
    }
}

/// The certificates of one listener in use.
#[derive(Default)]
pub struct Certificates(ArcSwap<Loaded>);

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({} names)", self.0.load().exact.len())
    }
}

impl Certificates {
    /// Uses `loaded` for new handshakes.
    pub fn replace(&self, loaded: Loaded) {
        self.0.store(Arc::new(loaded));
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().pick(hello.server_name())
    }
}

/// The rustls set-up of a listener: TLS 1.2 and 1.3, tickets, and ALPN with `protocols` where there are any.
///
/// # Errors
/// When the crypto provider cannot be set up.
pub fn server_config(
    certificates: Arc<Certificates>,
    protocols: &[&[u8]],
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(4096);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// ALPN's names for what an HTTP listener speaks.
#[must_use]
pub fn http(h2: bool) -> &'static [&'static [u8]] {
    if h2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] }
}

fn certified_key(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let fail = |file: &Path, problem: String| TlsError::File {
        file: file.to_owned(),
        problem,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| fail(certificate, format!("cannot read the certificate chain: {error}")))?;
    if chain.is_empty() {
        return Err(fail(certificate, "holds no PEM certificate".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| fail(key, format!("cannot read the private key: {error}")))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, private, &provider)
        .map_err(|error| fail(key, format!("does not fit {}: {error}", certificate.display())))
}

/// DNS names of the leaf certificate, lower case.
fn names_of(file: &Path, key: &CertifiedKey) -> Result<Vec<String>, TlsError> {
    let fail = |problem: String| TlsError::File {
        file: file.to_owned(),
        problem,
    };
    let leaf = key.end_entity_cert()?;
    let parsed = webpki::EndEntityCert::try_from(leaf)
        .map_err(|error| fail(format!("is not a usable certificate: {error:?}")))?;
    Ok(parsed.valid_dns_names().map(str::to_ascii_lowercase).collect())
}
