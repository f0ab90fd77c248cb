//! An explanation for people.

use std::fmt::{self, Display, Formatter};

use super::report::{Entry, Explanation, Filter, Key, Purge, Request, Visitor};

/// Width of the first column.
const NAMES: usize = 11;

fn row(f: &mut Formatter<'_>, name: &str, text: impl Display) -> fmt::Result {
    writeln!(f, "{name:<NAMES$}{text}")
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.url)?;
        let reason = self.verdict.reason.map(|reason| format!(" [{reason}]"));
        writeln!(
            f,
            "{}{}: {}\n",
            self.verdict.answer.as_str(),
            reason.unwrap_or_default(),
            self.verdict.text
        )?;
        if let Some(site) = &self.site {
            let matched = format!("{} matched {} {}", site.name, site.host, site.path);
            row(f, "site", format_args!("{matched}, preset {}", site.preset))?;
        }
        if let Some(visitor) = &self.visitor {
            row(f, "visitor", visitor)?;
        }
        if !self.filters.is_empty() {
            let filters: Vec<String> = self.filters.iter().map(ToString::to_string).collect();
            row(f, "filters", filters.join(", "))?;
        }
        if let Some(request) = &self.request {
            row(f, "request", request)?;
        }
        if let Some(key) = &self.key {
            key.rows(f)?;
        }
        self.stored_rows(f)?;
        self.origin_rows(f)
    }
}

impl Explanation {
    fn stored_rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(stored) = &self.stored {
            let memory = match (stored.memory, stored.superseded) {
                (true, true) => "yes (superseded by another popgate: redis is looked at first)",
                (true, false) => "yes",
                (false, _) => "no",
            };
            row(
                f,
                "stored",
                format_args!("memory {memory}, redis {}", stored.redis),
            )?;
            if let Some(entry) = &stored.entry {
                entry.rows(f)?;
            }
        }
        for purge in &self.purges {
            let before = match self.stored.as_ref().and_then(|stored| stored.entry.as_ref()) {
                Some(_) => "",
                None => "; hits what was stored before",
            };
            let mode = if purge.hard { "hard" } else { "soft" };
            row(
                f,
                "purged",
                format_args!("{purge}, {mode}, {} s ago ({}){before}", purge.ago, purge.at),
            )?;
        }
        if let Some(refusal) = &self.not_stored {
            let status = refusal.status.map(|status| format!(", status {status}"));
            row(
                f,
                "not stored",
                format_args!(
                    "last time: {}{}, {} s ago ({})",
                    refusal.reason,
                    status.unwrap_or_default(),
                    refusal.ago,
                    refusal.at
                ),
            )?;
        }
        Ok(())
    }

    fn origin_rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(origin) = &self.origin else {
            return Ok(());
        };
        row(
            f,
            "origin",
            format_args!(
                "{}: at most {} connections, {} requests waiting",
                origin.name, origin.connections_max, origin.queue
            ),
        )?;
        for server in &origin.servers {
            row(
                f,
                "",
                format_args!(
                    "{} {}, {} requests, {} of {} connections",
                    server.name, server.standing, server.requests, server.connections, server.connections_max
                ),
            )?;
        }
        if origin.servers.is_empty() {
            row(f, "", "no server: names are not resolved")?;
        }
        Ok(())
    }
}

impl Display for Purge {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.scope)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if let Some(host) = &self.host {
            write!(f, " of {host}")?;
        }
        match &self.id {
            Some(id) => write!(f, ", id {id}"),
            None => Ok(()),
        }
    }
}

impl Display for Visitor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let trusted = if self.peer_trusted {
            "trusted"
        } else {
            "not trusted"
        };
        write!(
            f,
            "{} over {}, peer {} {trusted}",
            self.ip, self.scheme, self.peer
        )?;
        if let Some(country) = &self.country {
            write!(f, ", country {country}")?;
        }
        if let Some(city) = &self.city {
            write!(f, ", {city}")?;
        }
        match self.asn {
            Some(asn) => write!(f, ", AS{asn}"),
            None => Ok(()),
        }
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.points.join(", "))?;
        if self.answered {
            f.write_str(" answered")?;
        }
        Ok(())
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(reason) = self.reason {
            return write!(f, "passed: {reason}");
        }
        f.write_str("looked up")?;
        if let Some(class) = &self.class {
            write!(f, ", taken for {class}")?;
        }
        if let Some(ttl) = self.ttl_max {
            write!(f, ", fresh for at most {ttl} s")?;
        }
        if !self.cookies_forwarded {
            f.write_str(", cookies not forwarded")?;
        }
        if !self.directives.is_empty() {
            write!(f, ", client asks {}", self.directives.join(", "))?;
        }
        if !self.may_fill {
            f.write_str(", the answer to a miss is not stored (HEAD, range or condition)")?;
        }
        Ok(())
    }
}

impl Key {
    fn rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_deref().unwrap_or("any scheme");
        let query = self.query.as_ref().map(|query| format!("?{query}"));
        let query = query.as_deref().unwrap_or("");
        row(
            f,
            "key",
            format_args!("{scheme} {} {}{query}", self.host, self.path),
        )?;
        if let Some(sent) = &self.query_sent {
            row(f, "", format_args!("query as sent: {sent}"))?;
        }
        for (name, value) in &self.extras {
            row(f, "", format_args!("and {name} = {value}"))?;
        }
        row(f, "", format_args!("base {}, root {}", self.base, self.root))?;
        for (name, value) in &self.variant {
            let value = value.as_deref().unwrap_or("(absent)");
            row(f, "", format_args!("variant by {name} = {value}"))?;
        }
        if !self.variant.is_empty() {
            row(f, "", format_args!("slot {}", self.slot))?;
        }
        Ok(())
    }
}

impl Entry {
    fn rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let gone = if self.gone {
            ", out of service (hard purge)"
        } else if self.for_others {
            ", for requests without a cookie that this one has"
        } else {
            ""
        };
        row(
            f,
            "",
            format_args!(
                "status {}, {} bytes ({} in memory), stored {}, seq {}{gone}",
                self.status, self.bytes, self.weight, self.stored_at, self.seq
            ),
        )?;
        let fresh = if self.ttl >= 0 {
            format!("fresh for {} s more", self.ttl)
        } else {
            format!("stale for {} s", -self.ttl)
        };
        let down = if self.serves_when_origin_is_gone {
            "served when the origin is gone"
        } else {
            "not served when the origin is gone"
        };
        row(
            f,
            "",
            format_args!(
                "age {} s, {fresh}, stale-while-revalidate {} s, stale-if-error {} s, {down}",
                self.age, self.stale_while_revalidate, self.stale_if_error
            ),
        )?;
        for (name, value) in [
            ("etag", &self.etag),
            ("last-modified", &self.last_modified),
            ("cache-control", &self.cache_control),
        ] {
            if let Some(value) = value {
                row(f, "", format_args!("{name}: {value}"))?;
            }
        }
        if !self.tags.is_empty() {
            row(f, "", format_args!("tags: {}", self.tags.join(" ")))?;
        }
        Ok(())
    }
}
