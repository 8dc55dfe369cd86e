//! Drawing of a change of networks on one time axis: each connection is a horizontal ladder with the client
//! above and the server below. Called by the change card; pure geometry without elements. Moments outside the
//! shown extent are drawn at the edge.

use sluice_shared::lab::{
    PathChange, PathEnds, PathFrame, PathFrameKind, QuicPathChange, SwitchReport, TcpFate, TcpPathChange,
};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::migration::drawing::lane_line;
use crate::features::migration::drawing::scale::{Extent, Scale, offset_micros};
use crate::features::migration::drawing::shape::{Drawing, Pen};
use crate::features::migration::model::effect::ChangeEffect;
use crate::features::migration::model::facts::{gap_end, gap_micros, offset_text};

/// Left edge of the axis, right of the names of the ends, and its right margin.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
/// Height of the axis, and of a connection.
const TOP: f64 = 24.0;
const ROW: f64 = 124.0;
/// Baseline of a connection's title, and the client's and the server's line, from the connection's top.
const TITLE: f64 = 15.0;
const CLIENT: f64 = 46.0;
const SERVER: f64 = 98.0;
/// Maximum width of a letter.
const LETTER: f64 = 7.0;
/// Radius of a packet's dot.
pub(crate) const DOT: f64 = 3.0;

/// Returns the drawing, `width` CSS pixels wide. `titles` name the connections; `effects` are those on their
/// lanes.
pub(crate) fn drawing(
    switch: &SwitchReport,
    titles: &[String],
    effects: &[ChangeEffect],
    extent: Extent,
    width: f64,
) -> Drawing {
    let rows: f64 = effects.iter().map(|effect| ROW + lane_line::height(effect)).sum();
    let mut chart = Chart {
        scale: Scale::of(switch, effects, extent, (LEFT, (width - LEFT - RIGHT).max(100.0))),
        change: switch.at,
        width,
        top: TOP,
        labels: Vec::new(),
        pen: Pen::default(),
    };
    chart.grid(TOP + rows);
    for ((path, title), effect) in switch.paths.iter().zip(titles).zip(effects) {
        chart.connection(switch, path, title, effect);
        chart.top += ROW + lane_line::height(effect);
    }
    Drawing {
        class: "moving",
        label: "Packets of each connection around its client's change of networks; a list and a table follow",
        width,
        height: TOP + rows,
        shapes: chart.pen.finish(),
    }
}

/// Chart under construction, connection by connection.
pub(crate) struct Chart {
    pub(crate) scale: Scale,
    change: Time,
    /// Width of the drawing, CSS pixels.
    pub(crate) width: f64,
    /// Top of the current connection.
    pub(crate) top: f64,
    /// Labels of the current connection: their line, left and right edge.
    labels: Vec<(End, f64, f64)>,
    pub(crate) pen: Pen,
}

/// End of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Client,
    Server,
}

impl End {
    /// Returns the sender and the receiver of a direction.
    const fn of(direction: Direction) -> (Self, Self) {
        match direction {
            Direction::Up => (Self::Client, Self::Server),
            Direction::Down => (Self::Server, Self::Client),
        }
    }

