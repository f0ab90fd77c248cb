//! `strip_query`: drops parameters that do not change the page and brings the rest into one order, so that
//! one page is one object. Cache key and origin see the same query.

use std::borrow::Cow;

use serde_json::Value;

use crate::context::{FilterContext, RequestParts};
use crate::filter::{Filter, Flow, Point, Points};
use crate::options::{Kind, OptionDoc, OptionError, Options};
use crate::registry::FilterDoc;

const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "ignore",
        kind: Kind::Texts,
        default: "[]",
        doc: "Parameter names to drop; a `*` at the end stands for any rest, as in utm_*.",
    },
    OptionDoc {
        name: "sort",
        kind: Kind::Flag,
        default: "true",
        doc: "Sort parameters by name; those of one name, a[] and a[b] included, keep their order.",
    },
];

/// Registry entry.
pub const DOC: FilterDoc = FilterDoc {
    name: "strip_query",
    doc: "Drops ignored query parameters and sorts the rest, for cache key and origin alike.",
    options: OPTIONS,
    example: "strip_query: { ignore: [\"utm_*\", fbclid] }",
    build,
};

/// Parameter names, exact or by prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored {
    exact: Vec<Vec<u8>>,
    prefixes: Vec<Vec<u8>>,
}

impl Ignored {
    /// Reads names; one that ends in `*` is a prefix.
    ///
    /// # Errors
    /// The first name that is empty or has a `*` elsewhere.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, &'n str> {
        let mut ignored = Self::default();
        for name in names {
            let (list, text) = match name.strip_suffix('*') {
                Some(prefix) => (&mut ignored.prefixes, prefix),
                None => (&mut ignored.exact, name),
            };
            if text.is_empty() || text.contains('*') {
                return Err(name);
            }
            list.push(text.as_bytes().to_vec());
        }
        Ok(ignored)
    }

    fn has(&self, name: &[u8]) -> bool {
        self.exact.iter().any(|exact| exact == name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// The query without ignored and empty parameters, sorted when asked; `None` when nothing is left. Parameters
/// keep their bytes.
#[must_use]
pub fn rewrite<'q>(query: &'q str, ignored: &Ignored, sort: bool) -> Option<Cow<'q, str>> {
    let mut kept: Vec<(Cow<'_, [u8]>, &str)> = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = decoded_name(parameter);
        if !ignored.has(&name) {
            kept.push((name, parameter));
        }
    }
    if sort {
        kept.sort_by(|one, two| family(&one.0).cmp(family(&two.0)));
    }
    if kept.is_empty() {
        return None;
    }
    let mut rest = String::with_capacity(query.len());
    for (_, parameter) in kept {
        if !rest.is_empty() {
            rest.push('&');
        }
        rest.push_str(parameter);
    }
    Some(if rest == query {
        Cow::Borrowed(query)
    } else {
        Cow::Owned(rest)
    })
}

/// A parameter's name with percent-encoding undone, as the application will read it.
fn decoded_name(parameter: &str) -> Cow<'_, [u8]> {
    let name = parameter.split('=').next().unwrap_or_default().as_bytes();
    if !name.contains(&b'%') && !name.contains(&b'+') {
        return Cow::Borrowed(name);
    }
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            (b'+', _) => decoded.push(b' '),
            (other, _) => decoded.push(other),
        }
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// The variable a parameter belongs to: `a[]` and `a[b]` are both `a`, and their order means something.
fn family(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|byte| *byte == b'[').unwrap_or(name.len());
    &name[..end]
}

#[derive(Debug)]
struct StripQuery {
    ignored: Ignored,
    sort: bool,
}

fn build(options: &Value) -> Result<Box<dyn Filter>, Vec<OptionError>> {
    let mut options = Options::new(options, OPTIONS);
    let sort = options.flag("sort", true);
    let ignored = Ignored::new(options.texts("ignore")).unwrap_or_else(|wrong| {
        options.error(
            "ignore",
            format!("`{wrong}` is not a parameter name"),
            "write a name, or its beginning and one `*` at the end".to_owned(),
        );
        Ignored::default()
    });
    options.finish(Box::new(StripQuery { ignored, sort }) as Box<dyn Filter>)
}

impl Filter for StripQuery {
    fn name(&self) -> &'static str {
        DOC.name
    }

    fn points(&self) -> Points {
        Point::Request.into()
    }

    fn hits_want_geo(&self) -> bool {
        false
    }

    fn request(&self, _cx: &FilterContext<'_>, parts: &mut RequestParts<'_>) -> Flow {
        parts.query = match parts.query.take() {
            None => None,
            Some(Cow::Borrowed(query)) => rewrite(query, &self.ignored, self.sort),
            Some(Cow::Owned(query)) => {
                rewrite(&query, &self.ignored, self.sort).map(|rest| Cow::Owned(rest.into_owned()))
            }
        };
        Flow::Continue
    }
}

#[cfg(test)]
mod tests;
