//! Timeline component: all lanes' latency on one axis, with pause, selection and a cursor. Shown at the top
//! of the lab. Its viewport belongs to the page's sharing state, so it survives a change of views.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::{ev, html, prelude::*};
use sluice_browser::clock;
use sluice_text::format;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::charts::scale::AgeAxis;
use crate::controls::segmented::Segmented;
use crate::features::timeline::chart::axis_of;
use crate::features::timeline::paint::TimelinePainter;
use crate::features::timeline::scene::{LaneReading, Reading, Scene, Viewport};

const AXES: [AgeAxis; 2] = [AgeAxis::Linear, AgeAxis::Log];
/// Step of an arrow key, microseconds; ten times as much with Shift.
const KEY_STEP: i64 = 100_000;

/// Copyable handles of the timeline's parts.
#[derive(Clone, Copy)]
struct Timeline {
    app: App,
    viewport: StoredValue<Rc<RefCell<Viewport>>, LocalStorage>,
    plot: NodeRef<html::Div>,
    is_paused: RwSignal<bool>,
    is_zoomed: RwSignal<bool>,
    reading: RwSignal<Option<Reading>>,
}

/// Chart at the top of the lab, its toolbar, and the values at the cursor.
#[component]
pub fn TimelineView() -> impl IntoView {
    let timeline = Timeline::new(expect_context::<App>());
    let mut painter = TimelinePainter::new(timeline.app.engine(), timeline.viewport.get_value());
    view! {
        <div class="timeline">
            <Toolbar timeline/>
            <div
                node_ref=timeline.plot
                class="plot"
                tabindex="0"
                role="group"
                aria-label="Timeline. Arrow keys move the cursor, Space pauses, Escape goes back to now"
                data-testid="timeline"
                data-paused=move || timeline.is_paused.get().to_string()
                on:pointerdown=move |event| timeline.handle_press(&event)
                on:pointermove=move |event| timeline.handle_move(&event)
                on:pointerup=move |_| timeline.handle_release()
                on:pointercancel=move |_| timeline.handle_release()
                on:pointerleave=move |_| timeline.forget_cursor()
                on:blur=move |_| timeline.forget_cursor()
                on:keydown=move |event| timeline.handle_key(&event)
            >
                <Canvas
                    class="timeline-canvas"
                    label="Latency of every lane over the last 30 s on one axis, with outages and changes; the figures stand in the lanes below"
                    painter=move |surface, frame| painter.paint(surface, frame)
                />
            </div>
        </div>
    }
}

/// Toolbar: the state of the timeline, the values at the cursor, and the settings of the axes.
#[component]
fn Toolbar(
    /// The timeline.
    timeline: Timeline,
) -> impl IntoView {
    let app = timeline.app;
    let chosen = move || AXES.iter().position(|axis| *axis == app.axis.get()).unwrap_or(0);
    let choose = move |at: usize| {
        if let Some(axis) = AXES.get(at) {
            app.axis.set(*axis);
        }
    };
    view! {
        <div class="timeline-bar">
            <h2 id="timeline-title">"Latency"</h2>
            <p class="reading" data-testid="timeline-reading" aria-live="polite">
                {move || match timeline.reading.get() {
                    Some(reading) => reading_view(reading).into_any(),
                    None => view! { <span class="hint">"from the feed to the consumer. Point at it to read it, drag to zoom."</span> }.into_any(),
                }}
            </p>
            <Show when=move || timeline.is_zoomed.get()>
                <button type="button" data-testid="timeline-reset" on:click=move |_| timeline.resume()>"Show last 30 s"</button>
            </Show>
            <Show when=move || app.share.opened.with(Option::is_none)>
                <button
                    type="button"
                    data-testid="timeline-pause"
                    aria-pressed=move || timeline.is_paused.get().to_string()
                    on:click=move |_| timeline.toggle_pause()
                >
                    {move || if timeline.is_paused.get() { "Resume" } else { "Pause" }}
                </button>
            </Show>
            <Segmented label="Latency axis" options=vec!["Linear", "Log"] chosen=Signal::derive(chosen) on_choose=choose/>
        </div>
    }
}

fn reading_view(reading: Reading) -> impl IntoView {
    let when = match (reading.back_micros, reading.is_recorded) {
        (0, false) => "now".to_owned(),
        (0, true) => "at the end".to_owned(),
        (back, false) => format!("{} ago", format::span(back)),
        (back, true) => format!("{} before the end", format::span(back)),
    };
    let lanes = reading.lanes.into_iter().map(lane_view).collect_view();
    view! {
        <b>{when}</b>
        {reading.is_out.then_some(view! { <span class="bad">"outage"</span> })}
        {lanes}
    }
}