    const fn line(self) -> f64 {
        match self {
            Self::Client => CLIENT,
            Self::Server => SERVER,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl Chart {
    fn grid(&mut self, bottom: f64) {
        let ticks: Vec<f64> = self.scale.ticks().collect();
        for at in ticks {
            let x = self.scale.x(at);
            let (class, text) = if at == 0.0 {
                ("change", "change".to_owned())
            } else {
                let sign = if at < 0.0 { "−" } else { "+" };
                ("tick", sign.to_owned() + &format::axis_age(at.abs()))
            };
            self.pen.line(class, &[(x, 16.0), (x, bottom)]);
            self.pen.text(class, x, 11.0, &text);
        }
    }

    fn connection(&mut self, switch: &SwitchReport, path: &PathChange, title: &str, effect: &ChangeEffect) {
        self.labels.clear();
        self.pen.begin("way ".to_owned() + path.transport.name());
        let top = self.top;
        self.pen.text("title", 2.0, top + TITLE, title);
        let to = self.scale.x(f64::INFINITY);
        for end in [End::Client, End::Server] {
            self.pen.line("end", &[(LEFT, top + end.line()), (to, top + end.line())]);
            self.pen.text("end", 2.0, top + end.line() + 3.5, end.name());
        }
        self.gap(path);
        match (&path.quic, path.tcp) {
            (Some(quic), _) => self.quic(path, quic),
            (None, Some(tcp)) => self.tcp(switch.tcp, path, tcp),
            (None, None) => {}
        }
        self.lane(effect, title);
        self.pen.end("");
    }

    /// Draws the last packets of the old path and the first ones of the new path.
    fn quic(&mut self, path: &PathChange, quic: &QuicPathChange) {
        // Where two labels would overlap, the frame's label is kept.
        for frame in &quic.frames {
            self.frame(frame);
        }
        self.packet("old", Direction::Up, path.old_up, "last", "the client's last packet by the old path");
        self.packet(
            "old",
            Direction::Down,
            path.old_down,
            "last",
            "the last packet to the client by the old path",
        );
        if quic.lost_packets > 0 {
            let until = quic.lost_until.unwrap_or(self.change);
            let text = format::count(quic.lost_packets) + " lost";
            let meaning = text.clone() + " to the old address, which no one receives";
            self.bar("lost", End::Server, self.change, Some(until), &text, &meaning);
        }
        let first_up = "the client's first packet by the new path: from it the server learns the new address";
        self.packet("new", Direction::Up, quic.new_up, "first", first_up);
        self.packet(
            "new",
            Direction::Down,
            quic.new_down,
            "first",
            "the first packet to the client by the new path",
        );
    }

    fn frame(&mut self, frame: &PathFrame) {
        let (class, label, name) = match frame.kind {
            PathFrameKind::Challenge => ("challenge", "challenge", "PATH_CHALLENGE "),
            PathFrameKind::Response => ("response", "response", "PATH_RESPONSE "),
        };
        let to_old = if frame.is_to_old_address { ", to the old address" } else { "" };
        let meaning = [name, &*frame.data, to_old].concat();
        let ends = PathEnds { sent_at: Some(frame.sent_at), arrived_at: frame.arrived_at };
        self.packet(class, frame.direction, ends, label, &meaning);
    }

    fn tcp(&mut self, fate: TcpFate, path: &PathChange, tcp: TcpPathChange) {
        self.packet("old", Direction::Up, path.old_up, "last", "the client's last packet");
        self.packet("old", Direction::Down, path.old_down, "last", "the last packet to the client");
        let (label, meaning) = match fate {
            TcpFate::Told => ("cut", "the connection ends, and both ends are notified"),
            TcpFate::Silent => ("silent", "nothing passes any more, and no end is notified"),
        };
        for end in [End::Client, End::Server] {
            self.mark("cut", end, tcp.cut_at, label, meaning);
        }
        let next = tcp.next.unwrap_or_default();
        let steps = [
            (End::Client, next.syn_at, "SYN", "the lane's next connection begins"),
            (
                End::Server,
                next.established_at,
                "established",
                "the server's end of the next connection is established",
            ),
            (
                End::Client,
                next.first_byte_at,
                "first byte",
                "the first byte of the next connection can be read",
            ),
        ];
        for (end, at, label, meaning) in steps {
            if let Some(at) = at {
                self.mark("new", end, at, label, meaning);
            }
        }
    }

    /// Draws the client's delivery gap.
    fn gap(&mut self, path: &PathChange) {
        let cut = path.tcp.map(|tcp| tcp.cut_at);
        let Some(began) = path.old_down.arrived_at.or(cut) else { return };
        let text = gap_micros(path)
            .map_or_else(|| "not over".to_owned(), |gap| "gap ".to_owned() + &exact_span(gap));
        self.bar("gap", End::Client, began, gap_end(path), &text, "the client receives nothing");
    }

    /// Draws a packet; a lost one ends in a cross.
    fn packet(
        &mut self,
        class: &'static str,
        direction: Direction,
        ends: PathEnds,
        label: &str,
        meaning: &str,
    ) {
        let (sender, receiver) = End::of(direction);
        let [sent, arrived] = [ends.sent_at, ends.arrived_at].map(|at| at.map(|at| self.offset(at)));
        let Some(left) = sent.or(arrived) else { return };
        if !self.scale.shows(left) {
            return;
        }
        let from = (self.scale.x(left), self.top + sender.line());
        let far = self.top + receiver.line();
        self.pen.begin(class);
        match arrived {
            Some(arrived) => self.pen.line("wire", &[from, (self.scale.x(arrived), far)]),
            None => {
                let middle = (from.0, (from.1 + far) / 2.0);
                self.pen.line("wire", &[from, middle]);
                self.pen.cross(middle);
            }
        }
        self.pen.circle(from, DOT);
        self.end(meaning, ends.sent_at.or(ends.arrived_at));
        self.label(class, sender, from.0, label);
    }

    fn mark(&mut self, class: &'static str, end: End, at: Time, label: &str, meaning: &str) {
        let offset = self.offset(at);
        if !self.scale.shows(offset) {
            return;
        }
        let place = (self.scale.x(offset), self.top + end.line());
        self.pen.begin(class);
        if class == "cut" {
            self.pen.cross(place)
        } else {
            self.pen.circle(place, DOT)
        }
        self.end(meaning, Some(at));
        self.label(class, end, place.0, label);
    }

    /// Draws a span on the inner side of an end's line; an unfinished one continues to the edge.
    fn bar(
        &mut self,
        class: &'static str,
        end: End,
        from: Time,
        to: Option<Time>,
        text: &str,
        meaning: &str,
    ) {
        let from_x = self.scale.x(self.offset(from));
        let to_x = self.scale.x(to.map_or(f64::INFINITY, |to| self.offset(to)));
        let y = self.top + end.line();
        let (top, baseline) = match end {
            End::Client => (y, y + 19.0),
            End::Server => (y - 7.0, y - 11.0),
        };
        self.pen.begin(if to.is_none() { class.to_owned() + " open" } else { class.to_owned() });
        self.pen.rect("", (from_x, top), ((to_x - from_x).max(2.0), 7.0));
        self.end(meaning, None);
        let (middle, _) = self.centred((from_x + to_x) / 2.0, text);
        self.pen.text(class, middle, baseline, text);
    }

    /// Writes a label on the outer side of a line, unless it would overlap another one.
    fn label(&mut self, class: &'static str, end: End, x: f64, text: &str) {
        let (middle, half) = self.centred(x, text);
        let (from, to) = (middle - half, middle + half);
        let is_taken =
            self.labels.iter().any(|(line, left, right)| *line == end && from < *right && *left < to);
        if !is_taken {
            self.labels.push((end, from, to));
            let y = match end {
                End::Client => self.top + CLIENT - 7.0,
                End::Server => self.top + SERVER + 14.0,
            };
            self.pen.text(class, middle, y, text);
        }
    }

    /// Returns the centre of a text near `x` that keeps it within the drawing, and half of its width.
    pub(crate) fn centred(&self, x: f64, text: &str) -> (f64, f64) {
        let half = text.chars().count() as f64 * LETTER / 2.0;
        (x.max(LEFT + half).min(self.scale.x(f64::INFINITY) - half), half)
    }

    /// Ends a group with a sentence on its content, prefixed with the time since the change.
    pub(crate) fn end(&mut self, meaning: &str, at: Option<Time>) {
        let moment = at.map_or_else(String::new, |at| offset_text(self.change, at) + ": ");
        self.pen.end(moment + meaning);
    }

    pub(crate) fn offset(&self, at: Time) -> f64 {
        offset_micros(self.change, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::model::samples;

    fn drawn(switch: &SwitchReport, extent: Extent) -> Drawing {
        let effects = vec![ChangeEffect::default(); switch.paths.len()];
        drawing(switch, &["one".to_owned(), "two".to_owned()], &effects, extent, 900.0)
    }

    fn count(drawing: &Drawing, class: &str) -> usize {
        drawing.groups().iter().filter(|group| group.class == class).count()
    }

    #[test]
    fn every_event_is_drawn_once() {
        let drawing = drawn(&samples::switch(), Extent::All);
        for (class, expected) in
            [("old", 4), ("new", 5), ("challenge", 2), ("response", 1), ("cut", 2), ("lost", 1), ("gap", 2)]
        {
            assert_eq!(count(&drawing, class), expected, "{class}");
        }
        assert!(drawing.texts("gap").contains(&"gap 142.3\u{a0}ms".to_owned()));
        assert_eq!(drawing.texts("lost"), ["27 lost"]);
        assert!(drawing.leaves().len() < 200, "it is drawn several times a second");
    }

    #[test]
    fn every_group_with_a_shape_has_a_sentence_that_the_list_shows() {
        let drawing = drawn(&samples::switch(), Extent::All);
        let silent = drawing.groups().into_iter().filter(|group| group.meaning.is_empty());
        assert!(silent.map(|group| group.class).all(|class| class.starts_with("way ")));
        let meanings = drawing.meanings();
        assert!(
            meanings.iter().any(|meaning| meaning.starts_with("+90.0\u{a0}ms: PATH_CHALLENGE")),
            "{meanings:?}"
        );
    }

    #[test]
    fn a_gap_that_is_not_over_continues_to_the_edge() {
        let mut switch = samples::switch();
        switch.paths[0].quic = Some(QuicPathChange::default());
        let drawing = drawn(&switch, Extent::All);
        assert_eq!(count(&drawing, "gap open"), 1);
        assert!(drawing.texts("gap").contains(&"not over".to_owned()));
    }

    #[test]
    fn a_shorter_extent_draws_less() {
        let whole = drawn(&samples::switch(), Extent::All);
        let beginning = drawn(&samples::switch(), Extent::Fifth);
        let has = |drawing: &Drawing| drawing.texts("new").contains(&"established".to_owned());
        assert!(has(&whole) && !has(&beginning));
    }

    #[test]
    fn words_do_not_cover_each_other() {
        // The challenge and the first packet leave the server at the same time.
        let drawing = drawn(&samples::switch(), Extent::All);
        assert_eq!(drawing.texts("challenge"), ["challenge"]);
        assert_eq!(drawing.texts("new").iter().filter(|text| *text == "first").count(), 1);
    }
}
