//! One ladder: its two lines, packets and marks.

use sluice_shared::handshake::{Ladder, LadderMark, Rung, RungKind, Stack};
use sluice_shared::link::Direction;

use super::axis::{Heights, is_quiet};
use super::labels::{CHARACTER, Labels, Stroke};
use super::words;
use super::xml::Escaped;

/// Length of an arrow's head, and half its width.
const HEAD: (f64, f64) = (7.0, 2.8);
/// What is seen of a packet that is drawn as ticks, at each end.
const TICK: f64 = 16.0;
/// Half the size of the cross of a lost packet.
const CROSS: f64 = 4.0;
/// Half the length of a mark.
const MARK: f64 = 7.0;
/// Marks with more characters stand between the lines.
const OUTSIDE: usize = 11;
/// From a mark's first line of words to its second.
const SECOND_LINE: f64 = 13.5;
/// From a base line down to the middle of its letters.
const MIDDLE: f64 = 3.5;

/// Where a side stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// `left` or `right`, for scripts.
    pub(super) name: &'static str,
    /// The client's line.
    pub(super) client: f64,
    /// The server's line.
    pub(super) server: f64,
    /// Where the lines begin.
    pub(super) top: f64,
    /// Where they end.
    pub(super) bottom: f64,
}

/// Draws one side into `out`.
pub(super) fn draw(out: &mut String, ladder: &Ladder, heights: &Heights, place: Place, rtt_micros: u64) {
    let Place { client, server, top, bottom, name } = place;
    let carrier = match ladder.stack {
        Stack::Tcp => "TCP",
        Stack::Quic => "QUIC",
    };
    let title = ladder.probe.title();
    let middle = f64::midpoint(client, server);
    out.push_str(&format!(
        "<text class=\"lane-label\" x=\"{middle:.0}\" y=\"18\">{title} · {carrier}</text>"
    ));
    for (x, end) in [(client, "client"), (server, "server")] {
        out.push_str(&format!(
            "<text class=\"end-label\" x=\"{x:.0}\" y=\"38\">{end}</text>\
             <path class=\"lane-line\" d=\"M{x:.0} {top:.0}V{bottom:.0}\"/>\n"
        ));
    }
    let mut labels = Labels::default();
    let marks = ladder.marks.iter().zip(&heights.marks);
    let marks: String = marks.map(|(mark, height)| drawn_mark(mark, *height, place, &mut labels)).collect();
    let count = ladder.rungs.len();
    out.push_str(&format!("<g role=\"list\" aria-label=\"{title} over {carrier}, {count} packets\">\n"));
    for (index, rung) in ladder.rungs.iter().enumerate() {
        let (sent, end) = (heights.sent[index], heights.end[index]);
        let arrow = Arrow::new(rung, sent, end, place);
        let sentence = words::sentence(rung, index + 1, count);
        let explanation = words::explanation(rung, index + 1, count, rtt_micros);
        let arrived = rung.arrived_micros.map_or(String::new(), |at| format!(" data-arrived=\"{at}\""));
        out.push_str(&format!(
            "<g class=\"rung kind-{}{}\" tabindex=\"0\" role=\"listitem\" data-rung=\"{index}\" \
             data-side=\"{name}\" data-sent=\"{}\"{arrived} data-y=\"{sent:.1}\" aria-label=\"{}\">\
             <title>{}</title>",
            kind(rung.kind),
            classes(rung),
            rung.sent_micros,
            Escaped(&sentence),
            Escaped(&explanation),
        ));
        draw_packet(out, rung, arrow, &mut labels);
        out.push_str("</g>\n");
    }
    out.push_str("</g>\n");
    // Over the arrows, whose room they took.
    out.push_str(&marks);
}

/// An arrow from its sender on.
#[derive(Clone, Copy, Debug)]
struct Arrow {
    from: (f64, f64),
    to: (f64, f64),
    is_up: bool,
}

impl Arrow {
    fn new(rung: &Rung, sent: f64, end: f64, place: Place) -> Self {
        let is_up = rung.direction == Direction::Up;
        let (from, to) = if is_up { (place.client, place.server) } else { (place.server, place.client) };
        let to = if rung.arrived_micros.is_some() { to } else { f64::midpoint(from, to) };
        Self { from: (from, sent), to: (to, end), is_up }
    }

    /// The point that is `by` before the end, and `aside` of the line.
    fn before_end(self, by: f64, aside: f64) -> (f64, f64) {
        let (x, y) = self.heading();
        (self.to.0 - x * by - y * aside, self.to.1 - y * by + x * aside)
    }

    /// The point that is `by` behind the start.
    fn behind_start(self, by: f64) -> (f64, f64) {
        let (x, y) = self.heading();
        (self.from.0 + x * by, self.from.1 + y * by)
    }

    fn heading(self) -> (f64, f64) {
        let (x, y) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let length = x.hypot(y).max(f64::MIN_POSITIVE);
        (x / length, y / length)
    }

    fn stroke(self) -> Stroke {
        if self.is_up {
            Stroke { left: self.from, right: self.to }
        } else {
            Stroke { left: self.to, right: self.from }
        }
    }
}

