//! The built-in filters, one file each.

pub mod allow_methods;
pub mod geo_headers;
pub mod headers;
pub mod key_by;
pub mod redirect_https;
pub mod respond;
pub mod strip_query;

#[cfg(test)]
pub(crate) mod fixture;
