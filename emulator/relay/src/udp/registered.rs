//! A UDP flow as its network knows it.

use std::sync::Weak;

use sluice_link::Weather;
use sluice_shared::lab::Congestion;
use sluice_shared::link::NetworkProfile;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use super::flow::UdpFlow;
use crate::agenda::Timed;
use crate::network::{Flow, PathStateProbe, Reading, SeenCrossing};
use crate::quic::ServerWrite;

impl Timed for UdpFlow {
    fn on_due(&self, at: Time) {
        self.drive(|state, _| state.timer.on_due(at));
    }
}

impl Flow for UdpFlow {
    fn set_profile(&self, profile: &NetworkProfile, weather: Weather) {
        self.drive(|state, now| {
            state.up.link.set_profile(profile.up.clone(), weather, now);
            state.down.link.set_profile(profile.down.clone(), weather, now);
        });
    }

    fn start_outage(&self, until: Time) {
        self.drive(|state, now| {
            state.up.link.start_outage(until.since(now), now);
            state.down.link.start_outage(until.since(now), now);
        });
    }

    fn block_udp(&self, is_blocked: bool) {
        self.drive(|state, _| {
            state.up.link.block(is_blocked);
            state.down.link.block(is_blocked);
        });
    }

    fn transport(&self) -> Transport {
        Transport::WebTransport
    }

    fn idle_since(&self) -> Option<Time> {
        Some(self.state.lock().last_came_at)
    }

    fn congestion(&self) -> Congestion {
        self.congestion
    }

    fn reading(&self) -> Reading {
        let (up, down, lateness, quic) = self.drive(|state, now| {
            state.recount();
            let quic = state.lateness.as_ref().and_then(|lateness| lateness.bytes());
            let lateness = state.lateness.as_mut().and_then(|lateness| lateness.take_lateness());
            (state.up.report(now), state.down.report(now), lateness, quic)
        });
        Reading { up, down, tcp: None, lateness, quic }
    }

    fn on_write(&self, write: ServerWrite) {
        let mut state = self.state.lock();
        let now = self.engine.clock.now();
        if let Some(lateness) = &mut state.lateness {
            lateness.on_write(write, now);
        }
    }

    fn set_path_probe(&self, probe: Weak<PathStateProbe>) {
        let mut state = self.state.lock();
        state.watch.forget_count();
        state.probe = Some(probe);
    }

    fn follow_tunnel(&self, crossing: SeenCrossing) {
        self.state.lock().watch.follow_tunnel(crossing);
    }

    fn end(&self) {
        self.drive(|state, now| {
            state.end(now);
        });
    }
}
