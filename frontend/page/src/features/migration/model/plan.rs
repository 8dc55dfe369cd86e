//! Timed plan of the panel's actions, as stored in links.

use crate::short_list::sort_by_key;

/// Action with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlannedAction {
    /// Time after the first moment at which all lanes are open, ms.
    pub(crate) after_millis: u32,
    /// Kind of action.
    pub(crate) kind: PlannedKind,
}

/// Actions that a link can replay; their settings are part of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlannedKind {
    /// A change of networks.
    Switch,
    /// Ten changes of networks.
    TenSwitches,
    /// An outage.
    Tunnel,
    /// A series of outages.
    TunnelSeries,
    /// An attacker that copies packets.
    Spoof,
}

impl PlannedKind {
    /// All kinds of actions.
    const ALL: [Self; 5] = [Self::Switch, Self::TenSwitches, Self::Tunnel, Self::TunnelSeries, Self::Spoof];

    /// Returns the name used in links.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::TenSwitches => "ten",
            Self::Tunnel => "tunnel",
            Self::TunnelSeries => "series",
            Self::Spoof => "spoof",
        }
    }
}

/// Maximum number of actions in a plan.
pub(crate) const MAX_ACTIONS: usize = 16;
/// Latest time of an action, ms.
const MAX_MILLIS: u32 = 600_000;

/// Formats a plan for links: `1500:switch,4000:tunnel`.
pub(crate) fn to_text(plan: &[PlannedAction]) -> String {
    let action =
        |action: &PlannedAction| [&*action.after_millis.to_string(), ":", action.kind.name()].concat();
    plan.iter().take(MAX_ACTIONS).map(action).collect::<Vec<_>>().join(",")
}

/// Parses a plan from a link, in time order; unknown entries are ignored.
pub(crate) fn from_text(text: &str) -> Vec<PlannedAction> {
    let action = |part: &str| {
        let (millis, name) = part.split_once(':')?;
        let after_millis = millis.parse().ok().filter(|millis| *millis <= MAX_MILLIS)?;
        let kind = PlannedKind::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some(PlannedAction { after_millis, kind })
    };
    let mut plan: Vec<_> = text.split(',').filter_map(action).take(MAX_ACTIONS).collect();
    sort_by_key(&mut plan, |action| action.after_millis);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_table_survives_its_link_and_is_in_order() {
        let plan = from_text("4000:tunnel,1500:switch,9:pigeon,x:ten,700000:spoof");
        let expected = [
            PlannedAction { after_millis: 1_500, kind: PlannedKind::Switch },
            PlannedAction { after_millis: 4_000, kind: PlannedKind::Tunnel },
        ];
        assert_eq!(plan, expected);
        assert_eq!(from_text(&to_text(&plan)), expected);
        assert_eq!(from_text(""), []);
    }

    #[test]
    fn a_time_table_is_bounded() {
        assert_eq!(from_text(&"1:switch,".repeat(1_000)).len(), MAX_ACTIONS);
    }

    #[test]
    fn every_action_has_a_name_of_its_own() {
        for kind in PlannedKind::ALL {
            let plan = [PlannedAction { after_millis: 0, kind }];
            assert_eq!(from_text(&to_text(&plan)), plan);
        }
    }
}
