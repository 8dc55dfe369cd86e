//! A change of networks on one time axis, as SVG: for each connection a ladder that lies on its side, the client above and
//! the server below.

use sluice_shared::lab::{
    PathChange, PathEnds, PathFrame, PathFrameKind, QuicPathChange, SwitchReport, TcpFate, TcpPathChange,
};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use crate::features::frames::model::push_text;
use crate::features::migration::facts::gap_end;
use crate::features::migration::facts::gap_micros;
use crate::features::migration::lane_line;
use crate::features::migration::life::Story;
use crate::features::migration::scale::Extent;
use crate::features::migration::scale::Scale;
use crate::features::migration::scale::offset_micros;
use sluice_text::decimal::fixed;
use sluice_text::format;
use sluice_text::format::exact_span;

/// Where the axis begins: left of it stand the ends' names.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
/// The axis' own height, and that of a connection.
const TOP: f64 = 22.0;
const ROW: f64 = 120.0;
/// Within a connection: its title, the client's line and the server's.
const TITLE: f64 = 14.0;
const CLIENT: f64 = 42.0;
const SERVER: f64 = 94.0;
/// What a letter takes, at most.
const LETTER: f64 = 6.0;

/// The drawing, `width` CSS pixels wide; `titles` name the connections, and `stories` are what their lanes say.
pub(crate) fn svg(
    switch: &SwitchReport,
    titles: &[String],
    stories: &[Story],
    extent: Extent,
    width: f64,
) -> String {
    let rows: f64 = stories.iter().map(|story| ROW + lane_line::height(story)).sum();
    let height = fixed(TOP + rows, 0);
    let mut pen = Pen {
        scale: Scale::of(switch, stories, extent, (LEFT, (width - LEFT - RIGHT).max(100.0))),
        change: switch.at,
        width,
        top: TOP,
        labels: Vec::new(),
        svg: ["<svg class=moving viewBox=\"0 0 ", &fixed(width, 0), " ", &height, "\" width=", &fixed(width, 0), " height=", &height, " role=img aria-label=\"What each connection did when its client changed networks; the table below has the numbers\">"].concat(),
    };
    pen.grid(TOP + rows);
    for ((path, title), story) in switch.paths.iter().zip(titles).zip(stories) {
        pen.connection(switch, path, title, story);
        pen.top += ROW + lane_line::height(story);
    }
    pen.svg + "</svg>"
}

/// Draws one connection after the other.
pub(crate) struct Pen {
    pub(crate) scale: Scale,
    change: Time,
    /// The whole drawing, CSS pixels.
    pub(crate) width: f64,
    /// Where the connection begins.
    pub(crate) top: f64,
    /// Where labels stand in this connection: which line, from, to.
    labels: Vec<(End, f64, f64)>,
    pub(crate) svg: String,
}

/// Who stands where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Client,
    Server,
}

