//! Structured field dictionaries (RFC 9651 3.2), as far as cache directives need them.
//!
//! The whole grammar is checked, because one syntax error anywhere voids the field (RFC 9651 4.2); only
//! the values that a directive can have are kept.

/// Most members of a dictionary; one with more is treated like one that does not parse.
pub const MEMBERS_MAX: usize = 128;

/// Value of a dictionary member, without its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// At most 15 digits.
    Integer(i64),
    /// A boolean; `true` when the member has no value.
    Boolean(bool),
    /// A string, unescaped.
    String(String),
    /// A token.
    Token(String),
    /// Well-formed, but of a type that no cache directive takes: decimal, byte sequence, date, display
    /// string, inner list.
    Other,
}

/// A dictionary in order of first appearance; the last of equal keys wins (RFC 9651 4.2.2).
/// `None`: a syntax error.
#[must_use]
pub fn dictionary(input: &[u8]) -> Option<Vec<(String, Value)>> {
    let mut parser = Parser { input, at: 0 };
    let mut members: Vec<(String, Value)> = Vec::new();
    parser.skip(b" ");
    while !parser.is_done() {
        let key = parser.key()?;
        let value = if parser.eat(b'=') {
            parser.item_or_inner_list()?
        } else {
            Value::Boolean(true)
        };
        parser.parameters()?;
        match members.iter().position(|(known, _)| *known == key) {
            Some(at) => members[at].1 = value,
            None if members.len() == MEMBERS_MAX => return None,
            None => members.push((key, value)),
        }
        parser.skip(b" \t");
        if parser.is_done() {
            break;
        }
        if !parser.eat(b',') {
            return None;
        }
        parser.skip(b" \t");
        if parser.is_done() {
            return None;
        }
    }
    Some(members)
}

