//! What somebody has set, as the request that the server reads.

use sluice_text::decimal::parsed;
use sluice_text::decimal::short;

/// A setting that is a number: its field, its name in the request, and what people call it. An empty field leaves the
/// choice to the server.
pub(crate) const NUMBERS: [(&str, &str, &str); 8] = [
    ("rtt", "rtt_ms", "RTT"),
    ("loss", "loss_percent", "Loss"),
    ("rate", "rate_kbit", "Rate"),
    ("runs", "runs", "Runs"),
    ("seed", "seed", "Seed"),
    ("early-data", "early_data_bytes", "max_early_data_size"),
    ("zero-rtt", "zero_rtt_bytes", "initial_max_data"),
    ("blackout", "blackout_ms", "Blackout"),
];

/// The request's JSON; `value` tells what stands in a field. Ranges are the server's to check, which names them.
///
/// # Errors
/// A sentence that names the field which holds no number.
pub(crate) fn request_json(value: impl Fn(&str) -> String) -> Result<String, String> {
    let mut json = "{\"with_facts\":true,\"clock\":\"".to_owned();
    json += if value("clock") == "real" { "real\"" } else { "virtual\"" };
    for (field, name, title) in NUMBERS {
        let text = value(field);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        // A seed has more digits than a float.
        let number = match field {
            "seed" => text.parse::<u64>().ok().map(|seed| seed.to_string()),
            _ => parsed(text).map(short),
        };
        let number = number.ok_or_else(|| [title, " is no plain number: “", text, "”."].concat())?;
        json.extend([",\"", name, "\":", &number]);
    }
    Ok(json + "}")
}

#[cfg(test)]
mod tests {
    use sluice_shared::handshake::{ClockKind, HandshakeRequest};

    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<HandshakeRequest, String> {
        let value = |name: &str| {
            fields.iter().find(|(field, _)| *field == name).map_or("", |(_, value)| value).to_owned()
        };
        request_json(value).map(|json| serde_json::from_str(&json).expect("the server reads it"))
    }

    #[test]
    fn every_field_reaches_its_setting() {
        let fields = [
            ("rtt", "120"),
            ("loss", "1.5"),
            ("rate", "5000"),
            ("runs", "7"),
            ("seed", "18446744073709551615"),
            ("early-data", "0"),
            ("zero-rtt", "2048"),
            ("blackout", " 30 "),
            ("clock", "real"),
        ];
        let named = |field: &(&str, &str, &str)| fields.iter().any(|(name, _)| *name == field.0);
        assert!(NUMBERS.iter().all(named) && fields.len() == NUMBERS.len() + 1);
        let expected = HandshakeRequest {
            rtt_ms: 120.0,
            loss_percent: 1.5,
            rate_kbit: Some(5_000.0),
            runs: 7,
            seed: Some(u64::MAX),
            probes: Vec::new(),
            early_data_bytes: 0,
            zero_rtt_bytes: 2_048,
            blackout_ms: Some(30.0),
            clock: ClockKind::Real,
            with_facts: true,
        };
        assert_eq!(read(&fields), Ok(expected));
    }

    #[test]
    fn empty_fields_are_the_servers_to_fill() {
        assert_eq!(read(&[]), Ok(HandshakeRequest { with_facts: true, ..HandshakeRequest::default() }));
    }

    #[test]
    fn what_is_no_number_is_named() {
        assert_eq!(read(&[("loss", "much")]), Err("Loss is no plain number: “much”.".to_owned()));
        assert!(read(&[("seed", "-1")]).is_err());
    }
}
