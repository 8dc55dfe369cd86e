//! Draws the lane's line below its connection: the delivery gap, and the recovery phase by phase. Called by
//! the drawing of a change; its height depends only on the effect.

use sluice_bridge::DeliveryGap;
use sluice_shared::time::micros;
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::migration::drawing::change::{Chart, DOT};
use crate::features::migration::model::effect::ChangeEffect;

/// Distance of the line from the connection's top, and the thickness of its parts.
const LINE: f64 = 130.0;
const PART: f64 = 8.0;
const SILENCE: f64 = 3.0;
/// Baselines of labels, below the line.
const WORDS: [f64; 2] = [16.0, 30.0];
/// Minimum distance between two labels.
const APART: f64 = 10.0;
/// Height added below the connection: line only, and with labels.
const HEIGHT: f64 = 20.0;
const HEIGHT_WITH_WORDS: f64 = 40.0;
/// Width of a letter of the title.
const LARGE_LETTER: f64 = 7.4;
/// Minimum width for full sentences, CSS pixels.
const ROOMY: f64 = 640.0;

/// Returns the height added below the connection.
pub(crate) const fn height(effect: &ChangeEffect) -> f64 {
    match (effect.recovery, effect.delivery_gap) {
        (Some(_), _) => HEIGHT_WITH_WORDS,
        (None, Some(_)) => HEIGHT,
        (None, None) => 0.0,
    }
}

impl Chart {
    /// Draws the line of a lane.
    pub(crate) fn lane(&mut self, effect: &ChangeEffect, title: &str) {
        let words = effect.delivery_gap.as_ref().map(|gap| delivery_gap_text(gap, self.width >= ROOMY));
        // They follow the title, where there is room.
        let has_room = |words: &String| {
            ((title.chars().count() + words.chars().count()) as f64) * LARGE_LETTER < self.width - APART
        };
        if let Some(words) = words.filter(has_room) {
            self.pen.text("story", self.width - 6.0, self.top + 14.0, &words);
        }
        if effect.recovery.is_none() && effect.delivery_gap.is_none() {
            return;
        }
        let line = self.top + LINE;
        let (from, to) = (self.scale.x(f64::NEG_INFINITY), self.scale.x(f64::INFINITY));
        self.pen.line("end", &[(from, line), (to, line)]);
        self.pen.text("end", 2.0, line + 3.5, "lane");
        if let Some(gap) = &effect.delivery_gap {
            let meaning = delivery_gap_text(gap, true);
            let span = (self.offset(gap.from), Some(self.offset(gap.until)));
            self.part("silence", span, (line + 2.0, SILENCE), &meaning);
        }
        self.recovery(effect, line);
    }

    /// Draws the phases of the recovery, with labels below them where there is room.
    fn recovery(&mut self, effect: &ChangeEffect, line: f64) {
        let Some(recovery) = effect.recovery else { return };
        let mut taken = [f64::NEG_INFINITY; WORDS.len()];
        for step in recovery.steps() {
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
                self.pen.text("step", middle, line + WORDS[row], &words);
            }
        }
        if let Some(fresh) = recovery.fresh_at.map(|at| self.offset(at)).filter(|at| self.scale.shows(*at)) {
            let x = self.scale.x(fresh);
            self.pen.begin("fresh");
            self.pen.line("wire", &[(x, line - PART - 4.0), (x, line + SILENCE)]);
            self.pen.circle((x, line - PART - 4.0), DOT);
            self.end("the first message that is younger than the Welcome", recovery.fresh_at);
            let (middle, half) = self.centred(x, "fresh");
            if let Some(row) = taken.iter().position(|end| *end + APART <= middle - half) {
                self.pen.text("step", middle, line + WORDS[row], "fresh");
            }
        }
    }

    /// Draws a rectangle between two moments, or up to the edge; returns its left and right edge.
    fn part(
        &mut self,
        class: &str,
        (from, until): (f64, Option<f64>),
        (top, height): (f64, f64),
        meaning: &str,
    ) -> (f64, f64) {
        let left = self.scale.x(from);
        let right = self.scale.x(until.unwrap_or(f64::INFINITY)).max(left + 1.0);
        self.pen.begin(&if until.is_none() { [class, " open"].concat() } else { class.to_owned() });
        self.pen.rect("", (left, top), (right - left, height));
        self.end(meaning, None);
        (left, right)
    }
}

/// Describes a delivery gap and the messages published during it.
fn delivery_gap_text(gap: &DeliveryGap, is_roomy: bool) -> String {
    let span = exact_span(micros(gap.until.since(gap.from)));
    let waited = format::count(gap.waited);
    if !is_roomy {
        return waited + " waited";
    }
    let (left_out, lost) = (format::count(gap.left_out), format::count(gap.lost));
    ["nothing for ", &span, " · ", &waited, " messages waited, ", &left_out, " left out, ", &lost, " lost"]
        .concat()
}

#[cfg(test)]
mod tests {
    use crate::features::migration::drawing::change::drawing;
    use crate::features::migration::drawing::scale::Extent;
    use crate::features::migration::drawing::shape::Drawing;
    use crate::features::migration::model::samples;

    fn drawn(width: f64) -> Drawing {
        let switch = samples::switch();
        let titles = ["one".to_owned(), "two".to_owned()];
        drawing(&switch, &titles, &samples::effects(&switch), Extent::All, width)
    }

    #[test]
    fn a_recovery_is_on_the_same_axis_phase_by_phase() {
        let drawing = drawn(900.0);
        let classes: Vec<String> = drawing.groups().into_iter().map(|group| group.class).collect();
        let places: Vec<_> = ["detect", "backoff", "connect", "upgrade", "resume"]
            .map(|step| classes.iter().position(|class| *class == format!("{step} step")).expect(step))
            .into();
        assert!(places.is_sorted(), "{places:?}");
        let words = drawing.texts("step");
        for expected in ["backoff 178\u{a0}ms", "connect 100\u{a0}ms", "upgrade 60\u{a0}ms"] {
            assert!(words.iter().any(|word| word == expected), "{expected}: {words:?}");
        }
        assert_eq!(classes.iter().filter(|class| *class == "silence").count(), 2);
        let texts = drawing.texts("story").concat();
        assert!(texts.contains("178 messages waited, 0 left out, 0 lost"), "{texts}");
    }

    #[test]
    fn a_small_screen_has_fewer_words() {
        let texts = drawn(340.0).texts("story");
        assert!(texts.contains(&"178 waited".to_owned()), "{texts:?}");
    }
}
