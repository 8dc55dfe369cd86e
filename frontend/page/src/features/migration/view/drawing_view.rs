//! Renders a drawing as SVG, and its events as a list. Used by the change card and the survival card, with a
//! width that follows the window.

use leptos::html;
use leptos::prelude::*;
use leptos::svg;
use sluice_browser::window;
use sluice_text::decimal::fixed;

use crate::features::migration::drawing::shape::{Drawing, Group, Shape};

/// Initial and minimum width of a drawing, CSS pixels.
const WIDTH: f64 = 900.0;
const MIN_WIDTH: f64 = 300.0;

/// Returns the width of an element, CSS pixels, updated when the window is resized.
pub(super) fn width_of(node: NodeRef<html::Div>) -> Signal<f64> {
    let width = RwSignal::new(WIDTH);
    let measure = move || {
        if let Some(Some(element)) = node.try_get_untracked() {
            let measured = f64::from(element.client_width()).max(MIN_WIDTH);
            if width.try_get_untracked() != Some(measured) {
                width.try_set(measured);
            }
        }
    };
    Effect::new(move |_| {
        node.track();
        measure();
    });
    let listener = StoredValue::new_local(window::on_window_event("resize", measure));
    on_cleanup(move || listener.dispose());
    width.into()
}

/// Renders a drawing as SVG.
#[component]
pub(super) fn DrawingView(
    /// The drawing.
    #[prop(into)]
    drawing: Signal<Option<Drawing>>,
) -> impl IntoView {
    move || {
        drawing.get().map(|drawing| {
            let size = [drawing.width, drawing.height].map(|size| fixed(size, 0));
            let [width, height] = size.clone();
            view! {
                <svg
                    class=drawing.class
                    viewBox=["0 0 ", &size[0], " ", &size[1]].concat()
                    width=width
                    height=height
                    role="img"
                    aria-label=drawing.label
                >
                    {drawing.shapes.into_iter().map(shape).collect_view()}
                </svg>
            }
        })
    }
}

/// Sentences of a drawing as a list.
#[component]
pub(super) fn MeaningList(
    /// The drawing.
    #[prop(into)]
    drawing: Signal<Option<Drawing>>,
    /// Label of the disclosure that opens the list.
    summary: &'static str,
) -> impl IntoView {
    let items = move || {
        let meanings = drawing.with(|drawing| drawing.as_ref().map(Drawing::meanings).unwrap_or_default());
        meanings.into_iter().map(|meaning| view! { <li>{meaning}</li> }).collect_view()
    };
    view! {
        <details class="meanings">
            <summary>{summary}</summary>
            <ol>{items}</ol>
        </details>
    }
}

fn shape(shape: Shape) -> AnyView {
    match shape {
        Shape::Group(group) => self::group(group),
        Shape::Path { class, data } => svg::path().class(class).attr("d", data).into_any(),
        Shape::Rect { class, x, y, width, height } => {
            let [x, y, width, height] = [x, y, width, height].map(|number| fixed(number, 1));
            svg::rect()
                .class(class)
                .attr("x", x)
                .attr("y", y)
                .attr("width", width)
                .attr("height", height)
                .into_any()
        }
        Shape::Circle { x, y, radius } => {
            let [x, y, radius] = [x, y, radius].map(|number| fixed(number, 1));
            svg::circle().attr("cx", x).attr("cy", y).attr("r", radius).into_any()
        }
        Shape::Text { class, x, y, text } => {
            let [x, y] = [x, y].map(|number| fixed(number, 1));
            svg::text().class(class).attr("x", x).attr("y", y).child(text).into_any()
        }
    }
}

fn group(group: Group) -> AnyView {
    let Group { class, mark, meaning, shapes } = group;
    let title = (!meaning.is_empty()).then(|| svg::title().child(meaning));
    let shapes = shapes.into_iter().map(shape).collect_view();
    let element = svg::g().class(class).child((shapes, title));
    match mark {
        None => element.into_any(),
        Some(mark) => element
            .attr("data-testid", "tunnel-mark")
            .attr("data-of", mark.of)
            .attr("data-number", mark.number.to_string())
            .attr("data-value", mark.value)
            .into_any(),
    }
}
