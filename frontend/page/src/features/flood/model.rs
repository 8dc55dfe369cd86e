//! Describes the outcome of a lane's flood in sentences, and defines the slow network that makes it visible.
//! Used by the inbound view and by the flood scenario.

use sluice_bridge::FloodReport;
use sluice_shared::flood::{Flood, FloodStyle};
use sluice_shared::mode::Transport;
use sluice_text::format;

/// Rate of a network slow enough to observe a flood, per direction, kbit/s.
pub const SLOW_RATE_KBIT: f64 = 10_000.0;
/// Delay of that network, per direction, ms.
pub const SLOW_DELAY_MS: f64 = 20.0;

/// Returns the outcome of a lane's flood in one to three sentences.
pub fn story(flooding: &FloodReport, transport: Transport) -> String {
    let Some(flood) = &flooding.flood else { return "Nothing was sent yet.".to_owned() };
    let mut text = match flood.style {
        FloodStyle::Naive => format!(
            "{} handed over at once, {} of it waiting in the browser at most.",
            format::bytes(flood.sent),
            format::bytes(flood.most_buffered),
        ),
        FloodStyle::Paced | FloodStyle::Credit if flood.waits == 0 => format!(
            "{} of {} handed over bit by bit, without a wait.",
            format::bytes(flood.sent),
            format::bytes(flood.total),
        ),
        FloodStyle::Paced | FloodStyle::Credit => format!(
            "{} of {} handed over bit by bit, with {} waits of {} at most.",
            format::bytes(flood.sent),
            format::bytes(flood.total),
            format::count(flood.waits),
            format::span(flood.longest_wait_micros),
        ),
    };
    let slowest = format::span(flooding.longest_heartbeat_micros);
    text += &match (transport, flood.style) {
        _ if flooding.longest_heartbeat_micros == 0 => " No heartbeat has come back under it.".to_owned(),
        (Transport::WebTransport, _) => {
            format!(" The slowest heartbeat took {slowest}: control has a stream of its own.")
        }
        (Transport::WebSocket, FloodStyle::Naive) => {
            format!(" The slowest heartbeat took {slowest}, waiting behind it.")
        }
        (Transport::WebSocket, FloodStyle::Paced) => format!(
            " The slowest heartbeat took {slowest}: what the system's send buffer holds below the browser, no page sees."
        ),
        (Transport::WebSocket, FloodStyle::Credit) => {
            format!(
                " The slowest heartbeat took {slowest}: no more than {} was ever ahead of it.",
                format::bytes(Flood::CREDIT_BYTES)
            )
        }
    };
    if flooding.server.stops > 0 {
        text += &format!(
            " The server stopped reading {} times, {} in all.",
            format::count(flooding.server.stops),
            format::span(flooding.server.stopped_micros),
        );
    }
    text += match (flood.is_over, flood.is_faithful) {
        (_, false) => " What came back is not what was sent.",
        (false, true) => "",
        (true, true) if flood.echoed == flood.sent => " Every byte came back.",
        (true, true) => " The connection went away under it.",
    };
    text
}

#[cfg(test)]
mod tests {
    use sluice_shared::wire::Inbound;

    use super::*;
    use sluice_bridge::{FloodLevel, FloodStats};

    fn flooding(buffered: u64, stopped_micros: u64, heartbeat_micros: u64) -> FloodReport {
        FloodReport {
            level: FloodLevel { buffered, desired_size: None },
            heartbeat_micros: Some(heartbeat_micros),
            server: Inbound { stopped_micros, ..Inbound::default() },
            ..FloodReport::default()
        }
    }

    #[test]
    fn the_story_says_what_was_measured_and_no_more() {
        let stats = FloodStats {
            style: FloodStyle::Naive,
            total: 8_000_000,
            sent: 8_000_000,
            echoed: 8_000_000,
            is_over: true,
            is_faithful: true,
            most_buffered: 7_900_000,
            waits: 0,
            longest_wait_micros: 0,
            echo_p50: 1,
            echo_p99: 2,
        };
        let mut flooding =
            FloodReport { flood: Some(stats), longest_heartbeat_micros: 6_200_000, ..flooding(0, 0, 1) };
        let plain = |flooding: &FloodReport, transport| story(flooding, transport).replace('\u{a0}', " ");
        assert_eq!(
            plain(&flooding, Transport::WebSocket),
            "8.0 MB handed over at once, 7.9 MB of it waiting in the browser at most. The slowest heartbeat took 6.20 s, \
             waiting behind it. Every byte came back."
        );
        flooding.server.stops = 3;
        flooding.flood = Some(FloodStats { echoed: 7, ..stats });
        let text = plain(&flooding, Transport::WebTransport);
        assert!(
            text.contains("control has a stream of its own. The server stopped reading 3 times"),
            "{text}"
        );
        assert!(text.ends_with("The connection went away under it."), "{text}");
        let credit = FloodStats { style: FloodStyle::Credit, ..stats };
        let quick = FloodReport { flood: Some(credit), longest_heartbeat_micros: 0, ..flooding };
        assert!(
            plain(&quick, Transport::WebTransport).starts_with(
                "8.0 MB of 8.0 MB handed over bit by bit, without a wait. No heartbeat has come back"
            ),
            "what was not measured has no span"
        );
        assert_eq!(plain(&FloodReport::default(), Transport::WebSocket), "Nothing was sent yet.");
    }
}
