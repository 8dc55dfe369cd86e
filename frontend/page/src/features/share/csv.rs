//! The timeline's series as CSV (RFC 4180): one row per lane and 50 ms column.

use sluice_bridge::AgeColumn;
use sluice_shared::mode::Mode;

use crate::features::timeline::scene::Scene;

/// Header line: names and units.
const HEADER: &str = "lane,mode,time (Unix ms),messages consumed,latency min (us),latency mean (us),latency max (us),\
messages skipped,stall ended";

/// Formats the series of `scene`; `modes` are those of its lanes. A column without consumed messages has no
/// latency.
pub fn series_csv(scene: &Scene, modes: &[Mode]) -> String {
    let mut text = String::from(HEADER);
    text.push_str("\r\n");
    for ((position, lane), mode) in scene.lanes.iter().enumerate().zip(modes) {
        let name = quoted(&lane.name);
        for column in scene.visible(position) {
            let latency = |micros: u32| if column.count == 0 { String::new() } else { micros.to_string() };
            let cells = [
                name.clone(),
                mode.name().to_owned(),
                (column.index * AgeColumn::WIDTH_MICROS / 1_000).to_string(),
                column.count.to_string(),
                latency(column.min),
                latency(column.mean),
                latency(column.max),
                column.gaps.to_string(),
                u8::from(column.stall).to_string(),
            ];
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
    }
    text
}

/// Returns a text as a quoted cell. One that a spreadsheet would compute begins with an apostrophe.
fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    ["\"", guard, &text.replace('"', "\"\""), "\""].concat()
}

#[cfg(test)]
mod tests {
    use sluice_shared::time::Time;

    use super::*;
    use crate::charts::series::series_styles;
    use crate::features::timeline::scene::SceneLane;

    #[test]
    fn a_row_holds_one_column_of_one_lane_and_no_latency_where_nothing_was_consumed() {
        let modes = [Mode::WebSocket, Mode::Datagrams];
        let consumed =
            AgeColumn { index: 20, count: 3, min: 900, mean: 1_200, max: 1_500, gaps: 0, stall: false };
        let skipped = AgeColumn { index: 21, gaps: 4, stall: true, ..AgeColumn::default() };
        let outside = AgeColumn { index: 900, count: 1, ..AgeColumn::default() };
        let columns = [vec![consumed, skipped, outside], vec![consumed]];
        let lanes = series_styles(&modes).into_iter().zip(["=1+\"1\", <b>", "Datagrams"]).zip(columns);
        let scene = Scene {
            from: Time::from_millis(1_000),
            until: Time::from_millis(31_000),
            lanes: lanes
                .map(|((series_style, name), columns)| SceneLane {
                    series_style,
                    name: name.to_owned(),
                    columns,
                    phases: Vec::new(),
                })
                .collect(),
            ..Scene::default()
        };
        let expected = "lane,mode,time (Unix ms),messages consumed,latency min (us),latency mean (us),latency max (us),messages skipped,stall ended\r\n\
            \"'=1+\"\"1\"\", <b>\",websocket,1000,3,900,1200,1500,0,0\r\n\
            \"'=1+\"\"1\"\", <b>\",websocket,1050,0,,,,4,1\r\n\
            \"Datagrams\",datagrams,1000,3,900,1200,1500,0,0\r\n";
        assert_eq!(series_csv(&scene, &modes), expected);
    }
}
