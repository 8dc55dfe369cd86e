//! A canvas in the frame loop.

use leptos::html;
use leptos::prelude::*;

use crate::charts::frame_loop::{CanvasFrames, Frame};
use sluice_browser::surface::Surface;

/// A canvas that `painter` draws on once a frame while it is on the page.
#[component]
pub fn Canvas(
    /// Its style class, which gives it its size.
    class: &'static str,
    /// What it shows, for those who can't see it; the numbers stand beside it as text.
    label: &'static str,
    /// How it is read, for those who point at it.
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
    view! { <canvas node_ref=node class=class role="img" aria-label=label title=title></canvas> }
}
