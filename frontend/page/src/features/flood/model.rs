//! What a lane's flood did over the last half minute, and what that means.

use std::collections::VecDeque;

use sluice_shared::flood::{Flood, FloodStyle};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use crate::features::network::model::Knob;
use sluice_bridge::AgeColumn;
use sluice_bridge::FloodLevel;
use sluice_bridge::FloodReport;
use sluice_text::format;

/// A network on which a flood takes its time: each way, in the units of the sliders.
pub const SLOW: [(Knob, f64); 2] = [(Knob::Rate, 10_000.0), (Knob::Delay, 20.0)];

/// What was seen in one column of [`AgeColumn::WIDTH_MICROS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboundColumn {
    /// When the column begins, in columns since the Unix epoch.
    pub index: u64,
    /// The most that waited in the browser, bytes.
    pub buffered: u64,
    /// Whether the browser had no room for more: `writer.ready` was pending, or `bufferedAmount` high.
    pub is_full: bool,
    /// Whether the server did not read.
    pub is_stopped: bool,
    /// The newest heartbeat, microseconds; 0 before the first.
    pub heartbeat_micros: u64,
}

/// The last half minute.
#[derive(Clone, Debug, Default)]
pub struct InboundTrack {
    columns: VecDeque<InboundColumn>,
    /// For how long the server had not read, as last heard, microseconds.
    stopped_micros: u64,
}

impl InboundTrack {
    /// Takes in what a report of `now` tells.
    pub fn push(&mut self, flooding: &FloodReport, now: Time) {
        let index = now.as_micros() / AgeColumn::WIDTH_MICROS;
        if self.columns.back().is_none_or(|last| last.index < index) {
            self.columns.push_back(InboundColumn { index, ..InboundColumn::default() });
        }
        while self.columns.len() > AgeColumn::SHOWN {
            self.columns.pop_front();
        }
        let server = &flooding.server;
        let has_stopped = server.stopped_at.is_some() || server.stopped_micros > self.stopped_micros;
        self.stopped_micros = server.stopped_micros;
        if let Some(column) = self.columns.back_mut() {
            column.buffered = column.buffered.max(flooding.level.buffered);
            column.is_full |= is_full(&flooding.level);
            column.is_stopped |= has_stopped;
            column.heartbeat_micros =
                column.heartbeat_micros.max(flooding.heartbeat_micros.unwrap_or_default());
        }
    }

    /// Columns from `first` on, oldest first.
    pub fn since(&self, first: u64) -> impl Iterator<Item = &InboundColumn> {
        self.columns.iter().filter(move |column| column.index >= first)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.columns.clear();
    }
}

/// Whether the browser asks for no more, as far as it tells.
pub fn is_full(level: &FloodLevel) -> bool {
    match level.desired_size {
        Some(size) => size <= 0,
        None => level.buffered >= u64::from(Flood::PACED_BYTES),
    }
}

/// What came of a lane's flood, in a sentence or three made of what was measured.
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
    use sluice_bridge::FloodStats;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn flooding(buffered: u64, stopped_micros: u64, heartbeat_micros: u64) -> FloodReport {
        FloodReport {
            level: FloodLevel { buffered, desired_size: None },
            heartbeat_micros: Some(heartbeat_micros),
            server: Inbound { stopped_micros, ..Inbound::default() },
            ..FloodReport::default()
        }
    }

    #[test]
    fn a_column_keeps_the_worst_of_its_time() {
        let mut track = InboundTrack::default();
        track.push(&flooding(100_000, 0, 40), at(10_000));
        track.push(&flooding(10, 0, 60), at(10_049));
        track.push(&flooding(10, 5_000, 50), at(10_050));
        track.push(&flooding(10, 5_000, 50), at(10_100));
        let columns: Vec<_> = track.since(0).copied().collect();
        let first = InboundColumn {
            index: 200,
            buffered: 100_000,
            is_full: true,
            is_stopped: false,
            heartbeat_micros: 60,
        };
        assert_eq!(columns[0], first);
        assert_eq!((columns[1].is_full, columns[1].is_stopped), (false, true), "it stopped in between");
        assert!(!columns[2].is_stopped);
        assert_eq!(track.since(201).count(), 2);
    }

    #[test]
    fn half_a_minute_is_kept() {
        let mut track = InboundTrack::default();
        for column in 0..2_000 {
            track.push(&flooding(1, 0, 1), at(column * 50));
        }
        assert_eq!(track.columns.len(), AgeColumn::SHOWN);
    }

    #[test]
    fn a_writer_is_full_when_it_asks_for_nothing() {
        let level = |buffered, desired_size| FloodLevel { buffered, desired_size };
        assert!(is_full(&level(0, Some(0))) && is_full(&level(0, Some(-3_999))));
        assert!(!is_full(&level(9_000_000, Some(1))));
        assert!(is_full(&level(65_536, None)) && !is_full(&level(65_535, None)));
    }

    #[test]
    fn the_story_says_what_was_measured_and_no_more() {
        let told = FloodStats {
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
            FloodReport { flood: Some(told), longest_heartbeat_micros: 6_200_000, ..flooding(0, 0, 1) };
        let plain = |flooding: &FloodReport, transport| story(flooding, transport).replace('\u{a0}', " ");
        assert_eq!(
            plain(&flooding, Transport::WebSocket),
            "8.0 MB handed over at once, 7.9 MB of it waiting in the browser at most. The slowest heartbeat took 6.20 s, \
             waiting behind it. Every byte came back."
        );
        flooding.server.stops = 3;
        flooding.flood = Some(FloodStats { echoed: 7, ..told });
        let text = plain(&flooding, Transport::WebTransport);
        assert!(
            text.contains("control has a stream of its own. The server stopped reading 3 times"),
            "{text}"
        );
        assert!(text.ends_with("The connection went away under it."), "{text}");
        let credit = FloodStats { style: FloodStyle::Credit, ..told };
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
