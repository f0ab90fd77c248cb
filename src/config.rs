//! Configuration: YAML to validated types, or diagnostics that name the line and the mend.

pub mod diagnostic;
pub mod model;

pub use diagnostic::Diagnostic;
pub use model::*;
