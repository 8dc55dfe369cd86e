//! The whole picture.

use std::borrow::Cow;

use sluice_shared::handshake::Ladder;

use super::axis::{Axis, lay_out};
use super::side::{Place, draw};
use super::words;

/// The style of a file that stands alone, light and dark.
const EXPORT_STYLE: &str = include_str!("export.css");
/// Size of words: 12 pixels where the picture of two sides is 1,096 wide.
const FONT_SIZE: f64 = 12.5;
/// Where time begins.
const TOP: f64 = 64.0;
/// From the last thing to the end of the lines.
const TAIL: f64 = 18.0;
/// From the end of the lines to the edge.
const FOOT: f64 = 22.0;
/// Lines of round trips that are nearer than this are thinned out.
const GRID_APART: f64 = 30.0;
/// No round trips are named so near to a cut.
const CUT_CLEAR: f64 = 32.0;
/// Most packets of a side that are drawn.
const MOST_RUNGS: usize = 2_000;

/// Where things stand when there is one side: as wide as a telephone.
const SINGLE: Columns = Columns { width: 400.0, sides: [(84.0, 342.0), (0.0, 0.0)], trips: [396.0, 0.0] };
/// Where things stand when there are two.
const DOUBLE: Columns =
    Columns { width: 1_140.0, sides: [(96.0, 468.0), (646.0, 1_018.0)], trips: [534.0, 1_084.0] };

struct Columns {
    width: f64,
    /// The lines of client and server.
    sides: [(f64, f64); 2],
    /// Where the names of round trips end.
    trips: [f64; 2],
}

/// One run, or two side by side on one time axis, for a page that has a style for its classes; `rtt_micros` is the
/// network's round trip time, 0 for none.
///
/// The picture's element has `data-axis`, a list of `µs:height` from which a script can tell the time of a height.
pub fn ladder(left: &Ladder, right: Option<&Ladder>, rtt_micros: u64) -> String {
    document(left, right, rtt_micros, "")
}

/// As [`ladder`], with a style inside: a file that stands alone.
pub fn ladder_export(left: &Ladder, right: Option<&Ladder>, rtt_micros: u64) -> String {
    document(left, right, rtt_micros, &format!("<style>\n{EXPORT_STYLE}</style>\n"))
}

fn document(left: &Ladder, right: Option<&Ladder>, rtt_micros: u64, style: &str) -> String {
    let drawn: Vec<Cow<'_, Ladder>> = [Some(left), right].into_iter().flatten().map(bounded).collect();
    let sides: Vec<&Ladder> = drawn.iter().map(AsRef::as_ref).collect();
    let columns = if sides.len() > 1 { DOUBLE } else { SINGLE };
    let (axis, heights) = lay_out(&sides, rtt_micros, TOP);
    let bottom = axis.bottom() + TAIL;
    let (width, height) = (columns.width, bottom + FOOT);
    let titles: Vec<&str> = sides.iter().map(|ladder| ladder.probe.title()).collect();
    let bends: Vec<String> = axis.bends().map(|(micros, height)| format!("{micros}:{height:.1}")).collect();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"system-ui, sans-serif\" font-size=\"{FONT_SIZE}\" \
         role=\"group\" aria-label=\"Packets of {}\" data-axis=\"{}\">\n{style}",
        titles.join(" beside "),
        bends.join(" "),
    );
    // What is behind everything, for a file; a page has its own ground.
    out.push_str(&format!("<rect class=\"ground\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n"));
    draw_grid(&mut out, &axis, &columns, sides.len(), rtt_micros);
    let names = ["left", "right"];
    for (index, (ladder, heights)) in sides.iter().zip(&heights).enumerate() {
        let (client, server) = columns.sides[index];
        let place = Place { name: names[index], client, server, top: TOP - 14.0, bottom };
        draw(&mut out, ladder, heights, place, rtt_micros);
    }
    // Scripts move it to where time is pointed at.
    out.push_str(&format!("<path class=\"cursor\" d=\"M0 0H{width:.0}\" visibility=\"hidden\"/>\n"));
    let left_out: usize = [Some(left), right]
        .into_iter()
        .flatten()
        .map(|ladder| ladder.rungs.len().saturating_sub(MOST_RUNGS))
        .sum();
    if left_out > 0 {
        out.push_str(&format!(
            "<text class=\"note\" x=\"8\" y=\"{:.0}\">{left_out} more packets are not drawn: the capture has them\
             </text>\n",
            height - 8.0
        ));
    }
    out.push_str("</svg>\n");
    out
}

/// A ladder with as many packets as are drawn.
fn bounded(ladder: &Ladder) -> Cow<'_, Ladder> {
    if ladder.rungs.len() <= MOST_RUNGS {
        return Cow::Borrowed(ladder);
    }
    let rungs = ladder.rungs[..MOST_RUNGS].to_vec();
    let until = rungs.last().map_or(0, |rung| rung.sent_micros);
    let marks = ladder.marks.iter().filter(|mark| mark.at_micros <= until).cloned().collect();
    Cow::Owned(Ladder { rungs, marks, ..*ladder })
}

/// Lines at whole round trips, as far as they have room, and where the axis is cut.
fn draw_grid(out: &mut String, axis: &Axis, columns: &Columns, sides: usize, rtt_micros: u64) {
    let width = columns.width;
    out.push_str("<g class=\"grid\" aria-hidden=\"true\">\n");
    let mut last = f64::NEG_INFINITY;
    let trips = axis.end_micros().checked_div(rtt_micros).unwrap_or(0);
    let mut trip = 0;
    while trip <= trips && trip < u64::MAX {
        let micros = trip.saturating_mul(rtt_micros);
        let height = axis.height(micros);
        let is_cut_out = axis.cuts.iter().any(|(cut, _)| (cut - height).abs() < CUT_CLEAR);
        if height - last >= GRID_APART && !is_cut_out {
            last = height;
            out.push_str(&format!("<path d=\"M0 {height:.1}H{width:.0}\"/>"));
            for x in &columns.trips[..sides] {
                out.push_str(&format!(
                    "<text x=\"{x:.0}\" y=\"{:.1}\">{trip} RTT</text>\
                     <text class=\"time\" x=\"{x:.0}\" y=\"{:.1}\">{}</text>\n",
                    height - 3.0,
                    height + 12.0,
                    words::time(micros)
                ));
            }
        }
        // Where the axis is cut, thousands of round trips may have no room.
        trip = trip.saturating_add((trip / 64).max(1));
    }
    for (height, gap) in &axis.cuts {
        let (above, below) = (height - 4.0, height + 4.0);
        let text = format!("{} without a packet", words::time(*gap));
        let middle = f64::midpoint(columns.sides[0].0, columns.sides[0].1);
        out.push_str(&format!(
            "<path class=\"cut\" d=\"M0 {above:.1}H{width:.0}M0 {below:.1}H{width:.0}\"/>\
             <text class=\"cut-label\" x=\"{middle:.0}\" y=\"{:.1}\">{text}</text>\n",
            above - 4.0
        ));
    }
    out.push_str("</g>\n");
}
