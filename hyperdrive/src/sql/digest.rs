//! Text without literals, for logs.

use super::lexer::{Lexer, TokenKind};
use super::{Dialect, Options};

/// `text` with every literal replaced by `?`, comments removed and blanks folded; about `max` bytes at most.
/// What cannot be lexed is left out, so that no part of a literal is ever shown. In MySQL `"x"` counts as a
/// literal whatever `sql_mode` says.
#[must_use]
pub fn digest(dialect: Dialect, text: &[u8], options: &Options, max: usize) -> String {
    let mut lexer = Lexer::new(dialect, text, options);
    let mut digest = String::with_capacity(text.len().min(max).min(1024));
    let mut literals = 0_usize;
    loop {
        let token = lexer.token();
        let bytes = &text[token.start..token.end];
        let literal = match token.kind {
            TokenKind::End => return digest,
            TokenKind::Broken => {
                digest.push('…');
                return digest;
            }
            TokenKind::Text | TokenKind::Number | TokenKind::Parameter => true,
            TokenKind::Name => dialect == Dialect::MySql && bytes.first() == Some(&b'"'),
            _ => false,
        };
        if digest.len() + bytes.len().min(64) > max {
            digest.push('…');
            return digest;
        }
        // of `?, ?, ?` the second and later ones say nothing
        if literal {
            literals += 1;
            if literals > 1 && digest.ends_with(',') {
                digest.truncate(digest.trim_end_matches(',').len());
                if !digest.ends_with('…') {
                    digest.push_str(", …");
                }
                continue;
            }
        } else if token.kind != TokenKind::Symbol(b',') {
            literals = 0;
        }
        let tight = matches!(token.kind, TokenKind::Symbol(b',' | b')'));
        if (token.spaced || literals > 1) && !digest.is_empty() && !tight && !digest.ends_with('(') {
            digest.push(' ');
        }
        if literal {
            digest.push('?');
        } else {
            digest.push_str(&String::from_utf8_lossy(bytes));
        }
    }
}
