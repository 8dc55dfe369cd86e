//! Spans of time as the command line names them.

use std::ops::RangeInclusive;
use std::time::Duration;

use sluice_server::Pings;

/// A number and its unit, `ms` or `s`, between pings.
///
/// # Errors
/// It is none, or out of [`Pings::INTERVALS`].
pub(super) fn ping_interval(text: &str) -> Result<Duration, String> {
    within(text, &Pings::INTERVALS)
}

/// A number and its unit, `ms` or `s`, from a ping to the end.
///
/// # Errors
/// It is none, or out of [`Pings::TIMEOUTS`].
pub(super) fn ping_timeout(text: &str) -> Result<Duration, String> {
    within(text, &Pings::TIMEOUTS)
}

fn within(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let told = match text.strip_suffix("ms") {
        Some(number) => number.parse().ok().map(Duration::from_millis),
        None => text.strip_suffix('s').and_then(|number| number.parse().ok()).map(Duration::from_secs),
    };
    told.filter(|span| range.contains(span)).ok_or_else(|| {
        format!("give a time from {:?} to {:?}, such as 1500ms or 20s", range.start(), range.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_unit_and_lies_within_its_range() {
        assert_eq!(ping_interval("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(ping_timeout("1500ms"), Ok(Duration::from_millis(1_500)));
        for wrong in ["", "s", "20", "-1s", "1.5s", "99ms", "601s", "99999999999999999999s"] {
            let error = ping_interval(wrong).expect_err("out of range or no span");
            assert!(error.contains("from 100ms to 600s"), "{error}");
        }
    }
}
