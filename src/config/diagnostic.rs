//! What `popgate check` says: where something stands in the file, what is wrong, and the mend.

use std::fmt;
use std::path::PathBuf;

/// One finding in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Column, from 1; 0 when the whole line is meant.
    pub column: usize,
    /// Key path such as `sites[0].cache.ttl`; empty for the top.
    pub key: String,
    /// What is wrong: lower case, no full stop.
    pub problem: String,
    /// What to write instead; empty when the problem says it all.
    pub mend: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        write!(f, ": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.problem)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}
