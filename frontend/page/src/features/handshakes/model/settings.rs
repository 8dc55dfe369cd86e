//! Settings as typed into the form, and the request built from them. The form, the query and the handshake
//! state use it. Numbers stay text until [`Settings::request`] validates them against the limits of the
//! server.

use core::fmt;
use core::str::FromStr;

use sluice_shared::handshake::{ClockKind, HandshakeRequest};
use sluice_text::decimal::parsed;

/// Available rates, kbit/s; `None` is unlimited.
pub const RATES: [Option<u32>; 6] = [None, Some(256), Some(1_000), Some(5_000), Some(20_000), Some(100_000)];

/// Numeric setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Round-trip time.
    Rtt,
    /// Random loss.
    Loss,
    /// Time from which no packet passes.
    Blackout,
    /// Number of runs per probe.
    Runs,
    /// Seed of the network.
    Seed,
    /// Limit of early data over TCP.
    EarlyData,
    /// Limit of 0-RTT data over QUIC.
    ZeroRtt,
}

/// Presentation of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Name in test ids and links.
    pub name: &'static str,
    /// Name in the request.
    pub request_name: &'static str,
    /// Label.
    pub label: &'static str,
    /// Unit; may be empty.
    pub unit: &'static str,
    /// Minimum value.
    pub min: &'static str,
    /// Maximum value.
    pub max: &'static str,
    /// Step of the spin buttons.
    pub step: &'static str,
    /// Initial value; empty leaves the choice to the server.
    pub default: &'static str,
    /// Definition.
    pub meaning: &'static str,
}

impl Field {
    /// All fields in display order.
    pub const ALL: [Self; 7] =
        [Self::Rtt, Self::Loss, Self::Blackout, Self::Runs, Self::Seed, Self::EarlyData, Self::ZeroRtt];
    /// Fields of the network and the runs.
    pub const NETWORK: [Self; 5] = [Self::Rtt, Self::Loss, Self::Blackout, Self::Runs, Self::Seed];
    /// Limits of early data; the two stacks have separate ones.
    pub const LIMITS: [Self; 2] = [Self::EarlyData, Self::ZeroRtt];

    /// Returns the presentation of a field.
    pub const fn spec(self) -> FieldSpec {
        match self {
            Self::Rtt => FieldSpec {
                name: "rtt",
                request_name: "rtt_ms",
                label: "RTT",
                unit: "ms",
                min: "1",
                max: "2000",
                step: "1",
                default: "100",
                meaning: "Round trip time of the lab's network.",
            },
            Self::Loss => FieldSpec {
                name: "loss",
                request_name: "loss_percent",
                label: "Loss",
                unit: "%",
                min: "0",
                max: "100",
                step: "any",
                default: "0",
                meaning: "Random loss in both directions. With loss no count of round trips is expected.",
            },
            Self::Blackout => FieldSpec {
                name: "blackout",
                request_name: "blackout_ms",
                label: "Blackout after",
                unit: "ms",
                min: "0",
                max: "60000",
                step: "1",
                default: "",
                meaning: "From this time after the first packet on, nothing passes any more; empty for never.",
            },
            Self::Runs => FieldSpec {
                name: "runs",
                request_name: "runs",
                label: "Runs",
                unit: "",
                min: "1",
                max: "100",
                step: "1",
                default: "5",
                meaning: "Runs of each probe.",
            },
            Self::Seed => FieldSpec {
                name: "seed",
                request_name: "seed",
                label: "Seed",
                unit: "",
                min: "0",
                max: "18446744073709551615",
                step: "1",
                default: "",
                meaning: "Start value of the network's random numbers; empty for any.",
            },
            Self::EarlyData => FieldSpec {
                name: "early-data",
                request_name: "early_data_bytes",
                label: "TLS ticket's max_early_data_size",
                unit: "bytes",
                min: "0",
                max: "1048576",
                step: "1",
                default: "16384",
                meaning: "How much a ticket lets ride in TLS early data over TCP (RFC 8446 §4.6.1); 0 for none.",
            },
            Self::ZeroRtt => FieldSpec {
                name: "zero-rtt",
                request_name: "zero_rtt_bytes",
                label: "QUIC: remembered initial_max_data",
                unit: "bytes",
                min: "1024",
                max: "16777216",
                step: "1",
                default: "65536",
                meaning: "How much may ride in 0-RTT packets: QUIC's tickets all say 0xffffffff (RFC 9001 §4.6.1), so \
                          the transport limit that the client remembers is the cap.",
            },
        }
    }

    /// Returns the field named `name` in requests.
    fn of_request(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.spec().request_name == name)
    }
}

/// Settings of the lab. Numbers are kept as typed, so that a mistake can be shown and corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    texts: [String; Field::ALL.len()],
    /// Rate of the bottleneck, kbit/s; `None` without a bottleneck.
    pub rate_kbit: Option<u32>,
    /// Clock of the lab.
    pub clock: ClockKind,
}

