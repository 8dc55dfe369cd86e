//! What follows from what the session says.

use sluice_shared::session::{ClientError, ClientEvent};
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, Goodbye, Welcome};

use super::driver::Lane;
use super::link::End;
use super::words::{sentence, welcome_note};
use crate::bridge::Level;

impl Lane {
    pub(super) fn handle_violation(&mut self, error: &ClientError, now: Time) {
        match error {
            ClientError::Version(_) => self.give_up(CloseCode::Unsupported, &error.to_string(), now),
            ClientError::Decode(_) | ClientError::Overrun { .. } => {
                let reason = sentence(&format!("The server broke the protocol: {error}"));
                self.tally.notes.push(Level::Error, reason.clone(), now);
                self.noted_reason = Some(reason.clone());
                self.end(&End::Told(reason), CloseCode::Protocol, now);
            }
        }
    }

    pub(super) fn handle_events(&mut self, now: Time) {
        while let Some(event) = self.active.as_mut().and_then(|active| active.session.poll_event()) {
            self.handle_event(event, now);
        }
    }

    fn handle_event(&mut self, event: ClientEvent, now: Time) {
        match event {
            ClientEvent::Welcome(welcome) => self.handle_welcome(welcome, now),
            ClientEvent::Subscribed(streams) => self.tally.handle_streams(&streams),
            ClientEvent::Gap { new: 0, .. } => {}
            ClientEvent::Heartbeat { .. } => {
                self.active.iter_mut().for_each(|active| active.heartbeats += 1);
            }
            ClientEvent::Gap { report, new } => self.tally.record_gap(report.reason, new, now),
            ClientEvent::Lost { messages } => self.tally.record_lost(messages, now),
            ClientEvent::Sample(sample) => {
                if let Some(active) = &mut self.active {
                    active.sample = Some(sample);
                }
            }
            ClientEvent::Silent => self.end(&End::Silent, CloseCode::Unresponsive, now),
            ClientEvent::Goodbye(Goodbye { code: CloseCode::Unsupported | CloseCode::TakenOver, reason }) => {
                self.give_up(CloseCode::Normal, &reason, now);
            }
            ClientEvent::Goodbye(goodbye) => {
                if let Some(active) = &mut self.active {
                    active.farewell = Some(goodbye);
                }
            }
        }
    }

    fn handle_welcome(&mut self, welcome: Welcome, now: Time) {
        let was_ready_before = self.link.handle_ready(now);
        if was_ready_before {
            self.tally.record_reconnect();
        }
        self.tally.handle_streams(&welcome.streams);
        let (level, text) = welcome_note(welcome.continuity);
        self.tally.notes.push(level, text, now);
        self.noted_reason = None;
        if let Some(active) = &mut self.active {
            active.handle_welcome(welcome);
        }
    }
}
