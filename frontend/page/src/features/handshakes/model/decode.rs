//! JSON of the server, read into the server's own types.

use core::fmt;

use sluice_shared::handshake::HandshakeReport;

/// A response that is not what this page expects: usually the server has another version than the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    reason: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server's report cannot be read ({}). It probably has another version than this page: reload the page",
            self.reason
        )
    }
}

/// Reads a report. Unknown fields are ignored.
///
/// # Errors
/// The text is no JSON, or a field is missing or has another type.
pub fn decode_report(text: &str) -> Result<HandshakeReport, DecodeError> {
    serde_json::from_str(text).map_err(|error| DecodeError { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sluice_shared::handshake::{
        ClockKind, EarlyData, Fact, HandshakeRequest, Hostile, Probe, ProbeReport, Replay, ReplayGuard,
        Stack, Stop,
    };

    use super::*;
    use crate::features::handshakes::model::samples::{probe, report};

    fn full_report() -> HandshakeReport {
        let stopped = ProbeReport {
            secure: None,
            first_byte: None,
            is_as_expected: None,
            early: EarlyData { offered: 5, accepted: 4, rejected: 1 },
            stops: vec![Stop { at: "no answer to the SYN".into(), runs: 5, after_micros: 7_000_000 }],
            ..probe(Probe::Http2EarlyPost)
        };
        let text = |text: &str| text.to_owned();
        HandshakeReport {
            request: HandshakeRequest {
                seed: Some(u64::MAX),
                rate_kbit: Some(256.0),
                blackout_ms: Some(12.5),
                clock: ClockKind::Real,
                probes: vec![Probe::Wss],
                ..HandshakeRequest::default()
            },
            replays: vec![Replay {
                stack: Stack::Quic,
                guard: ReplayGuard::SingleUse,
                replays: 5,
                effects: 5,
                accepted: 0,
                too_early: 5,
            }],
            hostile: Some(Hostile { garbage: 20, ..Hostile::default() }),
            facts: vec![Fact {
                name: text("loss"),
                title: text("<loss>"),
                tcp: text("a"),
                quic: text("b"),
                standard: text("RFC 9000"),
            }],
            ..report(vec![probe(Probe::Http3Cold), stopped])
        }
    }

    fn json(report: &HandshakeReport) -> Value {
        serde_json::to_value(report).expect("a report is JSON")
    }

    #[test]
    fn a_report_survives_its_json_to_the_last_digit() {
        let report = full_report();
        let text = serde_json::to_string(&report).expect("a report is JSON");
        assert_eq!(decode_report(&text), Ok(report));
    }

    #[test]
    fn fields_of_a_newer_server_are_ignored_at_every_level() {
        let report = full_report();
        let mut json = json(&report);
        for parent in ["", "/request", "/probes/0", "/probes/0/secure", "/replays/0", "/hostile", "/facts/0"]
        {
            json.pointer_mut(parent).expect("it exists")["a_new_field"] = Value::from(1);
        }
        assert_eq!(decode_report(&json.to_string()), Ok(report));
    }

    #[test]
    fn a_missing_field_is_an_error_that_names_it() {
        for (parent, field) in
            [("", "id"), ("/request", "rtt_ms"), ("/probes/0", "bytes_up"), ("/facts/0", "quic")]
        {
            let mut json = json(&full_report());
            let object = json.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
            assert!(object.remove(field).is_some());
            let error = decode_report(&json.to_string()).expect_err("incomplete").to_string();
            assert!(error.contains(field) && error.contains("reload the page"), "{error}");
        }
    }

    #[test]
    fn text_that_is_no_json_is_an_error() {
        assert!(decode_report("<html>").is_err());
    }
}
