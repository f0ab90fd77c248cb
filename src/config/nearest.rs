//! The word somebody meant.

/// The candidate most like `word`, when one is like it at all.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // A hostile file may hold megabytes in one word; distances are quadratic.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| {
            let plain = candidate.to_ascii_lowercase().replace('-', "_");
            let within =
                word.len() >= 4 && plain.len() >= 4 && (plain.contains(&word) || word.contains(&plain));
            let likeness = strsim::jaro_winkler(&word, &plain);
            (if within { likeness.max(0.9) } else { likeness }, candidate)
        })
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `did you mean …`, or the list of what is allowed.
pub(crate) fn did_you_mean(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("use one of {}", listed(candidates)),
    }
}

/// `a`, `b` or `c`, in backticks.
pub(crate) fn listed(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_strangers_are_not() {
        let keys = ["connections_max", "queue_max", "timeouts"];
        assert_eq!(nearest("max_connections", keys), Some("connections_max"));
        assert_eq!(nearest("connection_max", keys), Some("connections_max"));
        assert_eq!(nearest("connections-max", keys), Some("connections_max"));
        assert_eq!(nearest("Timeout", keys), Some("timeouts"));
        assert_eq!(nearest("conn_timeouts", keys), Some("timeouts"));
        assert_eq!(nearest("zebra", keys), None);
        assert_eq!(nearest(&"t".repeat(1000), keys), None);
    }
}
