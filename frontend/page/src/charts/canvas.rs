//! Canvas component driven by the frame loop.

use leptos::html;
use leptos::prelude::*;

use crate::charts::frame_loop::{CanvasFrames, Frame};
use sluice_browser::surface::Surface;

/// Renders a canvas on which `painter` draws once per frame while it is on the page.
#[component]
pub fn Canvas(
    /// Style class, which determines the size.
    class: &'static str,
    /// Description for screen readers; the numbers are beside it as text.
    label: &'static str,
    /// Tooltip that explains how to read it.
    #[prop(optional)]
    title: Option<&'static str>,
    /// Draws a frame.
    painter: impl FnMut(&mut Surface, &Frame) + 'static,
) -> impl IntoView {
    let CanvasFrames(frames) = expect_context();
    let node = NodeRef::<html::Canvas>::new();
    let waiting_painter = StoredValue::new_local(Some(painter));
    let registration = StoredValue::new(None::<u64>);
    Effect::new(move |_| {
        let Some(mut surface) = node.get().and_then(Surface::new) else { return };
        let Some(mut painter) = waiting_painter.try_update_value(Option::take).flatten() else { return };
        registration.set_value(Some(frames.get_value().add(move |frame| painter(&mut surface, frame))));
    });
    on_cleanup(move || {
        if let Some((id, frames)) = registration.try_get_value().flatten().zip(frames.try_get_value()) {
            frames.remove(id);
        }
    });
    view! { <canvas node_ref=node class=class role="img" aria-label=label tabindex=title.map(|_| "0") data-tip=title></canvas> }
}
