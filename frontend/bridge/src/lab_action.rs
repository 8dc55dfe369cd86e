//! The emulated network's settings and events in a form that postcard encodes.
//!
//! The API's own types ([`LinkChange`], [`LabEvent`]) omit absent fields and tag variants by name. That suits
//! JSON, but a format without field names cannot decode it.

use serde::{Deserialize, Serialize};
use sluice_shared::lab::{LabEvent, LabRouting, LinkChange, Spoof, Switch};

/// A network: a preset, the settings that differ from it, and a seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkSettings {
    /// The name of the preset.
    pub preset: String,
    /// Minimum one-way delay, ms.
    pub delay_ms: Option<f64>,
    /// Maximum additional delay of a packet, ms.
    pub jitter_ms: Option<f64>,
    /// The bottleneck's rate, kbit/s.
    pub rate_kbit: Option<f64>,
    /// The bottleneck's queue, ms at its rate.
    pub queue_ms: Option<f64>,
    /// Mean loss, %.
    pub loss_percent: Option<f64>,
    /// Mean length of a loss burst, ms.
    pub burst_ms: Option<f64>,
    /// The seed of every random choice.
    pub seed: u64,
}

impl NetworkSettings {
    /// Returns the settings of `preset` with `change` applied.
    pub fn new(preset: &str, change: &LinkChange, seed: u64) -> Self {
        let &LinkChange { delay_ms, jitter_ms, rate_kbit, queue_ms, loss_percent, burst_ms } = change;
        let preset = preset.to_owned();
        Self { preset, delay_ms, jitter_ms, rate_kbit, queue_ms, loss_percent, burst_ms, seed }
    }

    /// Returns the differences from the preset.
    pub const fn change(&self) -> LinkChange {
        LinkChange {
            delay_ms: self.delay_ms,
            jitter_ms: self.jitter_ms,
            rate_kbit: self.rate_kbit,
            queue_ms: self.queue_ms,
            loss_percent: self.loss_percent,
            burst_ms: self.burst_ms,
        }
    }
}

/// An event of the emulated network: [`LabEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum LabAction {
    /// [`LabEvent::Tunnel`].
    Tunnel {
        /// Length of the outage, seconds.
        seconds: f64,
    },
    /// [`LabEvent::SwitchNetwork`].
    SwitchNetwork(Switch),
    /// [`LabEvent::Spoof`].
    Spoof(Spoof),
    /// [`LabEvent::BlockUdp`].
    BlockUdp {
        /// True if UDP is blocked.
        blocked: bool,
    },
    /// [`LabEvent::Balance`].
    Balance {
        /// The balancer's routing.
        routing: LabRouting,
        /// The number of backends.
        backends: u8,
    },
    /// [`LabEvent::Backend`].
    Backend {
        /// The backend's number.
        index: u8,
        /// True if it is up.
        up: bool,
    },
    /// [`LabEvent::KillBackend`].
    KillBackend {
        /// The backend's number.
        index: u8,
    },
    /// [`LabEvent::Migration`].
    Migration {
        /// True if connection migration is allowed.
        allowed: bool,
    },
}

impl From<LabAction> for LabEvent {
    fn from(action: LabAction) -> Self {
        match action {
            LabAction::Tunnel { seconds } => Self::Tunnel { seconds },
            LabAction::SwitchNetwork(switch) => Self::SwitchNetwork(switch),
            LabAction::Spoof(spoof) => Self::Spoof(spoof),
            LabAction::BlockUdp { blocked } => Self::BlockUdp { blocked },
            LabAction::Balance { routing, backends } => Self::Balance { routing, backends },
            LabAction::Backend { index, up } => Self::Backend { index, up },
            LabAction::KillBackend { index } => Self::KillBackend { index },
            LabAction::Migration { allowed } => Self::Migration { allowed },
        }
    }
}

impl From<LabEvent> for LabAction {
    fn from(event: LabEvent) -> Self {
        match event {
            LabEvent::Tunnel { seconds } => Self::Tunnel { seconds },
            LabEvent::SwitchNetwork(switch) => Self::SwitchNetwork(switch),
            LabEvent::Spoof(spoof) => Self::Spoof(spoof),
            LabEvent::BlockUdp { blocked } => Self::BlockUdp { blocked },
            LabEvent::Balance { routing, backends } => Self::Balance { routing, backends },
            LabEvent::Backend { index, up } => Self::Backend { index, up },
            LabEvent::KillBackend { index } => Self::KillBackend { index },
            LabEvent::Migration { allowed } => Self::Migration { allowed },
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{NewAddress, OriginalFate, TcpFate};

    use super::*;

    #[test]
    fn every_event_survives_its_encoding() {
        let events = [
            LabEvent::Tunnel { seconds: 2.5 },
            LabEvent::SwitchNetwork(Switch { address: NewAddress::Host, tcp: TcpFate::Silent }),
            LabEvent::Spoof(Spoof { packets: 3, original: OriginalFate::Dropped }),
            LabEvent::BlockUdp { blocked: true },
            LabEvent::Balance { routing: LabRouting::ConnectionId, backends: 3 },
            LabEvent::Backend { index: 1, up: false },
            LabEvent::KillBackend { index: 2 },
            LabEvent::Migration { allowed: false },
        ];
        for event in events {
            let bytes = postcard::to_stdvec(&LabAction::from(event)).expect("an event can be encoded");
            let back: LabAction = postcard::from_bytes(&bytes).expect("an event can be decoded");
            assert_eq!(LabEvent::from(back), event);
        }
    }

    #[test]
    fn a_network_keeps_its_changes() {
        let change = LinkChange { loss_percent: Some(2.0), queue_ms: Some(9.0), ..LinkChange::default() };
        let settings = NetworkSettings::new("lte", &change, 7);
        assert_eq!((settings.change(), settings.seed, settings.preset.as_str()), (change, 7, "lte"));
    }
}
