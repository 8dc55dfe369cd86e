//! The lane's own line under its connection: when nothing arrived, and the way back part by part.

use sluice_shared::time::micros;

use crate::features::migration::drawing::Pen;
use crate::features::migration::life::Story;
use sluice_bridge::Silence;
use sluice_text::decimal::fixed;
use sluice_text::format;
use sluice_text::format::exact_span;

/// Where the line lies below the connection's top, and how thick its parts are.
const LINE: f64 = 126.0;
const PART: f64 = 8.0;
const SILENCE: f64 = 3.0;
/// Where the words of the parts may stand, below the line.
const WORDS: [f64; 2] = [15.0, 26.0];
/// The least between two words.
const APART: f64 = 10.0;
/// What the line takes below the connection: alone, and with words.
const HEIGHT: f64 = 20.0;
const HEIGHT_WITH_WORDS: f64 = 36.0;
/// What a letter of the title takes.
const LARGE_LETTER: f64 = 7.0;
/// From this width on, CSS pixels, there is room for sentences.
const ROOMY: f64 = 640.0;

/// What the line takes below the connection.
pub(crate) const fn height(story: &Story) -> f64 {
    match (story.comeback, story.silence) {
        (Some(_), _) => HEIGHT_WITH_WORDS,
        (None, Some(_)) => HEIGHT,
        (None, None) => 0.0,
    }
}

impl Pen {
    /// The lane's line.
    pub(crate) fn lane(&mut self, story: &Story, title: &str) {
        let words = story.silence.as_ref().map(|silence| silence_words(silence, self.width >= ROOMY));
        // They stand behind the title, where there is room.
        let has_room = |words: &String| {
            ((title.chars().count() + words.chars().count()) as f64) * LARGE_LETTER < self.width - APART
        };
        if let Some(words) = words.filter(has_room) {
            self.text("story", self.width - 6.0, self.top + 14.0, &words);
        }
        if story.comeback.is_none() && story.silence.is_none() {
            return;
        }
        let line = self.top + LINE;
        let (from, to) = (self.scale.x(f64::NEG_INFINITY), self.scale.x(f64::INFINITY));
        self.path("end", &[(from, line), (to, line)]);
        self.text("end", 2.0, line + 3.5, "lane");
        if let Some(silence) = &story.silence {
            let meaning = silence_words(silence, true);
            let span = (self.offset(silence.from), Some(self.offset(silence.until)));
            self.part("silence", span, (line + 2.0, SILENCE), &meaning);
        }
        self.way_back(story, line);
    }

    /// The parts of the way back, and the words under them where there is room.
    fn way_back(&mut self, story: &Story, line: f64) {
        let Some(comeback) = story.comeback else { return };
        let mut taken = [f64::NEG_INFINITY; WORDS.len()];
        for step in comeback.steps() {
            let span = (self.offset(step.from), step.until.map(|until| self.offset(until)));
            let right = self.scale.x(span.1.unwrap_or(f64::INFINITY));
            let is_beside = right <= self.scale.x(span.0) && !self.scale.shows(span.0);
            if is_beside {
                continue;
            }
            let took = step.micros().map_or_else(|| "…".to_owned(), format::span);
            let words = [step.name, " ", &took].concat();
            let exact = step.micros().map_or_else(|| "not over".to_owned(), exact_span);
            let class = [step.name, " step"].concat();
            let (left, right) = self.part(
                &class,
                span,
                (line - PART, PART),
                &[step.name, " ", &exact, ": ", step.meaning].concat(),
            );
            let (middle, half) = self.centred((left + right) / 2.0, &words);
            if let Some(row) = taken.iter().position(|end| *end + APART <= middle - half) {
                taken[row] = middle + half;
                self.text("step", middle, line + WORDS[row], &words);
            }
        }
        if let Some(fresh) = comeback.fresh_at.map(|at| self.offset(at)).filter(|at| self.scale.shows(*at)) {
            let x = self.scale.x(fresh);
            self.begin("fresh");
            self.path("wire", &[(x, line - PART - 4.0), (x, line + SILENCE)]);
            self.dot((x, line - PART - 4.0));
            self.end("the first message that is younger than the Welcome", comeback.fresh_at);
            let (middle, half) = self.centred(x, "fresh");
            if let Some(row) = taken.iter().position(|end| *end + APART <= middle - half) {
                self.text("step", middle, line + WORDS[row], "fresh");
            }
        }
    }

    /// A rectangle from a moment to another, or to the edge; returns where it begins and ends.
    fn part(
        &mut self,
        class: &str,
        (from, until): (f64, Option<f64>),
        (top, height): (f64, f64),
        meaning: &str,
    ) -> (f64, f64) {
        let left = self.scale.x(from);
        let right = self.scale.x(until.unwrap_or(f64::INFINITY)).max(left + 1.0);
        self.begin(&if until.is_none() { [class, " open"].concat() } else { class.to_owned() });
        let [x, y, width, height] = [left, top, right - left, height].map(|number| fixed(number, 1));
        self.svg.extend(["<rect x=", &x, " y=", &y, " width=", &width, " height=", &height, " />"]);
        self.end(meaning, None);
        (left, right)
    }
}

/// A silence, and what became of the messages that were published meanwhile.
fn silence_words(silence: &Silence, is_roomy: bool) -> String {
    let span = exact_span(micros(silence.until.since(silence.from)));
    let waited = format::count(silence.waited);
    if !is_roomy {
        return waited + " waited";
    }
    let (left_out, lost) = (format::count(silence.left_out), format::count(silence.lost));
    ["silent ", &span, " · ", &waited, " messages waited, ", &left_out, " left out, ", &lost, " lost"]
        .concat()
}

#[cfg(test)]
mod tests {
    use crate::features::migration::drawing::svg;
    use crate::features::migration::samples;
    use crate::features::migration::scale::Extent;
    fn drawn(width: f64) -> String {
        let switch = samples::switch();
        svg(&switch, &["one".to_owned(), "two".to_owned()], &samples::told(&switch), Extent::All, width)
    }

    #[test]
    fn the_way_back_stands_on_the_same_axis_part_by_part() {
        let svg = drawn(900.0);
        let places: Vec<_> = ["detect", "backoff", "connect", "upgrade", "resume"]
            .map(|step| svg.find(&format!("<g class=\"{step} step\">")).expect(step))
            .into();
        assert!(places.is_sorted(), "{places:?}");
        for words in [">backoff 178\u{a0}ms<", ">connect 100\u{a0}ms<", ">upgrade 60\u{a0}ms<"] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        assert_eq!(svg.matches("<g class=\"silence\">").count(), 2, "{svg}");
        assert!(svg.contains("178 messages waited, 0 left out, 0 lost"), "{svg}");
    }

    #[test]
    fn a_small_screen_has_fewer_words() {
        let svg = drawn(340.0);
        assert!(svg.contains(">178 waited<") && !svg.contains("left out, 0 lost</text>"), "{svg}");
    }
}
