//! Parts of the page's address besides set-up, route and lazily loaded views: open lanes, axis, host metric,
//! actions. Read by the page's state at start and written by the sharing state. Links are untrusted input:
//! anything unreadable becomes a short note, never an error.

use crate::charts::scale::AgeAxis;
use crate::features::host::model::HostMetric;
use crate::features::share::actions::ActionPlan;
use crate::short_list::sort_by_key;
use crate::url::setup::PageSetup;

/// Settings in a link besides the set-up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkExtras {
    /// Positions of the lanes whose details are open, ascending.
    pub open_lanes: Vec<usize>,
    /// The latency axis.
    pub axis: AgeAxis,
    /// The quantity on the host panel.
    pub metric: HostMetric,
    /// Network actions to replay.
    pub plan: ActionPlan,
}

impl LinkExtras {
    /// Maximum number of notes about one link.
    const MAX_NOTES: usize = 8;

    /// Parses the extras of a query. Returns a sentence for each part that could not be parsed.
    pub fn from_query(query: &str) -> (Self, Vec<String>) {
        let (mut extras, mut notes) = (Self::default(), Vec::new());
        for pair in query.trim_start_matches('?').split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = unescaped(value);
            match name {
                "open" => extras.read_open(&value, &mut notes),
                "axis" => match value.as_str() {
                    "log" => extras.axis = AgeAxis::Log,
                    "linear" => extras.axis = AgeAxis::Linear,
                    _ => note(&mut notes, pair, "is no axis, so it is linear"),
                },
                "metric" => match HostMetric::ALL.into_iter().find(|metric| metric_name(*metric) == value) {
                    Some(metric) => extras.metric = metric,
                    None => note(&mut notes, pair, "is no metric, so CPU is shown"),
                },
                "do" => {
                    let (plan, refused) = ActionPlan::parse(&value);
                    extras.plan = plan;
                    for (entry, reason) in refused {
                        note(&mut notes, &entry, &[reason, ", so it is left out"].concat());
                    }
                }
                _ => {}
            }
        }
        (extras, notes)
    }

    /// Returns the extras as a suffix of the address; empty when all have their defaults.
    pub fn suffix(&self) -> String {
        let mut text = String::new();
        let mut part = |name: &str, value: &str| text.extend(["&", name, "=", value]);
        if !self.open_lanes.is_empty() {
            let positions: Vec<_> = self.open_lanes.iter().map(usize::to_string).collect();
            part("open", &positions.join(","));
        }
        if self.axis != AgeAxis::default() {
            part("axis", "log");
        }
        if self.metric != HostMetric::default() {
            part("metric", &metric_name(self.metric));
        }
        if !self.plan.is_empty() {
            part("do", &self.plan.text());
        }
        text
    }

    fn read_open(&mut self, value: &str, notes: &mut Vec<String>) {
        for text in value.split(',').take(2 * PageSetup::MAX_LANES) {
            match text.parse() {
                Ok(position) if position < PageSetup::MAX_LANES => self.open_lanes.push(position),
                Ok(_) | Err(_) => note(notes, &["open=", text].concat(), "is no lane, so nothing is opened"),
            }
        }
        sort_by_key(&mut self.open_lanes, |position| *position);
        self.open_lanes.dedup();
    }
}

fn metric_name(metric: HostMetric) -> String {
    metric.name().to_ascii_lowercase()
}

/// Decodes the percent-escapes that other programs use for commas and colons.
fn unescaped(value: &str) -> String {
    let mut text = value.to_owned();
    for (escape, character) in [("%2C", ","), ("%2c", ","), ("%3A", ":"), ("%3a", ":")] {
        text = text.replace(escape, character);
    }
    text
}

fn note(notes: &mut Vec<String>, part: &str, outcome: &str) {
    // A link may come from anywhere: keep quotes from it short.
    if notes.len() < LinkExtras::MAX_NOTES {
        let shown: String = part.chars().take(60).collect();
        notes.push(format!("In the link, “{shown}” {outcome}."));
    } else if notes.len() == LinkExtras::MAX_NOTES {
        notes.push("Further parts of the link could not be read and are left out.".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extras_survive_their_link() {
        let (plan, _) = ActionPlan::parse("2:tunnel:4,8:switch-network");
        let extras =
            LinkExtras { open_lanes: vec![0, 2], axis: AgeAxis::Log, metric: HostMetric::Disk, plan };
        let suffix = extras.suffix();
        assert_eq!(suffix, "&open=0,2&axis=log&metric=disk&do=2:tunnel:4,8:switch-network");
        assert_eq!(LinkExtras::from_query(&("?lane=websocket".to_owned() + &suffix)), (extras, Vec::new()));
    }

    #[test]
    fn defaults_take_no_room_in_the_address() {
        assert_eq!(LinkExtras::default().suffix(), "");
        assert_eq!(LinkExtras::from_query("?rate=3&utm=x"), (LinkExtras::default(), Vec::new()));
        assert_eq!(LinkExtras::from_query(""), (LinkExtras::default(), Vec::new()));
    }

    #[test]
    fn an_escaped_timetable_is_the_same() {
        let (extras, notes) = LinkExtras::from_query("?do=2%3Atunnel%3a4%2C8:switch-network");
        assert_eq!(extras.plan.text(), "2:tunnel:4,8:switch-network");
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn parts_that_cannot_be_read_become_notes() {
        let (extras, notes) =
            LinkExtras::from_query("?open=1,9,1,x&axis=cubic&metric=mood&do=2:fly,3:block-udp");
        assert_eq!((extras.open_lanes.as_slice(), extras.axis), ([1].as_slice(), AgeAxis::Linear));
        assert_eq!(extras.plan.text(), "3:block-udp");
        assert_eq!(notes.len(), 5, "{notes:?}");
        assert_eq!(notes[4], "In the link, “2:fly” is no action that a link may contain, so it is left out.");
    }

    #[test]
    fn a_hostile_link_leaves_few_notes() {
        let (_, notes) = LinkExtras::from_query(&("do=".to_owned() + &"x,".repeat(5_000)));
        assert_eq!(notes.len(), LinkExtras::MAX_NOTES + 1);
    }
}
