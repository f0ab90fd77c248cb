//! popgate's filters: small, named, configured in YAML, free of Pingora.
