//! The admin bearer token: read from a file, compared in constant time.

use std::io;
use std::path::Path;

use http::HeaderValue;

use crate::config::model::ADMIN_TOKEN_BYTES_MIN;

/// A bearer token; never printed.
pub struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the token from the first line of a file.
    ///
    /// # Errors
    /// When the file cannot be read or its token is shorter than 16 bytes.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let token = text.lines().next().unwrap_or_default().trim();
        if token.len() < ADMIN_TOKEN_BYTES_MIN {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "the token in {} is shorter than {ADMIN_TOKEN_BYTES_MIN} bytes",
                    path.display()
                ),
            ));
        }
        Ok(Self(token.as_bytes().to_vec()))
    }

    /// Whether an Authorization header carries this token.
    #[must_use]
    pub fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        authorization
            .map(HeaderValue::as_bytes)
            .and_then(|value| {
                let (scheme, token) = value.split_at_checked(7)?;
                scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
            })
            .is_some_and(|token| same(token, &self.0))
    }
}

/// Compares without telling by its time how many bytes agree.
pub(crate) fn same(given: &[u8], wanted: &[u8]) -> bool {
    let mut difference = u8::from(given.len() != wanted.len());
    for (at, byte) in wanted.iter().enumerate() {
        difference |= byte ^ given.get(at).copied().unwrap_or_default();
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_admitted() {
        let token = Token(b"0123456789abcdef".to_vec());
        let admits = |text: &str| token.admits(Some(&HeaderValue::from_str(text).unwrap()));
        assert!(admits("Bearer 0123456789abcdef"));
        assert!(admits("bearer 0123456789abcdef"));
        for wrong in [
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdefg",
            "Basic 0123456789abcdef",
            "Bearer",
            "",
        ] {
            assert!(!admits(wrong), "{wrong}");
        }
        assert!(!token.admits(None));
    }

    #[test]
    fn short_tokens_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "short\n").unwrap();
        assert!(
            Token::read(file.path())
                .unwrap_err()
                .to_string()
                .contains("shorter")
        );
    }
}