struct Parser<'a> {
    input: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn is_done(&self) -> bool {
        self.at >= self.input.len()
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn skip(&mut self, set: &[u8]) {
        self.take_while(|byte| set.contains(&byte));
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &[u8] {
        let from = self.at;
        while self.peek().is_some_and(&keep) {
            self.at += 1;
        }
        &self.input[from..self.at]
    }

    fn text(&mut self, keep: impl Fn(u8) -> bool) -> String {
        self.take_while(keep)
            .iter()
            .map(|byte| char::from(*byte))
            .collect()
    }

    fn key(&mut self) -> Option<String> {
        match self.peek()? {
            b'a'..=b'z' | b'*' => {
                Some(self.text(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
            }
            _ => None,
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.skip(b" ");
            self.key()?;
            if self.eat(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn item_or_inner_list(&mut self) -> Option<Value> {
        if !self.eat(b'(') {
            return self.bare_item();
        }
        loop {
            self.skip(b" ");
            if self.eat(b')') {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    fn bare_item(&mut self) -> Option<Value> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => Some(Value::Token(
                self.text(|byte| is_token(byte) || matches!(byte, b':' | b'/')),
            )),
            b':' => self.byte_sequence(),
            b'?' => self.boolean(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let negative = self.eat(b'-');
        let whole = self.text(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        if self.eat(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit()).len();
            return (whole.len() <= 12 && (1..=3).contains(&fraction)).then_some(Value::Other);
        }
        let value: i64 = whole.parse().ok()?;
        Some(Value::Integer(if negative { -value } else { value }))
    }

    fn string(&mut self) -> Option<Value> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump()? {
                b'"' => return Some(Value::String(text)),
                b'\\' => match self.bump()? {
                    escaped @ (b'"' | b'\\') => text.push(char::from(escaped)),
                    _ => return None,
                },
                byte @ 0x20..=0x7e => text.push(char::from(byte)),
                _ => return None,
            }
        }
    }

    fn boolean(&mut self) -> Option<Value> {
        self.bump();
        match self.bump()? {
            b'0' => Some(Value::Boolean(false)),
            b'1' => Some(Value::Boolean(true)),
            _ => None,
        }
    }

    fn byte_sequence(&mut self) -> Option<Value> {
        self.bump();
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.eat(b':').then_some(Value::Other)
    }

    fn date(&mut self) -> Option<Value> {
        self.bump();
        match self.number()? {
            Value::Integer(_) => Some(Value::Other),
            _ => None,
        }
    }

    fn display_string(&mut self) -> Option<Value> {
        self.bump();
        if !self.eat(b'"') {
            return None;
        }
        let mut bytes = Vec::new();
        loop {
            match self.bump()? {
                b'"' => break,
                b'%' => bytes.push(self.lower_hex()? << 4 | self.lower_hex()?),
                byte @ 0x20..=0x7e => bytes.push(byte),
                _ => return None,
            }
        }
        std::str::from_utf8(&bytes).ok().map(|_| Value::Other)
    }

    fn lower_hex(&mut self) -> Option<u8> {
        match self.bump()? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            letter @ b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        }
    }
}

/// `tchar` of RFC 9110 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(input: &str) -> Option<Vec<String>> {
        Some(
            dictionary(input.as_bytes())?
                .into_iter()
                .map(|(key, _)| key)
                .collect(),
        )
    }

    #[test]
    fn rfc9651_3_2_members_and_types() {
        let found = dictionary(
            br#"a=1, b=?0,	c;x=1;y, d="q\"", e=t/k, f=1.5, g=(1 "2");p, h=:aGk=:, i=@5, j=%"f%c3%bc", k=-7"#,
        )
        .unwrap();
        let get = |key: &str| found.iter().find(|(known, _)| known == key).unwrap().1.clone();
        assert_eq!(get("a"), Value::Integer(1));
        assert_eq!(get("b"), Value::Boolean(false));
        assert_eq!(get("c"), Value::Boolean(true));
        assert_eq!(get("d"), Value::String("q\"".into()));
        assert_eq!(get("e"), Value::Token("t/k".into()));
        assert_eq!(get("k"), Value::Integer(-7));
        for other in ["f", "g", "h", "i", "j"] {
            assert_eq!(get(other), Value::Other, "{other}");
        }
    }

    #[test]
    fn rfc9651_4_2_2_last_of_equal_keys_wins_in_first_place() {
        assert_eq!(
            dictionary(b"a=1, b, a=2"),
            Some(vec![
                ("a".into(), Value::Integer(2)),
                ("b".into(), Value::Boolean(true))
            ])
        );
    }

    #[test]
    fn rfc9651_4_2_syntax_errors_void_the_field() {
        for bad in [
            "a=",
            "a,",
            "a,,b",
            ",a",
            "A=1",
            "a =1",
            "a= 1",
            "a=1 b",
            "a=1.",
            "a=1.2345",
            "a=1234567890123456",
            "a='1'",
            "a=\"x",
            "a=\"\\x\"",
            "a=?2",
            "a=(1",
            "a=(1\"2\")",
            "a=:*:",
            "a=@1.0",
            "a=%\"%FF\"",
            "a=%\"%ff\"",
            "a;=1",
            "1a",
            "\ta",
            "a=--1",
        ] {
            assert_eq!(keys(bad), None, "{bad}");
        }
        assert_eq!(dictionary(b"a=\"\xff\""), None);
        assert_eq!(keys(""), Some(vec![]));
        assert_eq!(keys("  a "), Some(vec!["a".into()]));
    }

    #[test]
    fn a_dictionary_is_bounded() {
        let field = |members: usize| {
            let members: Vec<String> = (0..members).map(|number| format!("k{number}")).collect();
            members.join(",")
        };
        assert!(keys(&field(MEMBERS_MAX)).is_some());
        assert!(keys(&field(MEMBERS_MAX + 1)).is_none());
    }

    proptest! {
        #[test]
        fn never_panics(input in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = dictionary(&input);
        }

        #[test]
        fn integers_survive(key in "[a-z][a-z0-9_.-]{0,8}", value in -999_999_999_999_999_i64..=999_999_999_999_999) {
            let field = format!("{key}={value}");
            prop_assert_eq!(dictionary(field.as_bytes()), Some(vec![(key, Value::Integer(value))]));
        }
    }
}