fn draw_packet(out: &mut String, rung: &Rung, arrow: Arrow, labels: &mut Labels) {
    let whole = segment(arrow.from, arrow.to);
    out.push_str(&format!("<path class=\"hit\" d=\"{whole}\"/>"));
    let is_quiet = is_quiet(rung);
    let wire = if is_quiet {
        segment(arrow.from, arrow.behind_start(TICK)) + &segment(arrow.before_end(TICK, 0.0), arrow.to)
    } else {
        whole
    };
    out.push_str(&format!("<path class=\"wire\" d=\"{wire}\"/>"));
    if rung.arrived_micros.is_some() {
        let (one, other) = (arrow.before_end(HEAD.0, HEAD.1), arrow.before_end(HEAD.0, -HEAD.1));
        out.push_str(&format!(
            "<path class=\"head\" d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z\"/>",
            arrow.to.0, arrow.to.1, one.0, one.1, other.0, other.1
        ));
    } else {
        draw_loss(out, rung, arrow, labels);
    }
    if rung.label.is_empty() {
        return;
    }
    // Words of a tick are shown on demand alone, and take no room.
    let label = if is_quiet {
        Labels::default().along(arrow.stroke(), arrow.is_up, &rung.label)
    } else {
        labels.along(arrow.stroke(), arrow.is_up, &rung.label)
    };
    let class = if label.is_crowded { "label crowded" } else { "label" };
    out.push_str(&format!(
        "<text class=\"{class}\" transform=\"translate({:.1} {:.1}) rotate({:.1})\">{}</text>",
        label.x,
        label.y,
        label.angle,
        Escaped(&label.text)
    ));
}

/// The cross, and why, behind it in the packet's direction.
fn draw_loss(out: &mut String, rung: &Rung, arrow: Arrow, labels: &mut Labels) {
    let (x, y) = arrow.to;
    if rung.drop.is_some() {
        out.push_str(&segment_pair(x, y));
    }
    let reason = words::loss(rung);
    let taken = CHARACTER * reason.chars().count() as f64;
    let left = if arrow.is_up { x + 2.0 * CROSS } else { x - 2.0 * CROSS - taken };
    let base = y + MIDDLE;
    let class = if labels.level(left, base, reason) { "reason" } else { "reason crowded" };
    out.push_str(&format!(
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{base:.1}\">{}</text>",
        left + taken / 2.0,
        Escaped(reason)
    ));
}

fn drawn_mark(mark: &LadderMark, height: f64, place: Place, labels: &mut Labels) -> String {
    let x = if mark.is_at_client { place.client } else { place.server };
    let is_outside = mark.is_at_client && mark.text.chars().count() <= OUTSIDE;
    let is_before = is_outside || !mark.is_at_client;
    let (class, anchor) = match (is_outside, is_before) {
        (true, _) => ("outside", "end"),
        (false, true) => ("inside", "end"),
        (false, false) => ("inside", "start"),
    };
    let text_x = if is_before { x - MARK - 3.0 } else { x + MARK + 3.0 };
    // Between the lines there is more room downwards than aside.
    let (first, second) = match mark.text.split_once(": ") {
        Some((first, second)) if !is_outside => (first, second),
        Some(_) | None => (mark.text.as_str(), ""),
    };
    let mut texts = String::new();
    for (line, below) in [(first, 0.0), (second, SECOND_LINE)] {
        if line.is_empty() {
            continue;
        }
        let base = height + MIDDLE + below;
        let taken = CHARACTER * line.chars().count() as f64;
        labels.take_level(if is_before { text_x - taken } else { text_x }, base, line);
        texts.push_str(&format!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{text_x:.1}\" y=\"{base:.1}\">{}</text>",
            Escaped(line)
        ));
    }
    let end = if mark.is_at_client { "client" } else { "server" };
    format!(
        "<g class=\"mark at-{end}\" data-at=\"{}\"><title>{} at {}</title>\
         <path class=\"tick\" d=\"M{:.1} {height:.1}H{:.1}\"/>{texts}</g>\n",
        mark.at_micros,
        Escaped(&mark.text),
        words::time(mark.at_micros),
        x - MARK,
        x + MARK,
    )
}

fn segment(from: (f64, f64), to: (f64, f64)) -> String {
    format!("M{:.1} {:.1}L{:.1} {:.1}", from.0, from.1, to.0, to.1)
}

fn segment_pair(x: f64, y: f64) -> String {
    let (left, right, top, bottom) = (x - CROSS, x + CROSS, y - CROSS, y + CROSS);
    let (falling, rising) = (segment((left, top), (right, bottom)), segment((left, bottom), (right, top)));
    format!("<path class=\"cross\" d=\"{falling}{rising}\"/>")
}

fn kind(kind: RungKind) -> &'static str {
    match kind {
        RungKind::Transport => "transport",
        RungKind::Handshake => "handshake",
        RungKind::Early => "early",
        RungKind::Data => "data",
        RungKind::Opaque => "opaque",
    }
}

fn classes(rung: &Rung) -> String {
    let mut classes = match rung.direction {
        Direction::Up => " up".to_owned(),
        Direction::Down => " down".to_owned(),
    };
    if is_quiet(rung) {
        classes.push_str(" quiet");
    }
    match (rung.arrived_micros, &rung.drop) {
        (Some(_), _) => {}
        (None, Some(_)) => classes.push_str(" lost"),
        (None, None) => classes.push_str(" under-way"),
    }
    classes
}
