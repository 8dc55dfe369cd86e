//! Flood of the server by a lane, and its effect on the connection.
//! The driver hands the blocks to the transport and reports echoes and heartbeats; the page receives a
//! `FloodReport`.

use core::time::Duration;
use std::collections::VecDeque;

use sluice_shared::flood::{Flood, FloodStyle};
use sluice_shared::time::{Time, micros};
use sluice_shared::wire::{EchoBlock, Inbound};

use sluice_bridge::{FloodLevel, FloodReport, FloodStats};

/// Last flood of a lane, with its heartbeats.
#[derive(Debug, Default)]
pub(super) struct FloodClient {
    flood: Option<Flood>,
    /// True if the connection was lost during the flood.
    is_cut: bool,
    ended_at: Option<Time>,
    level: FloodLevel,
    most_buffered: u64,
    /// Send times of unanswered heartbeats, oldest first.
    pings: VecDeque<Time>,
    newest: Option<Duration>,
    longest: Duration,
}

impl FloodClient {
    /// Polling interval of a WebSocket without room; it has no event for it.
    pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);
    /// Maximum number of tracked heartbeats, the oldest ones.
    const MOST_PINGS: usize = 256;

    /// Begins a flood, unless one is in progress.
    pub(super) fn begin(&mut self, style: FloodStyle, bytes: u64) {
        if self.is_flooding() {
            return;
        }
        self.flood = Some(Flood::new(style, bytes));
        (self.is_cut, self.ended_at) = (false, None);
        (self.most_buffered, self.longest) = (0, Duration::ZERO);
    }

    /// Stops handing over blocks; those already handed over are still sent.
    pub(super) fn stop(&mut self) {
        self.flood.iter_mut().for_each(Flood::stop);
    }

    /// Handles the loss of the connection with everything queued on it.
    pub(super) fn handle_disconnected(&mut self) {
        self.is_cut = true;
        self.stop();
        self.pings.clear();
        (self.level, self.newest) = (FloodLevel::default(), None);
    }

    /// True if a flood is in progress.
    pub(super) fn is_flooding(&self) -> bool {
        !self.is_cut && self.flood.as_ref().is_some_and(|flood| !flood.is_over())
    }

    /// True if blocks remain to be handed over.
    pub(super) fn has_blocks(&self) -> bool {
        !self.is_cut && self.flood.as_ref().is_some_and(|flood| !flood.is_sent())
    }

    /// True if the flood waits for room.
    pub(super) fn is_waiting(&self) -> bool {
        self.flood.as_ref().is_some_and(|flood| flood.waiting_since().is_some())
    }

    /// Records the level of the browser's buffer. Returns whether it has drained since the last call.
    pub(super) fn look(&mut self, level: FloodLevel) -> bool {
        let has_drained = level.buffered < self.level.buffered;
        self.level = level;
        self.most_buffered = self.most_buffered.max(level.buffered);
        has_drained
    }

    /// Returns the next block, if it is due.
    pub(super) fn next_block(&mut self, has_room: bool, now: Time) -> Option<EchoBlock> {
        self.flood.as_mut().filter(|_| !self.is_cut)?.next_block(has_room, now)
    }

    /// Handles echoed bytes. Returns whether they match those sent.
    pub(super) fn handle_echo(&mut self, bytes: &[u8], now: Time) -> bool {
        let Some(flood) = &mut self.flood else { return false };
        let is_right = flood.handle_echo(bytes, now);
        if flood.is_over() {
            self.ended_at.get_or_insert(now);
            self.level = FloodLevel::default();
        }
        is_right
    }

    /// Records that a heartbeat is sent.
    pub(super) fn handle_ping(&mut self, now: Time) {
        if self.pings.len() < Self::MOST_PINGS {
            self.pings.push_back(now);
        }
    }

    /// Handles an answered heartbeat, and stops tracking those before it.
    pub(super) fn handle_heartbeat(&mut self, rtt: Duration, now: Time) {
        while self.pings.pop_front_if(|left_at| now.since(*left_at) >= rtt).is_some() {}
        self.newest = Some(rtt);
        // A heartbeat sent during the flood may come back after its end.
        if self.ended_at.is_none_or(|ended| now.since(ended) <= rtt) {
            self.longest = self.longest.max(rtt);
        }
    }

    /// Returns the flood's state for the page.
    pub(super) fn report(&mut self, server: Inbound, now: Time) -> FloodReport {
        let waiting = self.pings.front().map(|left_at| now.since(*left_at));
        let heartbeat = self.newest.max(waiting.filter(|waiting| Some(*waiting) > self.newest));
        if self.is_flooding() {
            self.longest = self.longest.max(heartbeat.unwrap_or_default());
        }
        let (is_cut, most_buffered) = (self.is_cut, self.most_buffered);
        let flood = self.flood.as_ref().map(|flood| FloodStats {
            style: flood.style(),
            total: flood.total(),
            sent: flood.sent(),
            echoed: flood.echoed(),
            is_over: is_cut || flood.is_over(),
            is_faithful: flood.is_faithful(),
            most_buffered,
            waits: flood.waits(),
            longest_wait_micros: micros(flood.longest_wait(now)),
            echo_p50: flood.round_trips().quantile_micros(0.5),
            echo_p99: flood.round_trips().quantile_micros(0.99),
        });
        FloodReport {
            flood,
            level: self.level,
            heartbeat_micros: heartbeat.map(micros),
            longest_heartbeat_micros: micros(self.longest),
            server,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn buffered(bytes: u64) -> FloodLevel {
        FloodLevel { buffered: bytes, desired_size: None }
    }

    #[test]
    fn one_flood_ends_before_another_begins() {
        let mut flood_client = FloodClient::default();
        flood_client.begin(FloodStyle::Naive, 10);
        let block = flood_client.next_block(false, at(0)).expect("it floods at once");
        flood_client.begin(FloodStyle::Paced, 99);
        assert_eq!(
            flood_client.report(Inbound::default(), at(1)).flood.map(|reported| reported.total),
            Some(10)
        );
        assert!(flood_client.is_flooding() && !flood_client.has_blocks());
        assert!(flood_client.handle_echo(&block.payload, at(2)));
        assert!(!flood_client.is_flooding());
        flood_client.begin(FloodStyle::Paced, 99);
        assert!(
            flood_client.has_blocks()
                && flood_client.next_block(false, at(3)).is_none()
                && flood_client.is_waiting()
        );
    }

    #[test]
    fn what_the_browser_passes_on_is_a_sign_of_life() {
        let mut flood_client = FloodClient::default();
        assert!(!flood_client.look(buffered(500)));
        assert!(!flood_client.look(buffered(500)));
        assert!(flood_client.look(buffered(499)));
        assert_eq!(flood_client.most_buffered, 500);
    }

    #[test]
    fn a_heartbeat_that_waits_tells_how_long_before_it_comes_back() {
        let mut flood_client = FloodClient::default();
        flood_client.begin(FloodStyle::Naive, 10);
        flood_client.handle_ping(at(1_000));
        flood_client.handle_heartbeat(Duration::from_millis(40), at(1_040));
        assert_eq!(flood_client.report(Inbound::default(), at(1_500)).heartbeat_micros, Some(40_000));
        flood_client.handle_ping(at(2_000));
        flood_client.handle_ping(at(3_000));
        assert_eq!(flood_client.report(Inbound::default(), at(2_010)).heartbeat_micros, Some(40_000));
        assert_eq!(flood_client.report(Inbound::default(), at(9_000)).heartbeat_micros, Some(7_000_000));
        flood_client.handle_heartbeat(Duration::from_millis(8_000), at(10_000));
        let reported = flood_client.report(Inbound::default(), at(10_500));
        assert_eq!(reported.heartbeat_micros, Some(8_000_000), "the next one has waited for 7.5 s");
        assert_eq!(reported.longest_heartbeat_micros, 8_000_000);
        flood_client.handle_heartbeat(Duration::from_millis(50), at(10_600));
        assert!(flood_client.pings.is_empty(), "an answer stands for those before it");
    }

    #[test]
    fn a_connection_that_goes_takes_its_flood_with_it() {
        let mut flood_client = FloodClient::default();
        flood_client.begin(FloodStyle::Paced, 1_000_000);
        flood_client.next_block(true, at(0)).expect("there is room");
        flood_client.handle_disconnected();
        assert!(flood_client.next_block(true, at(1)).is_none() && !flood_client.is_flooding());
        let reported = flood_client.report(Inbound::default(), at(2)).flood.expect("it is reported");
        assert!(reported.is_over && reported.echoed < reported.sent);
    }
}
