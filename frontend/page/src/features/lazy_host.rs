//! Lazily loaded module's side of the page interface: mounts one view at a time and passes it the page's
//! snapshots.
//!
//! A view finds [`Input`] and [`Actions`] in its context; it never accesses the page's elements.

use std::any::Any;
use std::cell::RefCell;

use js_sys::{Array, Function, Uint8Array};
use leptos::mount::mount_to;
use leptos::prelude::*;
use sluice_bridge::{View, ViewAction, ViewInput};
use sluice_browser::worker_link::set_lane_module;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, console};

use crate::charts::frame_loop::{CanvasFrames, FrameLoop};
use crate::features::compare::view::CompareView;
use crate::features::continuity::view::ContinuityView;
use crate::features::flood::view::InboundView;
use crate::features::frames::view::FramesView;
use crate::features::handshakes::state::HandshakesState;
use crate::features::handshakes::view::HandshakesView;
use crate::features::log::view::LogView;
use crate::features::migration::view::MigrationView;
use crate::features::policies::view::PoliciesView;
use crate::features::situations::view::SituationsView;
use crate::features::this_browser::view::ThisBrowserView;
use crate::features::trace::view::TraceView;
use crate::glossary::view::GlossaryView;
use crate::stories::view::StoryView;

/// Newest snapshot of the page, provided in the context of every view.
#[derive(Clone, Copy, Debug)]
pub struct Input(pub ReadSignal<ViewInput>);

/// Sends a view's actions to the page; provided in the context of every view.
#[derive(Clone, Copy, Debug)]
pub struct Actions(StoredValue<Function, LocalStorage>);

impl Actions {
    /// Requests an action from the page. It runs after the current call, and not at all if the view has been
    /// closed.
    pub fn send(self, action: &ViewAction) {
        let Some(receiver) = self.0.try_get_value() else { return };
        let sent = postcard::to_stdvec(action)
            .map_err(|error| JsValue::from_str(&error.to_string()))
            .and_then(|bytes| receiver.call1(&JsValue::NULL, &Uint8Array::from(bytes.as_slice())));
        if let Err(error) = sent {
            console::error_2(&"an action did not reach the page:".into(), &error);
        }
    }
}

/// The mounted view.
struct Mounted {
    input: ArcRwSignal<ViewInput>,
    /// Removes the view and stops its tasks when dropped.
    _handle: Box<dyn Any>,
}

thread_local! {
    static MOUNTED: RefCell<Option<Mounted>> = const { RefCell::new(None) };
    static FRAMES: FrameLoop = started_frames();
}

/// Shows the view named in `input` in `host`, replacing the previous one. `lane_module` is the page's own
/// module, which runs lanes in workers.
///
/// # Errors
/// Fails if the snapshot cannot be decoded.
pub fn open(
    host: &Element,
    input: &[u8],
    on_action: &Function,
    lane_module: Array,
) -> Result<(), postcard::Error> {
    set_lane_module(lane_module);
    let input: ViewInput = postcard::from_bytes(input)?;
    close();
    FRAMES.with(FrameLoop::invalidate_look);
    let (view, input) = (input.view, ArcRwSignal::new(input));
    let (signal, on_action) = (input.read_only(), on_action.clone());
    let handle = mount_to(host.clone().unchecked_into(), move || {
        provide_context(Input(ReadSignal::from(signal)));
        provide_context(Actions(StoredValue::new_local(on_action)));
        provide_context(CanvasFrames(StoredValue::new_local(FRAMES.with(FrameLoop::clone))));
        shown(view)
    });
    MOUNTED.set(Some(Mounted { input, _handle: Box::new(handle) }));
    Ok(())
}

/// Passes another snapshot to the mounted view.
///
/// # Errors
/// Fails if the snapshot cannot be decoded.
pub fn update(input: &[u8]) -> Result<(), postcard::Error> {
    let input: ViewInput = postcard::from_bytes(input)?;
    // Cloned out of the cell first: effects of the view may act on the page, which may close it.
    let signal = MOUNTED.with_borrow(|mounted| mounted.as_ref().map(|mounted| mounted.input.clone()));
    if let Some(signal) = signal {
        if signal.with_untracked(|before| before.look_revision != input.look_revision) {
            FRAMES.with(FrameLoop::invalidate_look);
        }
        signal.set(input);
    }
    Ok(())
}

/// Removes the mounted view.
pub fn close() {
    drop(MOUNTED.take());
}

fn started_frames() -> FrameLoop {
    let frames = FrameLoop::default();
    frames.start_for_painters();
    frames
}

fn shown(view: View) -> AnyView {
    let Input(input) = expect_context::<Input>();
    let lab = Signal::derive(move || input.with(|input| input.lab.ready().map(|lab| lab.id.clone())));
    match view {
        View::Compare => view! { <CompareView/> }.into_any(),
        View::Continuity => view! { <ContinuityView/> }.into_any(),
        View::Frames => view! { <FramesView/> }.into_any(),
        View::Inbound => view! { <InboundView/> }.into_any(),
        View::Log => view! { <LogView/> }.into_any(),
        View::Migration => view! { <MigrationView/> }.into_any(),
        View::Trace => view! { <TraceView/> }.into_any(),
        View::Handshakes => view! { <div class="lab"><HandshakesView lab/></div> }.into_any(),
        View::ThisBrowser => {
            let native = Signal::derive(|| HandshakesState::shared().native_openings());
            view! { <div class="lab"><ThisBrowserView lab native/></div> }.into_any()
        }
        View::Policies => view! { <PoliciesView/> }.into_any(),
        View::Story => view! { <StoryView/> }.into_any(),
        View::Situations => view! { <SituationsView/> }.into_any(),
        View::Glossary => view! { <GlossaryView/> }.into_any(),
    }
}
