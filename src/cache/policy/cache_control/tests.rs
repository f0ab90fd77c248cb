//! Rules of this module, one test each.
