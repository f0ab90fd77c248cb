//! The pool of origin connections, free of any protocol.
