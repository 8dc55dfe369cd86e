//! What `/metrics` says.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::deadline::must;
use crate::http;

/// One reading of all metrics: each series, as written with its labels, with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    series: BTreeMap<String, f64>,
}

impl Metrics {
    /// Asks the server at `http`.
    ///
    /// # Panics
    /// It does not answer with metrics.
    pub async fn of(http: SocketAddr) -> Self {
        let answer = must("asking for metrics", http::get(http, "/metrics", &[]).await);
        assert_eq!(answer.status, 200, "/metrics: {}", answer.text());
        must("reading metrics", Self::parse(&answer.text()))
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Returns the first line that is none of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut series = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let parsed = line.rsplit_once(' ').and_then(|(name, value)| Some((name, value.parse().ok()?)));
            let (name, value) = parsed.ok_or_else(|| line.to_owned())?;
            if series.insert(name.to_owned(), value).is_some() {
                return Err(format!("twice: {name}"));
            }
        }
        Ok(Self { series })
    }

    /// The sum of all series of `name` whose labels contain each of `labels` (`mode="websocket"`).
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let matches = |series: &str| {
            let (base, rest) = series.split_once('{').unwrap_or((series, ""));
            base == name && labels.iter().all(|label| rest.contains(label))
        };
        self.series.iter().filter(|(series, _)| matches(series)).map(|(_, value)| value).sum()
    }

    /// All series.
    pub const fn series(&self) -> &BTreeMap<String, f64> {
        &self.series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_their_labels() {
        let text = "# HELP a b\na{x=\"1\",y=\"1\"} 2\na{x=\"1\",y=\"2\"} 3\na{x=\"2\"} 4\nab 5\n# EOF\n";
        let metrics = Metrics::parse(text).expect("text form");
        assert_eq!(metrics.sum("a", &["x=\"1\""]), 5.0);
        assert_eq!(metrics.sum("a", &[]), 9.0);
        assert_eq!(metrics.sum("ab", &[]), 5.0);
        assert!(Metrics::parse("what is this").is_err());
    }
}
