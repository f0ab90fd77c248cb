//! Configuration: YAML to validated types, or diagnostics that name the line and the mend.
//!
//! The way of a file: [`find`] says which, [`load`] reads it, `yaml` makes a tree with places,
//! `read` asks it for every key that `keys` declares, and what comes out is a [`Config`] that cannot
//! hold a wrong value, or every complaint at once. [`schema`] and [`reference`](mod@reference) are made from the same
//! declarations, [`explain`] tells what a configuration means.

pub mod diagnostic;
mod env;
mod explain;
pub mod keys;
mod load;
pub mod model;
mod nearest;
mod read;
mod reader;
mod redis_url;
pub mod reference;
pub mod schema;
mod value;
pub mod yaml;

pub use diagnostic::Diagnostic;
pub use env::Env;
pub use explain::explain;
pub use load::{find, load, parse};
pub use model::*;

#[cfg(test)]
mod tests;
