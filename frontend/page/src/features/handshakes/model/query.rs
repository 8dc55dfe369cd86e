//! Encodes the settings as part of the page's address, and parses them. Used by the handshake state and the
//! page's links. A query without these parts gives the defaults.

use sluice_shared::handshake::{ClockKind, Probe, Stack};

use crate::features::handshakes::model::settings::{Field, RATES, Settings};

/// Prefix of all names of this lab in a query.
const PREFIX: &str = "handshakes-";
const RATE: &str = "rate";
const CLOCK: &str = "clock";
const PAIR: &str = "pair";
/// Pair whose ladder is shown initially.
pub const FIRST_PAIR: Probe = Probe::Http2Cold;

/// Encodes settings that differ from the defaults, such as `handshakes-rtt=20&handshakes-loss=1`, and the
/// pair whose ladder is shown. Invalid settings are omitted.
pub fn settings_to_query(settings: &Settings, pair: Probe) -> String {
    let default = Settings::default();
    let mut parts = Vec::new();
    let mut push = |name: &str, value: &str| parts.push([PREFIX, name, "=", value].concat());
    for field in Field::ALL {
        let text = settings.text(field).trim();
        if text != default.text(field) && is_number(text) {
            push(field.spec().name, text);
        }
    }
    if let Some(rate) = settings.rate_kbit {
        push(RATE, &rate.to_string());
    }
    if settings.clock == ClockKind::Real {
        push(CLOCK, "real");
    }
    if pair != FIRST_PAIR {
        push(PAIR, pair.name());
    }
    parts.join("&")
}

/// Parses the settings and the pair from a link's query. Unrelated names and invalid values are ignored.
pub fn settings_from_query(query: &str) -> (Settings, Probe) {
    let mut settings = Settings::default();
    let mut pair = FIRST_PAIR;
    for part in query.trim_start_matches('?').split('&') {
        let Some((name, value)) = part.strip_prefix(PREFIX).and_then(|part| part.split_once('=')) else {
            continue;
        };
        match name {
            RATE => {
                let rate = value.parse().ok();
                settings.rate_kbit = rate.filter(|rate| RATES.contains(&Some(*rate)));
            }
            CLOCK => {
                settings.clock = if value == "real" { ClockKind::Real } else { ClockKind::Virtual };
            }
            PAIR => pair = Probe::find(value).map_or(pair, tcp_probe),
            name => {
                let field = Field::ALL.into_iter().find(|field| field.spec().name == name);
                if let Some(field) = field {
                    set_if_valid(&mut settings, field, value);
                }
            }
        }
    }
    (settings, pair)
}

/// Returns the probe over TCP that identifies a pair.
fn tcp_probe(probe: Probe) -> Probe {
    match probe.stack() {
        Stack::Tcp => probe,
        Stack::Quic => probe.twin(),
    }
}

fn set_if_valid(settings: &mut Settings, field: Field, value: &str) {
    let mut changed = settings.clone();
    changed.set_text(field, value.to_owned());
    if is_number(value) && changed.request().is_ok() {
        *settings = changed;
    }
}

/// True if a text can be part of a query as it is, and is a number or empty.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_panel_has_no_query() {
        assert_eq!(settings_to_query(&Settings::default(), FIRST_PAIR), "");
        assert_eq!(settings_from_query(""), (Settings::default(), FIRST_PAIR));
    }

    #[test]
    fn every_setting_survives_its_link() {
        let mut settings = Settings::default();
        (settings.rate_kbit, settings.clock) = (Some(5_000), ClockKind::Real);
        for (field, text) in
            Field::ALL.into_iter().zip(["20", "1.5", "300", "7", "18446744073709551615", "0", "2048"])
        {
            settings.set_text(field, text.to_owned());
        }
        let query = settings_to_query(&settings, Probe::Wss);
        assert_eq!(
            query,
            "handshakes-rtt=20&handshakes-loss=1.5&handshakes-blackout=300&handshakes-runs=7&handshakes-seed=18446744073709551615&handshakes-early-data=0\
             &handshakes-zero-rtt=2048&handshakes-rate=5000&handshakes-clock=real&handshakes-pair=wss"
        );
        let whole = ["?lane=websocket&", &query, "&panel=handshakes"].concat();
        assert_eq!(settings_from_query(&whole), (settings, Probe::Wss));
    }

    #[test]
    fn only_what_differs_is_written() {
        let mut settings = Settings::default();
        settings.set_text(Field::Loss, "2".to_owned());
        assert_eq!(settings_to_query(&settings, FIRST_PAIR), "handshakes-loss=2");
        settings.set_text(Field::Loss, "a&b".to_owned());
        assert_eq!(settings_to_query(&settings, FIRST_PAIR), "", "no number: it makes no request");
    }

    #[test]
    fn values_that_make_no_request_are_ignored() {
        let query = "handshakes-rtt=2001&handshakes-loss=much&handshakes-rate=3&handshakes-clock=sand&handshakes-pair=pigeon&handshakes-new=1&handshakes-runs";
        assert_eq!(settings_from_query(query), (Settings::default(), FIRST_PAIR));
    }

    #[test]
    fn a_pair_may_be_named_by_either_of_its_probes() {
        assert_eq!(settings_from_query("handshakes-pair=web-transport").1, Probe::Wss);
    }
}
