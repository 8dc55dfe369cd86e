//! Links of the panel: lanes to compare in outages, and a replay of its actions.

use crate::features::migration::model::plan::PlannedAction;
use crate::features::migration::model::settings::MigrationSettings;

/// Modes of the lanes for comparing survival.
const LANES: [&str; 4] = [
    "lane=stream-per-topic",
    "lane=stream-per-topic,cc:cubic-wide",
    "lane=stream-per-topic,cc:bbr",
    "lane=websocket",
];

/// Returns the page's query with the lanes for comparing survival.
pub(crate) fn with_survival_lanes(query: &str) -> String {
    let others = query.trim_start_matches('?').split('&');
    let others = others.filter(|pair| !pair.is_empty() && !pair.starts_with("lane="));
    let all: Vec<&str> = LANES.into_iter().chain(others).collect();
    "?".to_owned() + &all.join("&")
}

/// Returns the address of a page with a set-up, the panel's settings, and the actions to replay.
pub(crate) fn replaying(
    href: &str,
    setup_query: &str,
    settings: &MigrationSettings,
    recorded: &[PlannedAction],
) -> String {
    let page = href.split(['?', '#']).next().unwrap_or_default();
    let settings = MigrationSettings { plan: recorded.to_vec(), ..settings.clone() };
    [page, setup_query, "&", &settings.to_query()].concat().trim_end_matches('&').to_owned()
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::Congestion;

    use super::*;
    use crate::features::migration::model::plan::PlannedKind;
    use crate::url::share::setup_from_query;

    #[test]
    fn the_lanes_to_compare_are_a_set_up_that_the_page_understands() {
        let query = with_survival_lanes("?lane=datagrams&lane=websocket,direct&net=lte&panel=migration");
        assert!(query.ends_with("&net=lte&panel=migration"), "{query}");
        let (setup, notes) = setup_from_query(&query);
        assert_eq!(notes, Vec::<String>::new());
        let congestions: Vec<_> = setup.lanes.iter().map(|lane| lane.congestion).collect();
        let expected = [Congestion::Cubic, Congestion::CubicWide, Congestion::Bbr, Congestion::Cubic];
        assert_eq!(congestions, expected);
    }

    #[test]
    fn an_address_without_a_set_up_gets_one() {
        assert_eq!(with_survival_lanes(""), "?".to_owned() + &LANES.join("&"));
    }

    #[test]
    fn a_replay_has_the_set_up_the_settings_and_the_time_table() {
        let settings = MigrationSettings { then_switch: false, ..MigrationSettings::default() };
        let recorded = [PlannedAction { after_millis: 1_200, kind: PlannedKind::Tunnel }];
        let link = replaying("http://host/?old=1#top", "?lane=websocket", &settings, &recorded);
        assert_eq!(link, "http://host/?lane=websocket&migration-then=0&migration-plan=1200:tunnel");
        let plain = replaying("http://host/", "?lane=websocket", &MigrationSettings::default(), &[]);
        assert_eq!(plain, "http://host/?lane=websocket");
    }
}
