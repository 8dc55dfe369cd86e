//! JSON exchanged with the server: the request of a run, and its report. Used by the handshake state. Absent
//! optional fields and unknown fields are accepted.

use sluice_browser::api::{self, AskError};
use sluice_browser::json::JsonWriter;
use sluice_shared::handshake::{ClockKind, HandshakeReport, HandshakeRequest};

/// Serialises a request as the server expects it.
pub fn encode_request(request: &HandshakeRequest) -> String {
    let mut json = JsonWriter::default();
    json.object(|json| {
        json.name("rtt_ms").real(request.rtt_ms);
        json.name("loss_percent").real(request.loss_percent);
        if let Some(rate) = request.rate_kbit {
            json.name("rate_kbit").real(rate);
        }
        json.name("runs").number(request.runs.into());
        if let Some(seed) = request.seed {
            json.name("seed").number(seed);
        }
        json.name("probes").list(&request.probes, |json, probe| json.text(probe.name()));
        json.name("early_data_bytes").number(request.early_data_bytes.into());
        json.name("zero_rtt_bytes").number(request.zero_rtt_bytes.into());
        if let Some(blackout) = request.blackout_ms {
            json.name("blackout_ms").real(blackout);
        }
        json.name("clock").text(match request.clock {
            ClockKind::Virtual => "virtual",
            ClockKind::Real => "real",
        });
        json.name("with_facts").flag(request.with_facts);
    });
    json.finish()
}

/// Parses a report. Unknown fields are ignored.
///
/// # Errors
/// Fails if the text is not JSON, or a field is missing or has another type.
pub fn decode_report(text: &str) -> Result<HandshakeReport, AskError> {
    api::decode(text, "report of the handshakes")
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
        let full = full_report();
        // Absent optional fields are not written at all.
        let least = HandshakeReport { request: HandshakeRequest::default(), hostile: None, ..full.clone() };
        for report in [full, least] {
            let text = serde_json::to_string(&report).expect("a report is JSON");
            assert_eq!(decode_report(&text), Ok(report));
        }
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
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn the_server_reads_every_request_as_it_was_meant() {
        let requests = [
            HandshakeRequest::default(),
            full_report().request,
            HandshakeRequest {
                rtt_ms: 0.1,
                loss_percent: 33.3,
                probes: Probe::ALL.to_vec(),
                with_facts: true,
                ..HandshakeRequest::default()
            },
        ];
        for request in requests {
            let read: HandshakeRequest = serde_json::from_str(&encode_request(&request)).expect("readable");
            assert_eq!(read, request);
        }
    }

    #[test]
    fn text_that_is_no_json_is_an_error() {
        assert!(decode_report("<html>").is_err());
    }
}
