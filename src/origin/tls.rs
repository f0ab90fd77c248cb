//! TLS towards origins.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::BuildError;
use crate::config::Origin as Settings;

/// What is needed to speak TLS to an origin.
#[derive(Debug, Clone)]
pub struct OriginTlsConfig {
    /// For connections of our own (health checks); ALPN is set.
    pub client: Arc<ClientConfig>,
    /// Certificates of the configured CA file; `None`: the public roots.
    pub ca: Option<Arc<[CertificateDer<'static>]>>,
    /// Name sent and verified; `None`: the request's host.
    pub sni: Option<String>,
    /// Whether certificates are verified.
    pub verify: bool,
}

impl OriginTlsConfig {
    /// TLS of `settings`; `None` when the origin speaks plain text.
    ///
    /// # Errors
    /// When the CA file cannot be read or holds no certificate.
    pub fn of(settings: &Settings) -> Result<Option<Self>, BuildError> {
        let Some(tls) = &settings.tls else { return Ok(None) };
        let ca = tls
            .ca
            .as_ref()
            .map(|path| read_ca(&settings.name, path))
            .transpose()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let failed = |source| BuildError::Tls {
            origin: settings.name.clone(),
            source,
        };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let mut client = if tls.verify {
            builder
                .with_root_certificates(roots(ca.as_deref()).map_err(failed)?)
                .with_no_client_auth()
        } else {
            let verifier = Arc::new(NoVerification(provider));
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_no_client_auth()
        };
        client.alpn_protocols = if settings.http2 {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        } else {
            vec![b"http/1.1".to_vec()]
        };
        Ok(Some(Self {
            client: Arc::new(client),
            ca,
            sni: tls.sni.clone(),
            verify: tls.verify,
        }))
    }
}

fn read_ca(origin: &str, path: &PathBuf) -> Result<Arc<[CertificateDer<'static>]>, BuildError> {
    let failed = |reason: String| BuildError::Ca {
        origin: origin.to_owned(),
        path: path.clone(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() {
        return Err(failed("no certificate in it".to_owned()));
    }
    Ok(certificates.into())
}

fn roots(ca: Option<&[CertificateDer<'static>]>) -> Result<RootCertStore, rustls::Error> {
    let mut store = RootCertStore::empty();
    match ca {
        Some(certificates) => {
            for certificate in certificates {
                store.add(certificate.clone())?;
            }
        }
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(store)
}

/// The name to send and verify, from a host with or without a port.
///
/// # Errors
/// [`std::io::ErrorKind::InvalidInput`] when it is neither a DNS name nor an address.
pub fn server_name(host: &str) -> std::io::Result<ServerName<'static>> {
    let bare = host.parse::<std::net::SocketAddr>().map_or_else(
        |_| match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() && !name.contains(':') => name.to_owned(),
            _ => host.trim_matches(['[', ']']).to_owned(),
        },
        |address| address.ip().to_string(),
    );
    ServerName::try_from(bare).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
}

/// `verify: false`, which warns at start: any certificate will do, but signatures are still checked.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_lose_their_port_and_brackets() {
        for (host, name) in [
            ("blog.example:443", "blog.example"),
            ("blog.example", "blog.example"),
            ("10.0.0.1:443", "10.0.0.1"),
            ("[::1]:443", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(server_name(host).unwrap().to_str(), name);
        }
        assert!(server_name("not a name").is_err());
    }
}
