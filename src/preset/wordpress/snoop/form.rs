//! Parameters of queries and forms, as far as a bounded piece of a body shows them.

use std::borrow::Cow;

use super::super::text::decode;

/// Parameters in the order they came, names without their `[…]`.
#[derive(Debug, Default)]
pub(super) struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Most parameters read.
const FIELDS_MAX: usize = 2000;

impl<'a> Form<'a> {
    /// Of a query or an urlencoded body.
    pub(super) fn of_query(text: &'a str) -> Self {
        Self(
            text.split('&')
                .filter(|pair| !pair.is_empty())
                .take(FIELDS_MAX)
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (bare(decode(name, true)), decode(value, true))
                })
                .collect(),
        )
    }

    /// Of a body in either of the two ways that browsers send forms.
    pub(super) fn of_body(body: &'a [u8]) -> Self {
        if body.starts_with(b"--") {
            return Self::of_multipart(body);
        }
        match std::str::from_utf8(body) {
            Ok(text) => Self::of_query(text),
            // Cut within a character: what came before it is good.
            Err(error) => std::str::from_utf8(&body[..error.valid_up_to()])
                .map(Self::of_query)
                .unwrap_or_default(),
        }
    }

    /// Short fields of multipart/form-data; files are passed over.
    fn of_multipart(body: &'a [u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let mut fields = Vec::new();
        for part in text.split("form-data; name=\"").skip(1).take(FIELDS_MAX) {
            let Some((name, rest)) = part.split_once('"') else {
                continue;
            };
            let value = rest
                .strip_prefix("\r\n\r\n")
                .and_then(|rest| rest.split("\r\n").next());
            if let Some(value) = value {
                fields.push((bare(Cow::Owned(name.to_owned())), Cow::Owned(value.to_owned())));
            }
        }
        Self(fields)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_ref())
    }

    /// The numbers under any of these names, lists (`1,2`) taken apart; each once.
    pub(super) fn ids(&self, names: &[&str]) -> Vec<u64> {
        let mut ids = Vec::new();
        for (name, value) in &self.0 {
            if !names.contains(&name.as_ref()) {
                continue;
            }
            for id in value.split(',').filter_map(|id| id.trim().parse().ok()) {
                if id > 0 && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        ids
    }
}

fn bare(name: Cow<'_, str>) -> Cow<'_, str> {
    match name.find('[') {
        Some(at) => Cow::Owned(name[..at].to_owned()),
        None => name,
    }
}
