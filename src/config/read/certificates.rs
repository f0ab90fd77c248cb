//! PEM files: certificates, keys, and whether they belong together.

use std::path::{Path, PathBuf};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::super::reader::{Field, Map};
use super::files::read_small;

/// A chain with at least one certificate.
pub(super) fn chain(path: &Path, field: &Field<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let bytes = read_small(path, field)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) => {
            let hint = match bytes.windows(11).any(|window| window == b"PRIVATE KEY") {
                true => "this is a private key: name the certificate file here",
                false => "name a PEM file with `-----BEGIN CERTIFICATE-----` in it",
            };
            field.error(format!("no certificate in {}", path.display()), hint);
            None
        }
        Err(error) => {
            field.error(
                format!("{} is not good PEM: {error}", path.display()),
                "name a PEM file, base64 between its markers",
            );
            None
        }
    }
}

/// A private key.
pub(super) fn key(path: &Path, field: &Field<'_>) -> Option<PrivateKeyDer<'static>> {
    let bytes = read_small(path, field)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Some(key),
        Err(_) => {
            let encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
            let mend = match encrypted {
                true => "decrypt it first: `openssl pkey -in FILE -out PLAIN`",
                false => "name a PEM file with an unencrypted `-----BEGIN PRIVATE KEY-----`",
            };
            field.error(format!("no private key in {}", path.display()), mend);
            None
        }
    }
}

/// The files behind `certificate` and `key`, which belong together.
pub(super) fn pair(map: &Map<'_>) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (map.path("certificate"), map.path("key"));
    let chain = certificate.as_ref().and_then(|(path, field)| chain(path, field));
    let private = key.as_ref().and_then(|(path, field)| self::key(path, field));
    let ((certificate, _), (key, key_field)) = (certificate?, key?);
    if let (Some(chain), Some(private)) = (chain, private) {
        check_pair(chain, private, &key_field);
    }
    Some((certificate, key))
}

/// Complains, at the key, when it is not the certificate's.
pub(super) fn check_pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    key_field: &Field<'_>,
) {
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(_) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            key_field.error(
                "the key does not belong to the certificate",
                "name the key the certificate was made with",
            );
        }
        Err(error) => {
            let problem = format!("certificate and key cannot be used: {error}");
            key_field.error(
                problem,
                "use an RSA, ECDSA (P-256, P-384) or Ed25519 key and an X.509 v3 certificate",
            );
        }
    }
}
