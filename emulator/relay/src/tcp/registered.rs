//! A TCP connection as its network knows it.

use std::mem;
use std::sync::Arc;

use sluice_link::Weather;
use sluice_shared::lab::{Congestion, PathEnds};
use sluice_shared::link::NetworkProfile;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use super::flow::TcpFlow;
use crate::agenda::Timed;
use crate::network::{Flow, NextBegun, Reading, SeenCrossing};

impl Timed for TcpFlow {
    fn on_due(&self, at: Time) {
        self.drive(|state, _| state.timer.on_due(at));
    }
}

impl Flow for TcpFlow {
    fn set_profile(&self, profile: &NetworkProfile, weather: Weather) {
        self.drive(|state, now| state.conversation.set_profile(profile, weather, now));
    }

    fn start_outage(&self, until: Time) {
        self.drive(|state, now| state.conversation.start_outage(until, now));
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn congestion(&self) -> Congestion {
        self.congestion
    }

    fn begun(&self) -> Option<NextBegun> {
        Some(Arc::clone(&self.begun))
    }

    fn last_packets(&self) -> (PathEnds, PathEnds) {
        self.drive(|state, _| state.conversation.last_packets())
    }

    fn silence(&self) -> bool {
        self.drive(|state, _| {
            state.conversation.silence();
            !mem::replace(&mut state.is_silent, true)
        })
    }

    fn reading(&self) -> Reading {
        let (up, down, tcp, lateness) = self.drive(|state, now| state.conversation.reports(now));
        Reading { up, down, tcp: Some(tcp), lateness: Some(lateness), quic: None }
    }

    fn follow_tunnel(&self, crossing: SeenCrossing) {
        self.state.lock().conversation.follow_tunnel(crossing);
    }

    fn end(&self) {
        self.drive(|state, now| {
            state.conversation.client.abort(now);
            state.conversation.server.abort(now);
            state.ramp = None;
            state.has_ended = true;
        });
    }
}
