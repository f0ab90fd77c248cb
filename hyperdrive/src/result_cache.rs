//! The cache of query results, invalidated by writes.
