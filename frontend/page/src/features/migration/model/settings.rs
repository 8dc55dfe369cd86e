//! Settings of the migration panel, and their encoding in the page's address. Links are untrusted: unknown or
//! out-of-range values fall back to the defaults.

use sluice_shared::lab::{LabEvent, LabRouting, NewAddress, OriginalFate, Spoof, Switch, TcpFate};

use crate::features::migration::drawing::scale::Extent;
use crate::features::migration::model::plan::{self, PlannedAction};

/// Available outage lengths, seconds.
pub(crate) const TUNNEL_SECS: [u32; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12];
/// Available numbers of copied packets.
pub(crate) const COPIED_PACKETS: [u8; 3] = [1, 4, 16];

/// All settings of the panel that a link reproduces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MigrationSettings {
    /// Kind of network change.
    pub(crate) switch: Switch,
    /// Length of an outage, one of [`TUNNEL_SECS`].
    pub(crate) tunnel_secs: u32,
    /// True if clients change networks at the end of an outage.
    pub(crate) then_switch: bool,
    /// Attack that copies packets; the number is one of [`COPIED_PACKETS`].
    pub(crate) spoof: Spoof,
    /// The balancer's routing.
    pub(crate) routing: LabRouting,
    /// The number of backends behind a balancer.
    pub(crate) backends: u8,
    /// True if new connections may migrate.
    pub(crate) allows_migration: bool,
    /// Time range of a change that is drawn.
    pub(crate) extent: Extent,
    /// Actions that a link replays once the lanes are open.
    pub(crate) plan: Vec<PlannedAction>,
}

impl Default for MigrationSettings {
    fn default() -> Self {
        Self {
            switch: Switch::default(),
            tunnel_secs: 4,
            then_switch: true,
            spoof: Spoof::default(),
            routing: LabRouting::Off,
            backends: LabEvent::MIN_BACKENDS,
            allows_migration: true,
            extent: Extent::default(),
            plan: Vec::new(),
        }
    }
}

impl MigrationSettings {
    /// Encodes the settings that differ from the defaults, joined by `&`; each name begins with `migration-`.
    pub(crate) fn to_query(&self) -> String {
        let default = Self::default();
        let mut parts = Vec::new();
        let mut part = |name: &str, value: &str, is_default: bool| {
            if !is_default {
                parts.push(["migration-", name, "=", value].concat());
            }
        };
        let flag = |is_set: bool| if is_set { "1" } else { "0" };
        let Switch { address, tcp } = self.switch;
        part("address", address.name(), address == default.switch.address);
        part("tcp", tcp.name(), tcp == default.switch.tcp);
        part("tunnel", &self.tunnel_secs.to_string(), self.tunnel_secs == default.tunnel_secs);
        part("then", flag(self.then_switch), self.then_switch == default.then_switch);
        part("copies", &self.spoof.packets.to_string(), self.spoof.packets == default.spoof.packets);
        part("originals", self.spoof.original.name(), self.spoof.original == default.spoof.original);
        part("routing", self.routing.name(), self.routing == default.routing);
        part("backends", &self.backends.to_string(), self.backends == default.backends);
        part("allowed", flag(self.allows_migration), self.allows_migration == default.allows_migration);
        part("axis", self.extent.name(), self.extent == default.extent);
        part("plan", &plan::to_text(&self.plan), self.plan.is_empty());
        parts.join("&")
    }

    /// Parses the settings of a query; unknown or out-of-range parts keep the defaults.
    pub(crate) fn from_query(query: &str) -> Self {
        let mut settings = Self::default();
        for part in query.trim_start_matches('?').split('&') {
            if let Some((name, value)) = part.strip_prefix("migration-").and_then(|part| part.split_once('='))
            {
                settings.read(name, value);
            }
        }
        settings
    }

    fn read(&mut self, name: &str, value: &str) {
        match name {
            "address" => set(&mut self.switch.address, named(&NewAddress::ALL, NewAddress::name, value)),
            "tcp" => set(&mut self.switch.tcp, named(&TcpFate::ALL, TcpFate::name, value)),
            "tunnel" => set(&mut self.tunnel_secs, number(&TUNNEL_SECS, value)),
            "then" => set(&mut self.then_switch, flag(value)),
            "copies" => set(&mut self.spoof.packets, number(&COPIED_PACKETS, value)),
            "originals" => {
                set(&mut self.spoof.original, named(&OriginalFate::ALL, OriginalFate::name, value));
            }
            "routing" => set(&mut self.routing, named(&LabRouting::ALL, LabRouting::name, value)),
            "backends" => {
                let counts: Vec<u8> = (LabEvent::MIN_BACKENDS..=LabEvent::MAX_BACKENDS).collect();
                set(&mut self.backends, number(&counts, value));
            }
            "allowed" => set(&mut self.allows_migration, flag(value)),
            "axis" => set(&mut self.extent, named(&Extent::ALL, Extent::name, value)),
            "plan" => self.plan = plan::from_text(value),
            _ => {}
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn named<T: Copy>(all: &[T], name_of: fn(T) -> &'static str, name: &str) -> Option<T> {
    all.iter().copied().find(|each| name_of(*each) == name)
}

fn number<T: Copy + PartialEq + core::str::FromStr>(offered: &[T], value: &str) -> Option<T> {
    value.parse().ok().filter(|value| offered.contains(value))
}

#[cfg(test)]
mod tests {
    use sluice_bridge::View;

    use super::*;
    use crate::features::migration::model::plan::PlannedKind;
    use crate::url::view_query::ViewQuery;

    fn elaborate() -> MigrationSettings {
        MigrationSettings {
            switch: Switch { address: NewAddress::Host, tcp: TcpFate::Silent },
            tunnel_secs: 12,
            then_switch: false,
            spoof: Spoof { packets: 16, original: OriginalFate::Dropped },
            routing: LabRouting::ConnectionId,
            backends: 4,
            allows_migration: false,
            extent: Extent::Fifth,
            plan: vec![PlannedAction { after_millis: 1_500, kind: PlannedKind::Switch }],
        }
    }

    #[test]
    fn settings_survive_their_link() {
        for settings in [MigrationSettings::default(), elaborate()] {
            assert_eq!(MigrationSettings::from_query(&settings.to_query()), settings);
        }
        assert_eq!(MigrationSettings::default().to_query(), "");
    }

    #[test]
    fn settings_belong_to_the_view_and_pass_through_the_page() {
        let query = elaborate().to_query();
        let kept = ViewQuery::from_query(&["?lane=websocket&", &query].concat());
        assert_eq!(kept.of(View::Migration), query);
    }

    #[test]
    fn values_that_are_not_offered_leave_the_defaults() {
        let query = "migration-tunnel=9&migration-copies=200&migration-backends=5&migration-address=pigeon\
                     &migration-then=yes&migration-axis=&address=host&migration-plan=x&migration";
        assert_eq!(MigrationSettings::from_query(query), MigrationSettings::default());
    }
}
