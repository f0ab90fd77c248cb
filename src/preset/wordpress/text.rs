//! Reading names the way PHP reads them, so that no spelling slips past a rule.

use std::borrow::Cow;

/// Percent-decodes once; `plus` also turns `+` into a space, as in queries. Bytes that are no UTF-8 are
/// replaced: such a text can match no rule that lets it through.
pub(super) fn decode(text: &str, plus: bool) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || (plus && byte == b'+')) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex_pair(bytes, at + 1)) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// The byte that two hex digits at `at` stand for.
pub(super) fn hex_pair(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok()
}

/// The variable a decoded parameter or cookie name becomes in PHP, without its `[…]` part and in lower
/// case: leading spaces go, a NUL ends it, and spaces and dots turn into `_`.
pub(super) fn php_name(name: &str) -> Cow<'_, str> {
    let name = name.trim_start_matches(' ');
    let name = name.split('\0').next().unwrap_or_default();
    // An opening bracket that is never closed is no array: PHP turns it into `_`.
    let name = match name.find('[') {
        Some(at) if name[at..].contains(']') => &name[..at],
        _ => name,
    };
    if name
        .bytes()
        .all(|byte| !matches!(byte, b' ' | b'.' | b'[') && !byte.is_ascii_uppercase())
    {
        return Cow::Borrowed(name);
    }
    Cow::Owned(
        name.chars()
            .map(|c| match c {
                ' ' | '.' | '[' => '_',
                other => other.to_ascii_lowercase(),
            })
            .collect(),
    )
}
