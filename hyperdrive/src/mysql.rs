//! MySQL and MariaDB: framing, authentication, session and relay.
