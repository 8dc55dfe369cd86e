//! A time table of the panel's actions, so that a link can replay them.

use crate::short_list::sort_by_key;

/// An action at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlannedAction {
    /// The time after the first moment at which all lanes are open, ms.
    pub(crate) after_millis: u32,
    /// The action.
    pub(crate) kind: PlannedKind,
}

/// Actions that a link can replay; their settings are those of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlannedKind {
    /// A change of networks.
    Switch,
    /// Ten changes of networks.
    TenSwitches,
    /// A tunnel.
    Tunnel,
    /// A series of tunnels.
    TunnelSeries,
    /// An attacker's copies.
    Spoof,
}

impl PlannedKind {
    /// All kinds.
    const ALL: [Self; 5] = [Self::Switch, Self::TenSwitches, Self::Tunnel, Self::TunnelSeries, Self::Spoof];

    /// The name in links.
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

/// Most actions of a time table.
pub(crate) const MAX_ACTIONS: usize = 16;
/// The latest action, ms.
const MAX_MILLIS: u32 = 600_000;

/// The form in links: `1500:switch,4000:tunnel`.
pub(crate) fn to_text(plan: &[PlannedAction]) -> String {
    let action =
        |action: &PlannedAction| [&*action.after_millis.to_string(), ":", action.kind.name()].concat();
    plan.iter().take(MAX_ACTIONS).map(action).collect::<Vec<_>>().join(",")
}

/// Reads the form in links, in the order of time; what is not understood is left out.
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
