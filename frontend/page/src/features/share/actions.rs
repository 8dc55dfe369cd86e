//! Timed network actions, and their encoding in links.
//!
//! ```text
//! do=2:tunnel:4,8:switch-network,12:block-udp
//! ```
//! Each entry is the seconds after the first lane connected, an action, and its settings: `tunnel:<seconds>`,
//! `switch-network[:port|host[:<fate of TCP connections>]]`, `block-udp`, `allow-udp`. A link may come from
//! anyone, so an action changes the page's own emulated network and nothing else: events that end server
//! processes, forge packets or build a balancer have no name here.

use crate::short_list::sort_by_key;
use core::time::Duration;

use sluice_shared::lab::{LabEvent, NewAddress, Switch, TcpFate};
use sluice_text::decimal::{parsed, short};

/// An action allowed in a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetworkAction {
    /// An outage of the network.
    Tunnel {
        /// Duration of the outage.
        millis: u32,
    },
    /// A change of the client's address.
    SwitchNetwork(Switch),
    /// Blocks UDP, or lets it through again.
    BlockUdp {
        /// True to block, false to let through.
        blocked: bool,
    },
}

/// Network action with its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedAction {
    /// Milliseconds after the first lane connected.
    pub after_millis: u32,
    /// The action.
    pub action: NetworkAction,
}

/// Timed actions, in time order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionPlan {
    actions: Vec<TimedAction>,
}

impl NetworkAction {
    /// Returns the action of a lab event; `None` for an event that is not allowed in links.
    pub fn from_event(event: LabEvent) -> Option<Self> {
        match event {
            LabEvent::Tunnel { seconds } => {
                Some(Self::Tunnel { millis: (seconds.max(0.0) * 1e3).round() as u32 })
            }
            LabEvent::SwitchNetwork(switch) => Some(Self::SwitchNetwork(switch)),
            LabEvent::BlockUdp { blocked } => Some(Self::BlockUdp { blocked }),
            LabEvent::Spoof(_)
            | LabEvent::Balance { .. }
            | LabEvent::Backend { .. }
            | LabEvent::KillBackend { .. }
            | LabEvent::Migration { .. } => None,
        }
    }

    /// Returns the lab event that performs the action.
    pub fn event(self) -> LabEvent {
        match self {
            Self::Tunnel { millis } => LabEvent::Tunnel { seconds: f64::from(millis) / 1e3 },
            Self::SwitchNetwork(switch) => LabEvent::SwitchNetwork(switch),
            Self::BlockUdp { blocked } => LabEvent::BlockUdp { blocked },
        }
    }

    /// Returns the action's text in a link.
    pub fn text(self) -> String {
        match self {
            Self::Tunnel { millis } => ["tunnel:", &seconds_text(millis)].concat(),
            Self::SwitchNetwork(Switch { address, tcp }) => {
                let default = Switch::default();
                let mut text = "switch-network".to_owned();
                if address != default.address || tcp != default.tcp {
                    text.extend([":", address.name()]);
                }
                if tcp != default.tcp {
                    text.extend([":", tcp.name()]);
                }
                text
            }
            Self::BlockUdp { blocked: true } => "block-udp".to_owned(),
            Self::BlockUdp { blocked: false } => "allow-udp".to_owned(),
        }
    }

    /// Parses an action; `None` if it is unknown or out of range.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let name = parts.next()?;
        let (first, second) = (parts.next(), parts.next());
        let has_more = parts.next().is_some();
        let action = match (name, first, second) {
            ("tunnel", Some(seconds), None) => {
                let seconds = parsed(seconds)?;
                (LabEvent::MIN_TUNNEL_SECS..=LabEvent::MAX_TUNNEL_SECS)
                    .contains(&seconds)
                    .then(|| Self::Tunnel { millis: (seconds * 1e3).round() as u32 })?
            }
            ("switch-network", address, tcp) => {
                let mut switch = Switch::default();
                if let Some(name) = address {
                    switch.address = NewAddress::ALL.into_iter().find(|address| address.name() == name)?;
                }
                if let Some(name) = tcp {
                    switch.tcp = TcpFate::ALL.into_iter().find(|fate| fate.name() == name)?;
                }
                Self::SwitchNetwork(switch)
            }
            ("block-udp", None, None) => Self::BlockUdp { blocked: true },
            ("allow-udp", None, None) => Self::BlockUdp { blocked: false },
            _ => return None,
        };
        (!has_more).then_some(action)
    }
}

