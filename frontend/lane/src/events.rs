//! Handling of session events.

use sluice_shared::session::{ClientError, ClientEvent};
use sluice_shared::time::{Time, micros};
use sluice_shared::wire::{CloseCode, Continuity, Welcome};

use super::driver::Lane;
use super::labels::welcome_note;
use super::platform::Platform;
use sluice_bridge::{ConnectionEventKind, SessionStart};

impl<P: Platform> Lane<P> {
    pub(super) fn handle_violation(&mut self, error: &ClientError, now: Time) {
        match error {
            ClientError::Version(_) => {
                self.machine.handle_hopeless(CloseCode::Unsupported, &error.to_string(), now);
            }
            ClientError::Decode(_) | ClientError::Overrun { .. } => {
                self.machine.handle_protocol_error(&error.to_string(), now);
            }
        }
    }

    pub(super) fn handle_events(&mut self, now: Time) {
        while let Some(event) = self.active.as_mut().and_then(|active| active.session.poll_event()) {
            self.handle_event(event, now);
            self.run_actions(now);
        }
    }

    fn handle_event(&mut self, event: ClientEvent, now: Time) {
        match event {
            ClientEvent::Welcome(welcome) => self.handle_welcome(welcome, now),
            ClientEvent::Subscribed(streams) => self.stats.handle_streams(&streams),
            ClientEvent::Gap { new: 0, .. } => {}
            ClientEvent::Ping => {
                self.active.iter_mut().for_each(|active| active.flood_client.handle_ping(now));
                self.stats.timeline.push(ConnectionEventKind::Ping, now);
            }
            ClientEvent::Echo(block) => {
                self.active.iter_mut().for_each(|active| {
                    active.flood_client.handle_echo(&block.payload, now);
                });
            }
            ClientEvent::Heartbeat { rtt } => {
                if let Some(active) = &mut self.active {
                    active.heartbeats += 1;
                    active.flood_client.handle_heartbeat(rtt, now);
                    self.machine.handle_rtt(active.session.clock().min_rtt());
                }
                let rtt_micros = u32::try_from(micros(rtt)).unwrap_or(u32::MAX);
                self.stats.timeline.push(ConnectionEventKind::Pong { rtt_micros }, now);
            }
            ClientEvent::Missed => self.stats.timeline.push(ConnectionEventKind::Missed, now),
            ClientEvent::StartedOver { missed } => self.stats.record_missed(missed, now),
            ClientEvent::Gap { report, new } => self.stats.record_gap(&report, new, now),
            ClientEvent::Certificate(certificate) => {
                if let Some(active) = &mut self.active {
                    active.certificate = Some(*certificate);
                }
            }
            ClientEvent::Lost { messages } => self.stats.record_lost(messages, now),
            ClientEvent::Sample(sample) => {
                if let Some(active) = &mut self.active {
                    active.handle_sample(sample, now);
                    active.certify_if_due(now);
                }
            }
            ClientEvent::Silent => self.machine.handle_unresponsive(now),
            ClientEvent::Goodbye(goodbye) => self.machine.handle_goodbye(goodbye, now),
        }
    }

    fn handle_welcome(&mut self, welcome: Welcome, now: Time) {
        let Some(mode) = self.active.as_ref().map(|active| active.session.mode()) else { return };
        let was_ready_before = self.machine.handle_welcome(now);
        if was_ready_before {
            self.stats.record_reconnect();
        }
        let start = match welcome.continuity {
            _ if !was_ready_before => SessionStart::First,
            Continuity::New => SessionStart::StartedOver,
            Continuity::Continued => SessionStart::Resumed,
            Continuity::UnknownSession | Continuity::EpochChanged => SessionStart::Renewed,
        };
        self.stats.timeline.handle_welcome(mode.transport(), start, welcome.server_now, now);
        self.stats.handle_streams(&welcome.streams);
        let (level, text) = welcome_note(welcome.continuity, was_ready_before);
        self.stats.notes.push(level, text, now);
        if let Some(active) = &mut self.active {
            active.handle_welcome(welcome);
            // No round trip is known for a server that has restarted.
            self.machine.handle_rtt(active.session.clock().min_rtt());
        }
    }
}
