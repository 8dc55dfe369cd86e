//! Renders the timeline for image files: the chart with a heading and the lanes' names. Called by the share
//! menu, for SVG through [`timeline_svg`] and for PNG through `draw` on a canvas. Both draw the same picture
//! of [`SIZE`].

use sluice_browser::surface::Align;
use sluice_shared::time::Time;

use crate::charts::palette::Palette;
use crate::charts::pen::Pen;
use crate::charts::scale::AgeAxis;
use crate::features::share::date::UtcDate;
use crate::features::share::svg::SvgPen;
use crate::features::timeline::chart::Chart;
use crate::features::timeline::scene::Scene;

/// Size of the picture, pixels.
pub const SIZE: (f64, f64) = (1_280.0, 400.0);
/// PNG pixels per chart pixel.
pub const DENSITY: f64 = 2.0;
/// Height of the heading and the names, pixels.
const HEADER: f64 = 44.0;
/// Distance of text from the edges, pixels.
const MARGIN: f64 = 12.0;
/// Average width of a character, pixels.
const CHARACTER: f64 = 6.8;
/// Maximum number of characters of a lane's name.
const MAX_NAME: usize = 40;

/// Returns the timeline as an SVG document.
pub fn timeline_svg(scene: &Scene, saved_at: Time, palette: &Palette, axis: AgeAxis) -> String {
    let pen = SvgPen::new(SIZE, &heading(saved_at));
    draw(&pen, scene, saved_at, palette, axis);
    pen.finish()
}

/// Draws the picture with the size [`SIZE`].
pub(crate) fn draw(pen: &dyn Pen, scene: &Scene, saved_at: Time, palette: &Palette, axis: AgeAxis) {
    pen.fill_colour(&palette.panel);
    pen.rect((0.0, 0.0), SIZE);
    pen.fill_colour(&palette.ink);
    pen.font(14.0, &palette.font);
    pen.text(&heading(saved_at), (MARGIN, 18.0), Align::Left);
    pen.font(12.0, &palette.font);
    let mut x = MARGIN;
    for lane in &scene.lanes {
        let name: String = lane.name.chars().take(MAX_NAME).collect();
        pen.stroke_style(palette.colour(lane.series_style), 2.0, lane.series_style.dash());
        pen.line((x, 34.0), (x + 24.0, 34.0));
        pen.fill_colour(&palette.ink);
        pen.text(&name, (x + 30.0, 38.0), Align::Left);
        x += 30.0 + name.chars().count() as f64 * CHARACTER + 18.0;
    }
    Chart::new(pen, palette, axis, scene, SIZE, HEADER).draw(scene);
}

fn heading(saved_at: Time) -> String {
    ["Latency from the feed to the consumer · Sluice, ", &UtcDate::new(saved_at).label()].concat()
}

#[cfg(test)]
mod tests {
    use sluice_bridge::AgeColumn;
    use sluice_shared::mode::Transport;

    use super::*;
    use crate::charts::series::SeriesStyle;
    use crate::features::connection::model::Phase;
    use crate::features::timeline::events::{Mark, OutageSpan};
    use crate::features::timeline::scene::SceneLane;

    fn palette() -> Palette {
        let colour = |name: &str| name.to_owned();
        Palette {
            panel: colour("white"),
            ink: colour("black"),
            soft: colour("gray"),
            line: colour("silver"),
            bad: colour("red"),
            gate: colour("purple"),
            websocket: core::array::from_fn(|_| core::array::from_fn(|_| colour("orange"))),
            font: colour("serif"),
            ..Palette::default()
        }
    }

    /// Returns a scene of one second: a lane with two columns, an outage of 250 ms, and markup as its name.
    fn scene() -> Scene {
        let at = Time::from_millis;
        let transport = Transport::WebSocket;
        let column =
            |index, max| AgeColumn { index, count: 2, min: 1_200, mean: 2_400, max, ..AgeColumn::default() };
        Scene {
            from: at(1_000),
            until: at(2_000),
            lanes: vec![SceneLane {
                series_style: SeriesStyle { transport, ordinal: 0 },
                name: "<b>&\"x\"</b>".to_owned(),
                columns: vec![column(20, 3_600), column(21, 6_000)],
                phases: vec![(at(0), at(1_500), Phase::Open(transport)), (at(1_500), at(2_000), Phase::Down)],
            }],
            outages: vec![OutageSpan { from: at(1_500), until: Some(at(1_750)) }],
            marks: vec![Mark { at: at(1_250), label: "new <port>".to_owned() }],
            ..Scene::default()
        }
    }

    /// Positions follow from the size: the plot spans 52 to 1,272 px horizontally (1,220 px for 1 s) and 64
    /// to 374 px vertically (310 px for 6 ms); the lane's bar is 4 px high from 376 px on.
    #[test]
    fn a_small_scene_is_drawn_where_its_values_are() {
        let svg = timeline_svg(&scene(), Time::ZERO, &palette(), AgeAxis::Linear);
        for expected in [
            r#"<rect x="0" y="0" width="1280" height="400" fill="white"/>"#,
            // The outage: 610 px right of the left edge, 305 px wide.
            r#"<rect x="662" y="64" width="305" height="310" fill="red" fill-opacity="0.13"/>"#,
            // Latency from 1.2 to 3.6 ms in the first 50 ms: 61 px wide, from 188 to 312 px, half a pixel
            // larger.
            r#"<rect x="52" y="187.5" width="61" height="125" fill="orange" fill-opacity="0.2"/>"#,
            r#"<rect x="113" y="63.5" width="61" height="249" fill="orange" fill-opacity="0.2"/>"#,
            // Means of 2.4 ms in the middle of each column.
            r#"<polyline fill="none" points="82.5,250 143.5,250" stroke="orange" stroke-width="1.7"/>"#,
            // The change, 250 ms right of the left edge.
            r#"<polyline fill="none" points="357,60 357,374" stroke="black" stroke-width="1" stroke-dasharray="4 3"/>"#,
            r#"<rect x="52" y="376" width="610" height="4" fill="orange" fill-opacity="0.75"/>"#,
            r#"<rect x="662" y="376" width="610" height="4" fill="red"/>"#,
            "fill=\"black\">&lt;b&gt;&amp;&quot;x&quot;&lt;/b&gt;</text>",
            ">new &lt;port&gt;</text>",
            ">now</text>",
            "Sluice, 1970-01-01 00:00:00 UTC</title>",
        ] {
            assert!(svg.contains(expected), "{expected}\nis not in\n{svg}");
        }
        assert!(!svg.contains("<b>"), "no name becomes markup");
    }

    #[test]
    fn a_recorded_scene_does_not_end_now() {
        let recorded = Scene { is_recorded: true, ..scene() };
        let svg = timeline_svg(&recorded, Time::ZERO, &palette(), AgeAxis::Linear);
        assert!(svg.contains(">end</text>") && !svg.contains(">now</text>"));
    }
}