fn lane_view(lane: LaneReading) -> impl IntoView {
    let text = match lane.column {
        Some(column) => format!(
            "{} ({}–{})",
            format::span(column.mean.into()),
            format::span(column.min.into()),
            format::span(column.max.into())
        ),
        None => "–".to_owned(),
    };
    let colour = format!("--tone: var({})", lane.series_style.token());
    view! { <span class="lane-reading" style=colour><span class="swatch" aria-hidden="true"></span>{lane.name}" "<b>{text}</b></span> }
}

impl Timeline {
    fn new(app: App) -> Self {
        // The viewport outlives the component: a paused timeline stays paused while another view is open.
        let viewport = app.share.viewport();
        let (is_paused, is_zoomed) = (viewport.borrow().is_paused(), viewport.borrow().is_zoomed());
        let timeline = Self {
            app,
            viewport: StoredValue::new_local(viewport),
            plot: NodeRef::new(),
            is_paused: RwSignal::new(is_paused),
            is_zoomed: RwSignal::new(is_zoomed),
            reading: RwSignal::new(None),
        };
        // Runs when a recording is opened or closed.
        Effect::new(move |_| {
            app.share.opened.track();
            timeline.change(|_| ());
        });
        timeline
    }

    fn change(self, change: impl FnOnce(&mut Viewport)) {
        let viewport = self.viewport.get_value();
        change(&mut viewport.borrow_mut());
        let viewport = viewport.borrow();
        self.is_paused.set(viewport.is_paused());
        self.is_zoomed.set(viewport.is_zoomed());
        self.reading.set(viewport.cursor.map(|at| self.scene(&viewport).read(at)));
    }

    fn scene(self, viewport: &Viewport) -> Scene {
        viewport.shown(|| self.live())
    }

    fn live(self) -> Scene {
        Scene::live(&self.app.engine().borrow(), clock::now())
    }

    fn toggle_pause(self) {
        if self.app.share.opened.with_untracked(Option::is_some) {
            return;
        }
        if self.is_paused.get_untracked() {
            return self.resume();
        }
        let live = self.live();
        self.change(|viewport| viewport.pause(live));
    }

    fn resume(self) {
        self.change(Viewport::resume);
    }

    fn forget_cursor(self) {
        self.change(|viewport| {
            if viewport.pending().is_none() {
                viewport.cursor = None;
            }
        });
    }

    /// Returns the moment under the pointer.
    fn moment(self, event: &ev::PointerEvent) -> Option<sluice_shared::time::Time> {
        let plot = self.plot.get_untracked()?.get_bounding_client_rect();
        let scene = self.scene(&self.viewport.get_value().borrow());
        let axis = axis_of(&scene, plot.width());
        Some(axis.time_from_pixel(event.client_x() - plot.left()).clamp(scene.from, scene.until))
    }

    fn handle_press(self, event: &ev::PointerEvent) {
        // A touch must be able to scroll the page, so only a mouse or pen selects; a touch moves the cursor.
        let Some(at) = self.moment(event) else { return };
        if event.button() == 0 && event.pointer_type() != "touch" && !self.is_zoomed.get_untracked() {
            let scene = self.scene(&self.viewport.get_value().borrow());
            self.change(|viewport| viewport.begin_selection(at, scene));
        } else {
            self.change(|viewport| viewport.cursor = Some(at));
        }
    }

    fn handle_move(self, event: &ev::PointerEvent) {
        if let Some(at) = self.moment(event) {
            self.change(|viewport| viewport.cursor = Some(at));
        }
    }

    fn handle_release(self) {
        self.change(Viewport::end_selection);
    }

    fn handle_key(self, event: &ev::KeyboardEvent) {
        let step = if event.shift_key() { 10 * KEY_STEP } else { KEY_STEP };
        match event.key().as_str() {
            "ArrowLeft" => self.step(-step),
            "ArrowRight" => self.step(step),
            " " => self.toggle_pause(),
            "Escape" => self.resume(),
            _ => return,
        }
        event.prevent_default();
    }

    fn step(self, micros: i64) {
        let scene = self.scene(&self.viewport.get_value().borrow());
        self.change(|viewport| {
            let at = viewport.cursor.unwrap_or(scene.until).shifted_by_micros(micros);
            viewport.cursor = Some(at.clamp(scene.from, scene.until));
        });
    }
}