/// Reason why the settings are invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// Field to correct, if it is one.
    pub field: Option<Field>,
    reason: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match self.field {
            Some(field) => write!(f, ". Correct “{}”", field.spec().label),
            None => Ok(()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            texts: Field::ALL.map(|field| field.spec().default.to_owned()),
            rate_kbit: None,
            clock: ClockKind::default(),
        }
    }
}

impl Settings {
    /// Returns the text of a field.
    pub fn text(&self, field: Field) -> &str {
        &self.texts[field as usize]
    }

    /// Sets the text of a field.
    pub fn set_text(&mut self, field: Field, text: String) {
        self.texts[field as usize] = text;
    }

    /// Builds the request, with everything that the lab can measure.
    ///
    /// # Errors
    /// Fails if a field is not a number or is out of range.
    pub fn request(&self) -> Result<HandshakeRequest, SettingError> {
        let mut request = HandshakeRequest {
            rate_kbit: self.rate_kbit.map(f64::from),
            clock: self.clock,
            with_facts: true,
            seed: self.whole(Field::Seed)?,
            blackout_ms: self.decimal(Field::Blackout)?,
            ..HandshakeRequest::default()
        };
        // An empty field leaves the choice to the server, which has the same defaults.
        request.rtt_ms = self.decimal(Field::Rtt)?.unwrap_or(request.rtt_ms);
        request.loss_percent = self.decimal(Field::Loss)?.unwrap_or(request.loss_percent);
        request.runs = self.whole(Field::Runs)?.unwrap_or(request.runs);
        request.early_data_bytes = self.whole(Field::EarlyData)?.unwrap_or(request.early_data_bytes);
        request.zero_rtt_bytes = self.whole(Field::ZeroRtt)?.unwrap_or(request.zero_rtt_bytes);
        request.validate().map_err(|error| SettingError {
            field: Field::of_request(error.field),
            reason: error.to_string(),
        })?;
        Ok(request)
    }

    /// True if a run is fast enough to start without an explicit request.
    pub const fn is_quick(&self) -> bool {
        matches!(self.clock, ClockKind::Virtual)
    }

    fn decimal(&self, field: Field) -> Result<Option<f64>, SettingError> {
        self.number(field, parsed, "number")
    }

    fn whole<T: FromStr>(&self, field: Field) -> Result<Option<T>, SettingError> {
        self.number(field, |text| text.parse().ok(), "whole number")
    }

    fn number<T>(
        &self,
        field: Field,
        parse: impl FnOnce(&str) -> Option<T>,
        kind: &str,
    ) -> Result<Option<T>, SettingError> {
        let text = self.text(field).trim();
        if text.is_empty() {
            return Ok(None);
        }
        parse(text).map(Some).ok_or_else(|| {
            let label = field.spec().label;
            SettingError {
                field: Some(field),
                reason: [label, " is no plain ", kind, ": “", text, "”"].concat(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(fields: &[(Field, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (field, text) in fields {
            settings.set_text(*field, (*text).to_owned());
        }
        settings
    }

    #[test]
    fn every_field_reaches_its_setting() {
        let mut settings = settings(&[
            (Field::Rtt, "120"),
            (Field::Loss, "1.5"),
            (Field::Runs, "7"),
            (Field::Seed, "18446744073709551615"),
            (Field::EarlyData, "0"),
            (Field::ZeroRtt, "2048"),
            (Field::Blackout, " 30 "),
        ]);
        settings.rate_kbit = Some(5_000);
        settings.clock = ClockKind::Real;
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
        assert_eq!(settings.request(), Ok(expected));
    }

    #[test]
    fn first_settings_and_empty_fields_are_the_servers_defaults() {
        let expected = HandshakeRequest { with_facts: true, ..HandshakeRequest::default() };
        assert_eq!(Settings::default().request().as_ref(), Ok(&expected));
        assert_eq!(settings(&Field::ALL.map(|field| (field, ""))).request(), Ok(expected));
    }

    #[test]
    fn a_text_that_is_no_number_is_named_with_its_field() {
        let error = settings(&[(Field::Loss, "much")]).request().expect_err("no number");
        assert_eq!(error.to_string(), "Loss is no plain number: “much”. Correct “Loss”");
        for (field, text) in [(Field::Seed, "-1"), (Field::Runs, "2.5")] {
            let error = settings(&[(field, text)]).request().expect_err("no whole number");
            assert_eq!(error.field, Some(field));
        }
    }

    #[test]
    fn a_number_out_of_range_is_named_with_its_range_and_field() {
        let error = settings(&[(Field::Rtt, "2001")]).request().expect_err("out of range");
        assert_eq!(error.to_string(), "rtt_ms is 2001: it must be 1 to 2000 ms. Correct “RTT”");
        assert_eq!(error.field, Some(Field::Rtt));
    }

    #[test]
    fn the_ends_of_every_range_make_a_request() {
        for field in Field::ALL {
            let spec = field.spec();
            for end in [spec.min, spec.max] {
                assert!(settings(&[(field, end)]).request().is_ok(), "{} {end}", spec.name);
            }
        }
    }
}