impl TimedAction {
    /// Returns the time after the first lane connected.
    pub fn after(self) -> Duration {
        Duration::from_millis(self.after_millis.into())
    }

    /// Returns the entry in a link.
    pub fn text(self) -> String {
        [&seconds_text(self.after_millis), ":", &self.action.text()].concat()
    }

    fn parse(text: &str) -> Option<Self> {
        let (seconds, action) = text.split_once(':')?;
        let millis = (parsed(seconds)? * 1e3).round();
        let is_in_range = millis <= f64::from(ActionPlan::MAX_MILLIS);
        is_in_range.then_some(Self { after_millis: millis as u32, action: NetworkAction::parse(action)? })
    }
}

impl ActionPlan {
    /// Maximum number of actions in a link.
    pub const MAX_ACTIONS: usize = 32;
    /// Latest time of an action in a link: one hour.
    pub const MAX_MILLIS: u32 = 3_600_000;
    /// Maximum number of entries that are parsed at all.
    const MAX_ENTRIES: usize = 2 * Self::MAX_ACTIONS;

    /// Returns a plan of these actions in time order. Actions beyond the limit are dropped, the latest first.
    pub fn new(actions: impl IntoIterator<Item = TimedAction>) -> Self {
        let mut actions: Vec<_> =
            actions.into_iter().filter(|action| action.after_millis <= Self::MAX_MILLIS).collect();
        sort_by_key(&mut actions, |action| action.after_millis);
        actions.truncate(Self::MAX_ACTIONS);
        Self { actions }
    }

