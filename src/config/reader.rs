//! Reading the tree: typed getters that note what is wrong and go on.
//!
//! A getter always returns something (the default, or `None`) and puts its complaint on one list, so
//! a file with ten mistakes is told about all ten. Defaults and bounds come from the key's row in
//! `keys`; a getter that asks for an undeclared key fails the tests, as does a row nobody reads.

mod field;
mod map;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(crate) use field::Field;
pub(crate) use map::{Map, choice};

use super::diagnostic::Diagnostic;
use super::env::Env;
use super::yaml::Position;

/// Most complaints about one file; a hostile one would else answer with megabytes.
const ERRORS_MAX: usize = 100;

/// A table's name and a key of it.
type KeyName = (&'static str, &'static str);

/// One file being read.
pub(crate) struct Reader<'a> {
    file: PathBuf,
    base: PathBuf,
    env: &'a Env,
    errors: RefCell<Vec<Diagnostic>>,
    more_errors: RefCell<usize>,
    warnings: RefCell<Vec<Diagnostic>>,
    read: RefCell<BTreeSet<KeyName>>,
    written: RefCell<BTreeSet<KeyName>>,
}

/// What came of it.
pub(crate) struct Findings {
    /// Errors in file order.
    pub(crate) errors: Vec<Diagnostic>,
    /// Warnings in file order.
    pub(crate) warnings: Vec<Diagnostic>,
    /// Keys that were asked for.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests compare it with the declared keys")
    )]
    pub(crate) read: BTreeSet<KeyName>,
    /// Keys that the file has.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests compare it with the declared keys")
    )]
    pub(crate) written: BTreeSet<KeyName>,
}

impl<'a> Reader<'a> {
    /// A reader of `file`; relative paths in it start at its folder.
    pub(crate) fn new(file: &Path, env: &'a Env) -> Self {
        Reader {
            file: file.to_owned(),
            base: file.parent().map(Path::to_owned).unwrap_or_default(),
            env,
            errors: RefCell::default(),
            more_errors: RefCell::default(),
            warnings: RefCell::default(),
            read: RefCell::default(),
            written: RefCell::default(),
        }
    }

    /// The surroundings.
    pub(crate) fn env(&self) -> &'a Env {
        self.env
    }

    /// The folder relative paths start at.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// Notes an error.
    pub(crate) fn error(&self, at: Position, key: &str, problem: impl Into<String>, mend: impl Into<String>) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < ERRORS_MAX {
            errors.push(self.diagnostic(at, key, problem.into(), mend.into()));
        } else {
            *self.more_errors.borrow_mut() += 1;
        }
    }

    /// Notes something that is accepted, but worth a word.
    pub(crate) fn warn(&self, at: Position, key: &str, problem: impl Into<String>, mend: impl Into<String>) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < ERRORS_MAX {
            warnings.push(self.diagnostic(at, key, problem.into(), mend.into()));
        }
    }

    fn diagnostic(&self, at: Position, key: &str, problem: String, mend: String) -> Diagnostic {
        Diagnostic {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            key: key.to_owned(),
            problem,
            mend,
        }
    }

    /// Everything noted, in file order.
    pub(crate) fn finish(self) -> Findings {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| (error.line, error.column));
        let more = self.more_errors.into_inner();
        if more > 0 {
            errors.push(Diagnostic {
                file: self.file,
                line: 0,
                column: 0,
                key: String::new(),
                problem: format!("{more} more errors"),
                mend: "mend these first".to_owned(),
            });
        }
        let mut warnings = self.warnings.into_inner();
        warnings.sort_by_key(|warning| (warning.line, warning.column));
        Findings {
            errors,
            warnings,
            read: self.read.into_inner(),
            written: self.written.into_inner(),
        }
    }
}

/// `path.key`, or `key` at the top.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
