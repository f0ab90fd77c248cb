//! The Prometheus text format, read back.

use std::collections::BTreeMap;

/// Samples of one scrape.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
    /// The scrape as it came.
    pub text: String,
}

impl Metrics {
    /// Parses the text exposition format.
    pub fn parse(text: &str) -> Self {
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                (
                    name.to_owned(),
                    parse_labels(labels.trim_end_matches('}')),
                    value.parse().unwrap(),
                )
            })
            .collect();
        Self {
            samples,
            text: text.to_owned(),
        }
    }

    /// Sum over all samples of `name` that carry these labels; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.samples
            .iter()
            .filter(|(have, with, _)| {
                have == name
                    && labels
                        .iter()
                        .all(|(key, value)| with.get(*key).is_some_and(|is| is == value))
            })
            .map(|(_, _, value)| value)
            .sum()
    }

    /// Whether any sample has this name (histograms by their `_count`).
    pub fn has(&self, name: &str) -> bool {
        self.samples
            .iter()
            .any(|(have, _, _)| have == name || *have == format!("{name}_count"))
    }

    /// Every label set of a metric.
    pub fn labels(&self, name: &str) -> Vec<&BTreeMap<String, String>> {
        self.samples
            .iter()
            .filter(|(have, _, _)| have == name)
            .map(|(_, labels, _)| labels)
            .collect()
    }
}

fn parse_labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some(end) = after.find('"') else { break };
        labels.insert(name.trim_start_matches(',').to_owned(), after[..end].to_owned());
        rest = &after[end + 1..];
    }
    labels
}