    /// Parses the value of `do`. Returns the plan and the rejected entries, each with the reason.
    pub fn parse(value: &str) -> (Self, Vec<(String, &'static str)>) {
        let (mut actions, mut refused) = (Vec::new(), Vec::new());
        let mut entries = value.split(',').filter(|entry| !entry.is_empty());
        for entry in entries.by_ref().take(Self::MAX_ENTRIES) {
            match TimedAction::parse(entry) {
                Some(_) if actions.len() == Self::MAX_ACTIONS => {
                    refused.push((entry.to_owned(), "is one action too many"));
                }
                Some(action) => actions.push(action),
                None => refused.push((entry.to_owned(), "is no action that a link may contain")),
            }
        }
        if entries.next().is_some() {
            refused.push(("do".to_owned(), "has more entries than are read"));
        }
        (Self::new(actions), refused)
    }

    /// Returns the value of `do`; empty if there are no actions.
    pub fn text(&self) -> String {
        self.actions.iter().map(|action| action.text()).collect::<Vec<_>>().join(",")
    }

    /// Returns the actions in time order.
    pub fn actions(&self) -> &[TimedAction] {
        &self.actions
    }

    /// Reports whether there is no action.
    pub const fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

fn seconds_text(millis: u32) -> String {
    short(f64::from(millis) / 1e3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_shared::lab::{LabRouting, Spoof};

    use super::*;

    fn action() -> impl Strategy<Value = NetworkAction> {
        let address = proptest::sample::select(NewAddress::ALL.to_vec());
        let tcp = proptest::sample::select(TcpFate::ALL.to_vec());
        prop_oneof![
            (100u32..=120_000).prop_map(|millis| NetworkAction::Tunnel { millis }),
            (address, tcp).prop_map(|(address, tcp)| NetworkAction::SwitchNetwork(Switch { address, tcp })),
            any::<bool>().prop_map(|blocked| NetworkAction::BlockUdp { blocked }),
        ]
    }

    proptest! {
        #[test]
        fn a_plan_survives_its_link(
            timed in proptest::collection::vec((0..=ActionPlan::MAX_MILLIS, action()), 0..=ActionPlan::MAX_ACTIONS)
        ) {
            let plan = ActionPlan::new(
                timed.into_iter().map(|(after_millis, action)| TimedAction { after_millis, action }),
            );
            let (back, refused) = ActionPlan::parse(&plan.text());
            prop_assert_eq!(back, plan);
            prop_assert!(refused.is_empty());
        }

        #[test]
        fn any_text_gives_a_bounded_plan_and_a_reason_for_each_entry_left_out(text in "[0-9a-z:,.%-]{0,400}") {
            let (plan, refused) = ActionPlan::parse(&text);
            let entries = text.split(',').filter(|entry| !entry.is_empty()).count();
            prop_assert!(plan.actions().len() <= ActionPlan::MAX_ACTIONS);
            prop_assert!(entries > ActionPlan::MAX_ENTRIES || plan.actions().len() + refused.len() == entries);
        }
    }

    #[test]
    fn a_timetable_is_read_as_it_is_documented() {
        let (plan, refused) = ActionPlan::parse("8:switch-network,2:tunnel:4,12.5:block-udp,13:allow-udp");
        let expected = [
            (2_000, NetworkAction::Tunnel { millis: 4_000 }),
            (8_000, NetworkAction::SwitchNetwork(Switch::default())),
            (12_500, NetworkAction::BlockUdp { blocked: true }),
            (13_000, NetworkAction::BlockUdp { blocked: false }),
        ]
        .map(|(after_millis, action)| TimedAction { after_millis, action });
        assert_eq!(plan.actions(), expected);
        assert_eq!(refused, []);
        assert_eq!(plan.text(), "2:tunnel:4,8:switch-network,12.5:block-udp,13:allow-udp");
    }

    #[test]
    fn entries_that_cannot_be_read_are_returned_with_a_reason() {
        let bad = [
            "tunnel:4",
            "2:tunnel",
            "2:tunnel:0",
            "2:tunnel:121",
            "2:tunnel:4:5",
            "-1:block-udp",
            "3601:block-udp",
            "2:block-udp:1",
            "2:switch-network:moon",
            "2:switch-network:port:told:x",
        ];
        let (plan, refused) = ActionPlan::parse(&bad.join(","));
        assert!(plan.is_empty());
        assert_eq!(refused.iter().map(|(entry, _)| entry.as_str()).collect::<Vec<_>>(), bad);
    }

    #[test]
    fn a_link_reaches_nothing_but_the_pages_own_network() {
        let beyond = "1:kill-backend:0,1:backend:0,1:spoof:9,1:balance,1:migration,1:flood,1:DELETE";
        let (plan, refused) = ActionPlan::parse(beyond);
        assert!(plan.is_empty());
        assert_eq!(refused.len(), 7);
        let events = [
            LabEvent::KillBackend { index: 0 },
            LabEvent::Backend { index: 0, up: false },
            LabEvent::Spoof(Spoof::default()),
            LabEvent::Balance { routing: LabRouting::ConnectionId, backends: 2 },
            LabEvent::Migration { allowed: false },
        ];
        assert!(events.into_iter().all(|event| NetworkAction::from_event(event).is_none()));
    }

    #[test]
    fn a_long_timetable_is_cut_with_a_reason() {
        let (plan, refused) = ActionPlan::parse(&"1:block-udp,".repeat(40));
        assert_eq!((plan.actions().len(), refused.len()), (ActionPlan::MAX_ACTIONS, 8));
        let (plan, refused) = ActionPlan::parse(&"x,".repeat(10_000));
        assert!(plan.is_empty());
        assert_eq!(refused.len(), ActionPlan::MAX_ENTRIES + 1);
    }
}
