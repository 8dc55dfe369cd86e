//! The server's report, read by the browser's own parser.

use sluice_shared::handshake::{
    ClockKind, EarlyData, Fact, HandshakeReport, HandshakeRequest, Hostile, Probe, ProbeReport, Replay,
    ReplayGuard, RoundTrips, Spread, Stack, Stop,
};

use crate::features::handshakes::words::guard_name;
use sluice_browser::json::Json;

/// A report as the server sends it; `None` when it is none.
pub(crate) fn report(text: &str) -> Option<HandshakeReport> {
    let json = Json::parsed(text);
    let mut request = request(&json.get("request"));
    request.seed = seed_in(text);
    let hostile = json.get("hostile");
    Some(HandshakeReport {
        id: json.text("id")?,
        request,
        probes: json.list("probes").filter_map(|probe| probe_report(&probe)).collect(),
        replays: json.list("replays").filter_map(|replay| self::replay(&replay)).collect(),
        hostile: hostile.whole("garbage").map(|_| self::hostile(&hostile)),
        facts: json.list("facts").filter_map(|fact| self::fact(&fact)).collect(),
    })
}

/// The seed to its last digit, which JavaScript's numbers do not keep.
fn seed_in(text: &str) -> Option<u64> {
    let mut words = text.split('"');
    words.find(|word| *word == "seed")?;
    let rest = words.next()?.strip_prefix(':')?.trim_start();
    let end = rest.find(|character: char| !character.is_ascii_digit())?;
    rest[..end].parse().ok()
}

fn request(json: &Json) -> HandshakeRequest {
    HandshakeRequest {
        rtt_ms: json.number("rtt_ms").unwrap_or(0.0),
        loss_percent: json.number("loss_percent").unwrap_or(0.0),
        rate_kbit: json.number("rate_kbit"),
        runs: small(json, "runs"),
        seed: None,
        probes: json.list("probes").filter_map(|probe| Probe::find(&probe.as_text()?)).collect(),
        early_data_bytes: small(json, "early_data_bytes"),
        zero_rtt_bytes: small(json, "zero_rtt_bytes"),
        blackout_ms: json.number("blackout_ms"),
        clock: if json.text("clock").is_some_and(|clock| clock == "real") {
            ClockKind::Real
        } else {
            ClockKind::Virtual
        },
        with_facts: json.flag("with_facts"),
    }
}

fn probe_report(json: &Json) -> Option<ProbeReport> {
    let early = json.get("early");
    Some(ProbeReport {
        probe: Probe::find(&json.text("probe")?)?,
        runs: small(json, "runs"),
        completed: small(json, "completed"),
        secure: spread(&json.get("secure")),
        first_byte: spread(&json.get("first_byte")),
        secure_round_trips: round_trips(json, "secure_round_trips"),
        first_byte_round_trips: round_trips(json, "first_byte_round_trips"),
        is_as_expected: json.known_flag("is_as_expected"),
        bytes_up: json.count("bytes_up"),
        bytes_down: json.count("bytes_down"),
        packets_up: json.count("packets_up"),
        packets_down: json.count("packets_down"),
        early: EarlyData {
            offered: small(&early, "offered"),
            accepted: small(&early, "accepted"),
            rejected: small(&early, "rejected"),
        },
        requests: small(json, "requests"),
        answered_early: small(json, "answered_early"),
        too_early: small(json, "too_early"),
        effects: small(json, "effects"),
        stops: json
            .list("stops")
            .filter_map(|stop| {
                Some(Stop {
                    at: stop.text("at")?,
                    runs: small(&stop, "runs"),
                    after_micros: stop.count("after_micros"),
                })
            })
            .collect(),
        ladder_packets: small(json, "ladder_packets"),
    })
}

fn spread(json: &Json) -> Option<Spread> {
    Some(Spread {
        min_micros: json.whole("min_micros")?,
        median_micros: json.count("median_micros"),
        p95_micros: json.count("p95_micros"),
        max_micros: json.count("max_micros"),
    })
}

/// Pairs of a count and of how many runs had it.
fn round_trips(json: &Json, name: &str) -> RoundTrips {
    RoundTrips(json.list(name).map(|pair| (small(&pair, "0"), small(&pair, "1"))).collect())
}

fn replay(json: &Json) -> Option<Replay> {
    let guard = json.text("guard")?;
    Some(Replay {
        stack: if json.text("stack")? == "tcp" { Stack::Tcp } else { Stack::Quic },
        guard: ReplayGuard::ALL.into_iter().find(|known| guard_name(*known) == guard)?,
        replays: small(json, "replays"),
        effects: small(json, "effects"),
        accepted: small(json, "accepted"),
        too_early: small(json, "too_early"),
    })
}

fn hostile(json: &Json) -> Hostile {
    Hostile {
        garbage: small(json, "garbage"),
        truncated: small(json, "truncated"),
        unknown_versions: small(json, "unknown_versions"),
        version_negotiations: small(json, "version_negotiations"),
        forged_retries: small(json, "forged_retries"),
        forged_tokens: small(json, "forged_tokens"),
        dropped: small(json, "dropped"),
        honest_requests: small(json, "honest_requests"),
        honest_answers: small(json, "honest_answers"),
    }
}

fn fact(json: &Json) -> Option<Fact> {
    Some(Fact {
        name: json.text("name")?,
        title: json.text("title")?,
        tcp: json.text("tcp")?,
        quic: json.text("quic")?,
        standard: json.text("standard")?,
    })
}

fn small(json: &Json, name: &str) -> u32 {
    u32::try_from(json.count(name)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_keeps_its_last_digit() {
        assert_eq!(seed_in("{\"request\":{\"seed\":18446744073709551615,\"x\":1}}"), Some(u64::MAX));
        assert_eq!(seed_in("{\"seed\": 7}"), Some(7));
        assert_eq!(seed_in("{}"), None);
    }
}