impl End {
    /// Who sends in a direction, and who receives.
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

impl Pen {
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
            self.path(class, &[(x, 16.0), (x, bottom)]);
            self.text(class, x, 11.0, &text);
        }
    }

    fn connection(&mut self, switch: &SwitchReport, path: &PathChange, title: &str, story: &Story) {
        self.labels.clear();
        self.svg.extend(["<g class=\"way ", path.transport.name(), "\">"]);
        let top = self.top;
        self.text("title", 2.0, top + TITLE, title);
        let to = self.scale.x(f64::INFINITY);
        for end in [End::Client, End::Server] {
            self.path("end", &[(LEFT, top + end.line()), (to, top + end.line())]);
            self.text("end", 2.0, top + end.line() + 3.5, end.name());
        }
        self.gap(path);
        match (&path.quic, path.tcp) {
            (Some(quic), _) => self.quic(path, quic),
            (None, Some(tcp)) => self.tcp(switch.tcp, path, tcp),
            (None, None) => {}
        }
        self.lane(story, title);
        self.svg.push_str("</g>");
    }

    /// The old path's last packets, and the new one's first.
    fn quic(&mut self, path: &PathChange, quic: &QuicPathChange) {
        // Where two words would stand on each other, the frame's is the one to read.
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
            let meaning = text.clone() + " to the old address, where nobody is";
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
            TcpFate::Told => ("cut", "the connection ends, and both ends are told"),
            TcpFate::Silent => ("silent", "nothing passes any more, and nobody is told"),
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

    /// How long the client gets nothing.
    fn gap(&mut self, path: &PathChange) {
        let cut = path.tcp.map(|tcp| tcp.cut_at);
        let Some(began) = path.old_down.arrived_at.or(cut) else { return };
        let text = gap_micros(path)
            .map_or_else(|| "not over".to_owned(), |gap| "gap ".to_owned() + &exact_span(gap));
        self.bar("gap", End::Client, began, gap_end(path), &text, "the client gets nothing");
    }

    /// A packet's way; one that did not arrive ends in a cross.
    fn packet(&mut self, class: &str, direction: Direction, ends: PathEnds, label: &str, meaning: &str) {
        let (sender, receiver) = End::of(direction);
        let [sent, arrived] = [ends.sent_at, ends.arrived_at].map(|at| at.map(|at| self.offset(at)));
        let Some(left) = sent.or(arrived) else { return };
        if !self.scale.shows(left) {
            return;
        }
        let from = (self.scale.x(left), self.top + sender.line());
        let far = self.top + receiver.line();
        self.begin(class);
        match arrived {
            Some(arrived) => self.path("wire", &[from, (self.scale.x(arrived), far)]),
            None => {
                let middle = (from.0, (from.1 + far) / 2.0);
                self.path("wire", &[from, middle]);
                self.cross(middle);
            }
        }
        self.dot(from);
        self.end(meaning, ends.sent_at.or(ends.arrived_at));
        self.label(class, sender, from.0, label);
    }

    fn mark(&mut self, class: &str, end: End, at: Time, label: &str, meaning: &str) {
        let offset = self.offset(at);
        if !self.scale.shows(offset) {
            return;
        }
        let place = (self.scale.x(offset), self.top + end.line());
        self.begin(class);
        if class == "cut" {
            self.cross(place)
        } else {
            self.dot(place)
        }
        self.end(meaning, Some(at));
        self.label(class, end, place.0, label);
    }

    /// A span on an end's line, on its inner side; one without an end goes on to the edge.
    fn bar(&mut self, class: &str, end: End, from: Time, to: Option<Time>, text: &str, meaning: &str) {
        let from_x = self.scale.x(self.offset(from));
        let to_x = self.scale.x(to.map_or(f64::INFINITY, |to| self.offset(to)));
        let y = self.top + end.line();
        let (top, baseline) = match end {
            End::Client => (y, y + 19.0),
            End::Server => (y - 7.0, y - 11.0),
        };
        self.begin(if to.is_none() { [class, " open"].concat() } else { class.to_owned() }.as_str());
        let numbers = [from_x, top, (to_x - from_x).max(2.0)].map(|number| fixed(number, 1));
        let [x, y, width] = &numbers;
        self.svg.extend(["<rect x=", x, " y=", y, " width=", width, " height=7 />"]);
        self.end(meaning, None);
        let (middle, _) = self.centred((from_x + to_x) / 2.0, text);
        self.text(class, middle, baseline, text);
    }

    /// A word at a line's outer side, unless another one stands there.
    fn label(&mut self, class: &str, end: End, x: f64, text: &str) {
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
            self.text(class, middle, y, text);
        }
    }

    /// Where the middle of a text stands that is to be at `x` and within the drawing, and half of what it takes.
    pub(crate) fn centred(&self, x: f64, text: &str) -> (f64, f64) {
        let half = text.chars().count() as f64 * LETTER / 2.0;
        (x.max(LEFT + half).min(self.scale.x(f64::INFINITY) - half), half)
    }

    pub(crate) fn begin(&mut self, class: &str) {
        self.svg.extend(["<g class=\"", class, "\">"]);
    }

    /// Closes what [`Pen::begin`] has opened, with words for who points at it.
    pub(crate) fn end(&mut self, meaning: &str, at: Option<Time>) {
        self.svg.push_str("<title>");
        if let Some(at) = at {
            let offset = self.offset(at);
            let sign = if offset < 0.0 { "−" } else { "+" };
            self.svg.extend([sign, &exact_span(offset.abs() as u64), ": "]);
        }
        push_text(&mut self.svg, meaning);
        self.svg.push_str("</title></g>");
    }

    fn cross(&mut self, (x, y): (f64, f64)) {
        let arm = 4.0;
        self.path("cross", &[(x - arm, y - arm), (x + arm, y + arm)]);
        self.path("cross", &[(x - arm, y + arm), (x + arm, y - arm)]);
    }

    pub(crate) fn dot(&mut self, (x, y): (f64, f64)) {
        self.svg.extend(["<circle cx=", &fixed(x, 1), " cy=", &fixed(y, 1), " r=3 />"]);
    }

    pub(crate) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        self.svg.extend(["<path class=", class, " d=\""]);
        for (at, (x, y)) in points.iter().enumerate() {
            self.svg.extend([if at == 0 { "M" } else { "L" }, &fixed(*x, 1), " ", &fixed(*y, 1)]);
        }
        self.svg.push_str("\"/>");
    }

    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.svg.extend(["<text class=", class, " x=", &fixed(x, 1), " y=", &fixed(y, 1), ">"]);
        push_text(&mut self.svg, text);
        self.svg.push_str("</text>");
    }

    pub(crate) fn offset(&self, at: Time) -> f64 {
        offset_micros(self.change, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::samples;

    fn drawn(switch: &SwitchReport, extent: Extent) -> String {
        let stories = vec![Story::default(); switch.paths.len()];
        svg(switch, &["<one>".to_owned(), "two".to_owned()], &stories, extent, 900.0)
    }

    #[test]
    fn everything_that_was_seen_is_drawn_once() {
        let svg = drawn(&samples::switch(), Extent::All);
        for (class, count) in
            [("old", 4), ("new", 5), ("challenge", 2), ("response", 1), ("cut", 2), ("lost", 1), ("gap", 2)]
        {
            assert_eq!(svg.matches(&format!("<g class=\"{class}\">")).count(), count, "{class}: {svg}");
        }
        assert!(svg.contains("gap 142.3\u{a0}ms") && svg.contains("27 lost"), "{svg}");
        assert!(svg.contains("&lt;one>") || svg.contains("&lt;one&gt;"), "titles cannot bring markup");
        assert!(!svg.contains("style="), "the page forbids inline styles");
        assert!(svg.matches('<').count() < 400, "the page draws it several times a second");
    }

    #[test]
    fn a_gap_that_is_not_over_goes_on_to_the_edge() {
        let mut switch = samples::switch();
        switch.paths[0].quic = Some(QuicPathChange::default());
        let svg = drawn(&switch, Extent::All);
        assert!(svg.contains("<g class=\"gap open\">") && svg.contains("not over"), "{svg}");
    }

    #[test]
    fn a_shorter_extent_draws_less() {
        let whole = drawn(&samples::switch(), Extent::All);
        let begin = drawn(&samples::switch(), Extent::Fifth);
        assert!(whole.contains("established") && !begin.contains(">established<"), "{begin}");
    }

    #[test]
    fn words_do_not_stand_on_each_other() {
        // Challenge and first packet leave the server at the same moment.
        let svg = drawn(&samples::switch(), Extent::All);
        assert_eq!(svg.matches(">challenge<").count(), 1, "{svg}");
        assert_eq!(svg.matches(">first<").count(), 1, "{svg}");
    }
}
