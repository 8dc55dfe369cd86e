//! What the page's own lanes say of themselves: the module has no part in them, so it reads what everybody reads.

use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element};

use crate::features::frames::model::push_text;
use crate::features::migration::trail;
use crate::features::migration::trail::Moment;
use sluice_bridge::Silence;
use sluice_text::format;

/// A lane as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageLane {
    /// The number that its connections name.
    pub(crate) lane: u16,
    /// What the page calls it.
    pub(crate) name: String,
    /// What its mode is carried by; a lane that falls back may be on the other one.
    pub(crate) transport: Transport,
    /// What it is doing.
    pub(crate) state: String,
    /// Connections after the first.
    pub(crate) reconnects: u64,
    /// Messages in gaps.
    pub(crate) gaps: u64,
    /// Messages that never came and that no gap explains.
    pub(crate) lost: u64,
    /// The last events in the life of its connections, oldest first, on the server's clock.
    pub(crate) life: Vec<Moment>,
    /// Its last silences, oldest first, on the server's clock.
    pub(crate) silences: Vec<Silence>,
    /// Since when these are all.
    pub(crate) silences_since: Option<Time>,
}

/// The lanes from above.
pub(crate) fn read(document: &Document) -> Vec<PageLane> {
    let Ok(found) = document.query_selector_all("[data-lane]") else { return Vec::new() };
    let elements = (0..found.length()).filter_map(|at| found.get(at)?.dyn_into::<Element>().ok());
    elements.filter_map(|element| lane(&element)).collect()
}

fn lane(element: &Element) -> Option<PageLane> {
    let mode: Mode = element.get_attribute("data-testid")?.strip_prefix("lane-")?.parse().ok()?;
    let fact = |id: &str| {
        let selector = ["[data-testid=", id, "]"].concat();
        element.query_selector(&selector).ok()??.get_attribute("data-value")?.parse().ok()
    };
    let silences = element.get_attribute("data-silences").unwrap_or_default();
    Some(PageLane {
        lane: element.get_attribute("data-lane")?.parse().ok()?,
        name: element.get_attribute("aria-label")?.strip_prefix("Lane ")?.to_owned(),
        transport: mode.transport(),
        state: element.get_attribute("data-state")?,
        reconnects: fact("reconnects").unwrap_or(0),
        gaps: fact("gaps").unwrap_or(0),
        lost: fact("lost").unwrap_or(0),
        life: trail::moments(&element.get_attribute("data-life").unwrap_or_default()),
        silences: trail::silences(&silences),
        silences_since: trail::silences_since(&silences),
    })
}

/// What a lane is called; one that has left the page has its number.
pub(crate) fn name_of(lanes: &[PageLane], lane: u16) -> String {
    let known = lanes.iter().find(|known| known.lane == lane);
    known.map_or_else(|| "lane ".to_owned() + &lane.to_string(), |known| known.name.clone())
}

/// A line for each lane.
pub(crate) fn html(lanes: &[PageLane]) -> String {
    let mut html = "<table class=proof><thead><tr><th></th><th>now</th><th>reconnects</th><th>in gaps</th>\
                    <th>lost</th></tr></thead><tbody>"
        .to_owned();
    for lane in lanes {
        html.push_str("<tr><th>");
        push_text(&mut html, &lane.name);
        html.push_str("</th><td>");
        push_text(&mut html, &lane.state);
        html.push_str("</td>");
        for (count, is_harm) in [(lane.reconnects, false), (lane.gaps, true), (lane.lost, true)] {
            html.extend([
                if is_harm && count > 0 { "<td class=bad>" } else { "<td>" },
                &format::count(count),
                "</td>",
            ]);
        }
        html.push_str("</tr>");
    }
    html + "</tbody></table>"
}
