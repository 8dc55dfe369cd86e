//! Shapes of a drawing, and the [`Pen`] that builds them group by group. Used by both drawings of the panel;
//! a component renders them as SVG. Each group carries its meaning as a sentence for screen readers.

use sluice_text::decimal::fixed;

/// Finished drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawing {
    /// CSS class.
    pub(crate) class: &'static str,
    /// Description for screen readers.
    pub(crate) label: &'static str,
    /// Size, CSS pixels.
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) shapes: Vec<Shape>,
}

/// Part of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Group of parts with one meaning.
    Group(Group),
    /// Line through points, or closed area, as SVG path data.
    Path { class: &'static str, data: String },
    /// A rectangle.
    Rect { class: &'static str, x: f64, y: f64, width: f64, height: f64 },
    /// A disc.
    Circle { x: f64, y: f64, radius: f64 },
    /// Text at its baseline.
    Text { class: &'static str, x: f64, y: f64, text: String },
}

/// Group of parts with one meaning.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) class: String,
    /// Outcome that the group represents, for tests and screen readers.
    pub(crate) mark: Option<Mark>,
    /// Sentence on its content; empty for a group of groups.
    pub(crate) meaning: String,
    pub(crate) shapes: Vec<Shape>,
}

/// Outcome represented by a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Kind of lane.
    pub(crate) of: String,
    /// Number of the outage.
    pub(crate) number: u64,
    /// Name of the outcome.
    pub(crate) value: &'static str,
}

/// Builder of a drawing.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    /// Open groups, the innermost last.
    open: Vec<Group>,
    shapes: Vec<Shape>,
}

impl Pen {
    /// Begins a group.
    pub(crate) fn begin(&mut self, class: impl Into<String>) {
        self.open.push(Group { class: class.into(), ..Group::default() });
    }

    /// Begins a group that represents an outcome.
    pub(crate) fn begin_mark(&mut self, class: impl Into<String>, mark: Mark) {
        self.open.push(Group { class: class.into(), mark: Some(mark), ..Group::default() });
    }

    /// Ends the innermost group with a sentence on its content.
    pub(crate) fn end(&mut self, meaning: impl Into<String>) {
        let ended = self.open.pop();
        debug_assert!(ended.is_some(), "every end has its beginning");
        if let Some(group) = ended {
            self.push(Shape::Group(Group { meaning: meaning.into(), ..group }));
        }
    }

    /// Draws a line through points.
    pub(crate) fn line(&mut self, class: &'static str, points: &[(f64, f64)]) {
        self.push(Shape::Path { class, data: path_data(points) });
    }

    /// Draws an area between points.
    pub(crate) fn area(&mut self, points: &[(f64, f64)]) {
        self.push(Shape::Path { class: "area", data: path_data(points) + "Z" });
    }

    /// Draws a rectangle.
    pub(crate) fn rect(&mut self, class: &'static str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.push(Shape::Rect { class, x, y, width, height });
    }

    /// Draws a disc.
    pub(crate) fn circle(&mut self, (x, y): (f64, f64), radius: f64) {
        self.push(Shape::Circle { x, y, radius });
    }

    /// Draws a cross.
    pub(crate) fn cross(&mut self, (x, y): (f64, f64)) {
        let arm = 4.0;
        self.line("cross", &[(x - arm, y - arm), (x + arm, y + arm)]);
        self.line("cross", &[(x - arm, y + arm), (x + arm, y - arm)]);
    }

    /// Writes a text.
    pub(crate) fn text(&mut self, class: &'static str, x: f64, y: f64, text: impl Into<String>) {
        self.push(Shape::Text { class, x, y, text: text.into() });
    }

    /// Returns the finished shapes.
    pub(crate) fn finish(self) -> Vec<Shape> {
        debug_assert!(self.open.is_empty(), "every group has ended");
        self.shapes
    }

    fn push(&mut self, shape: Shape) {
        match self.open.last_mut() {
            Some(group) => group.shapes.push(shape),
            None => self.shapes.push(shape),
        }
    }
}

fn path_data(points: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        data.extend([if at == 0 { "M" } else { "L" }, &fixed(*x, 1), " ", &fixed(*y, 1)]);
    }
    data
}

impl Drawing {
    /// Returns the sentences of all groups in drawing order.
    pub(crate) fn meanings(&self) -> Vec<String> {
        let mut meanings = Vec::new();
        collect(&self.shapes, &mut |group| {
            if !group.meaning.is_empty() {
                meanings.push(group.meaning.clone());
            }
        });
        meanings
    }
}

fn collect(shapes: &[Shape], see: &mut impl FnMut(&Group)) {
    for shape in shapes {
        match shape {
            Shape::Group(group) => {
                see(group);
                collect(&group.shapes, see);
            }
            Shape::Path { .. } | Shape::Rect { .. } | Shape::Circle { .. } | Shape::Text { .. } => {}
        }
    }
}

#[cfg(test)]
impl Drawing {
    /// Returns all groups, outer ones first.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        collect(&self.shapes, &mut |group| groups.push(group.clone()));
        groups
    }

    /// Returns all shapes other than groups.
    pub(crate) fn leaves(&self) -> Vec<Shape> {
        fn leaves(shapes: &[Shape], into: &mut Vec<Shape>) {
            for shape in shapes {
                match shape {
                    Shape::Group(group) => leaves(&group.shapes, into),
                    Shape::Path { .. } | Shape::Rect { .. } | Shape::Circle { .. } | Shape::Text { .. } => {
                        into.push(shape.clone());
                    }
                }
            }
        }
        let mut all = Vec::new();
        leaves(&self.shapes, &mut all);
        all
    }

    /// Returns all texts of a class.
    pub(crate) fn texts(&self, wanted: &str) -> Vec<String> {
        let text = |shape: Shape| match shape {
            Shape::Text { class, text, .. } => (class == wanted).then_some(text),
            Shape::Group(_) | Shape::Path { .. } | Shape::Rect { .. } | Shape::Circle { .. } => None,
        };
        self.leaves().into_iter().filter_map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_belong_to_the_innermost_group() {
        let mut pen = Pen::default();
        pen.begin("outer");
        pen.begin("inner");
        pen.line("wire", &[(1.0, 2.0), (3.25, 4.0)]);
        pen.end("a packet");
        pen.text("title", 0.0, 0.0, "one");
        pen.end("");
        let drawing = Drawing { class: "d", label: "", width: 1.0, height: 1.0, shapes: pen.finish() };
        let groups = drawing.groups();
        assert_eq!((groups[0].shapes.len(), groups[1].class.as_str()), (2, "inner"));
        assert_eq!(groups[1].shapes, [Shape::Path { class: "wire", data: "M1.0 2.0L3.3 4.0".to_owned() }]);
        assert_eq!(
            (drawing.meanings(), drawing.texts("title")),
            (vec!["a packet".to_owned()], vec!["one".to_owned()])
        );
    }
}
