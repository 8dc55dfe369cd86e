//! Templates of answers: text with figures in braces, such as `It lost {resume.lost} messages.`

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'text> {
    /// Words.
    Text(&'text str),
    /// A figure: the lane or probe, and the name of the metric.
    Figure {
        /// Name of the lane or probe.
        subject: &'text str,
        /// Name of the metric.
        metric: &'text str,
    },
}

/// Returns the parts of a template, in their order. Braces that hold no figure are words.
pub fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let figure = after.split_once('}').and_then(|(name, after)| Some((name.split_once('.')?, after)));
        let Some(((subject, metric), after)) = figure else { break };
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Figure { subject, metric });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_between_words() {
        let expected = [
            Part::Text("It lost "),
            Part::Figure { subject: "start-over", metric: "lost" },
            Part::Text(", not "),
            Part::Figure { subject: "resume", metric: "lost" },
            Part::Text("."),
        ];
        assert_eq!(parts("It lost {start-over.lost}, not {resume.lost}."), expected);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn other_braces_are_words() {
        for text in ["{", "a {b} c", "a } b", "{x.y"] {
            assert_eq!(parts(text), [Part::Text(text)]);
        }
    }
}
