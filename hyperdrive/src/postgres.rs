//! PostgreSQL: framing, authentication, session and relay.
