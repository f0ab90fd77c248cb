//! What is known inside one pair of parentheses.

use std::borrow::Cow;

use crate::sql::lexer::TokenKind;

/// Where a list of tables is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// No list of tables here.
    None,
    /// A table must come next.
    Expects,
    /// In a list, after a table.
    After,
}

/// Where a `WITH` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// None, or its queries are behind.
    None,
    /// A name must come next.
    Name,
    /// After the name.
    Query,
}

/// The name of a common table expression.
#[derive(Debug)]
pub(super) struct Cte<'a> {
    name: Cow<'a, str>,
    /// Its query is behind; before that it is only known to itself, when recursive.
    done: bool,
    recursive: bool,
}

#[derive(Debug)]
pub(super) struct Level<'a> {
    pub(super) from: From,
    /// A query may begin here.
    pub(super) start: bool,
    /// The next word may be an alias.
    pub(super) alias: bool,
    /// Inside a call such as `EXTRACT(YEAR FROM x)`, whose `FROM` names no table.
    pub(super) from_is_operator: bool,
    /// The arguments of a function in the place of a table.
    pub(super) table_function: bool,
    pub(super) with: With,
    pub(super) recursive: bool,
    /// Tables named here are written.
    pub(super) writes: bool,
    /// In a `DELETE`, where `USING` begins a list of tables.
    pub(super) delete: bool,
    /// In a `MERGE`, likewise.
    pub(super) merge: bool,
    /// In an `UPDATE` or `INSERT`, where `SET` is a clause.
    pub(super) sets: bool,
    ctes: Vec<Cte<'a>>,
}

impl<'a> Level<'a> {
    /// Where a query may begin.
    pub(super) fn query() -> Self {
        Self {
            from: From::None,
            start: true,
            alias: false,
            from_is_operator: false,
            table_function: false,
            with: With::None,
            recursive: false,
            writes: false,
            delete: false,
            merge: false,
            sets: false,
            ctes: Vec::new(),
        }
    }

    /// Inside parentheses that are no call.
    pub(super) fn inner(outer: Option<&Level<'a>>) -> Self {
        let mut level = Self::query();
        if let Some(outer) = outer
            && outer.from == From::Expects
        {
            level.from = From::Expects;
            level.writes = outer.writes;
        }
        level
    }

    /// Inside the parentheses of a call.
    pub(super) fn call(from_is_operator: bool) -> Self {
        let mut level = Self::query();
        level.from_is_operator = from_is_operator;
        level
    }

    pub(super) fn add_cte(&mut self, name: Cow<'a, str>) {
        let recursive = self.recursive;
        self.ctes.push(Cte {
            name,
            done: false,
            recursive,
        });
        self.with = With::Query;
    }

    /// At a comma: the next name of a `WITH`.
    pub(super) fn next_cte(&mut self) {
        if self.with == With::Query {
            self.all_done();
            self.with = With::Name;
        }
    }

    /// At what may be the statement after a `WITH`; `before` is the token before it.
    pub(super) fn finish_ctes(&mut self, before: TokenKind) {
        if self.with == With::Query && before == TokenKind::Symbol(b')') {
            self.all_done();
            self.with = With::None;
            self.start = true;
        }
    }

    fn all_done(&mut self) {
        for cte in &mut self.ctes {
            cte.done = true;
        }
    }

    /// `name` means a common table expression of this level.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.ctes
            .iter()
            .any(|cte| cte.name == name && (cte.done || cte.recursive))
    }
}
