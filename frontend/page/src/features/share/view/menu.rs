//! Menu of the header: copies a link, saves and opens recordings, saves the timeline. Files are chosen by the
//! user and decoded with their bounds before anything of them is shown.

use leptos::task::spawn_local;
use leptos::{ev, html, prelude::*};
use sluice_browser::files::{self, FileError};
use sluice_browser::surface::Surface;
use sluice_browser::window;
use wasm_bindgen::{JsCast, JsValue};

use crate::app::state::App;
use crate::charts::palette::Palette;
use crate::features::share::csv::series_csv;
use crate::features::share::date::UtcDate;
use crate::features::share::export;
use crate::features::share::recording::{self, Recording, RecordingError};
use crate::url::route::Route;

/// Element ID of the menu's panel.
const PANEL: &str = "share-panel";
/// Element ID of the button that opens it.
const BUTTON: &str = "share-button";

/// Outcome of the last action, as shown by the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Done(&'static str),
    Failed(String),
}

/// Copyable handles of the menu's parts.
#[derive(Clone, Copy)]
struct Menu {
    app: App,
    root: NodeRef<html::Div>,
    chooser: NodeRef<html::Input>,
    is_open: RwSignal<bool>,
    outcome: RwSignal<Option<Outcome>>,
}

/// File format for exporting the timeline.
#[derive(Clone, Copy)]
enum Export {
    Png,
    Svg,
    Csv,
}

/// Button of the header and the panel it opens.
#[component]
pub fn ShareMenu() -> impl IntoView {
    let menu = Menu::new(expect_context::<App>());
    let clicks = window_event_listener(ev::pointerdown, move |event| menu.handle_pointer(&event));
    on_cleanup(move || clicks.remove());
    view! {
        <div
            class="share"
            node_ref=menu.root
            on:keydown=move |event| menu.handle_key(&event)
            on:focusout=move |event| menu.handle_focus_out(&event)
        >
            <button
                type="button"
                id=BUTTON
                data-testid="share-menu"
                aria-expanded=move || menu.is_open.get().to_string()
                aria-controls=PANEL
                on:click=move |_| menu.toggle()
            >
                "Share"
            </button>
            <div id=PANEL class="share-panel" role="group" aria-label="Share and save" tabindex="-1" hidden=move || !menu.is_open.get()>
                <LinkPart menu/>
                <RecordingPart menu/>
                <TimelinePart menu/>
                <p role="status" data-testid="share-status">
                    {move || match menu.outcome.get() {
                        Some(Outcome::Done(text)) => text,
                        Some(Outcome::Failed(_)) | None => "",
                    }}
                </p>
                <p class="bad" role="alert" data-testid="share-problem">
                    {move || match menu.outcome.get() {
                        Some(Outcome::Failed(text)) => text,
                        Some(Outcome::Done(_)) | None => String::new(),
                    }}
                </p>
            </div>
        </div>
    }
}

/// Copies a link, with or without the actions made here.
#[component]
fn LinkPart(
    /// The menu.
    menu: Menu,
) -> impl IntoView {
    let sharing = menu.app.share;
    let recorded = Memo::new(move |_| sharing.recorded().actions().len());
    view! {
        <h2>"Link"</h2>
        <p class="hint" id="share-link-hint">"Reproduces lanes, network, feed, seed, the view and its settings."</p>
        <label class="share-choice">
            <input
                type="checkbox"
                data-testid="share-actions"
                prop:checked=sharing.includes_actions
                on:change=move |event| sharing.includes_actions.set(event_target_checked(&event))
            />
            <span>
                "Include what I did: "
                {move || match recorded.get() {
                    1 => "1 network action".to_owned(),
                    count => format!("{count} network actions"),
                }}
                ". They are replayed after the lanes connect."
            </span>
        </label>
        <button type="button" data-testid="share" aria-describedby="share-link-hint" on:click=move |_| menu.copy_link()>
            "Copy link"
        </button>
    }
}

/// Saves the current view as a recording, or opens one.
#[component]
fn RecordingPart(
    /// The menu.
    menu: Menu,
) -> impl IntoView {
    let choose = move |_| {
        if let Some(chooser) = menu.chooser.get_untracked() {
            chooser.click();
        }
    };
    view! {
        <h2>"Recording"</h2>
        <p class="hint">"The last 30 s of all lanes with events, verdict and log. It opens without a server."</p>
        <div class="share-row">
            <button type="button" data-testid="save-recording" on:click=move |_| menu.save_recording()>"Save recording"</button>
            <button type="button" data-testid="open-recording" on:click=choose>"Open recording…"</button>
        </div>
        <input
            type="file"
            hidden
            node_ref=menu.chooser
            accept=".json"
            aria-label="Recording to open"
            data-testid="recording-file"
            on:change=move |_| menu.open_recording()
        />
    }
}

/// Exports the timeline in other formats.
#[component]
fn TimelinePart(
    /// The menu.
    menu: Menu,
) -> impl IntoView {
    let button = move |form: Export, testid: &'static str, text: &'static str| {
        view! { <button type="button" data-testid=testid on:click=move |_| menu.export(form)>{text}</button> }
    };
    view! {
        <h2>"Timeline"</h2>
        <div class="share-row">
            {button(Export::Png, "save-png", "PNG picture")}
            {button(Export::Svg, "save-svg", "SVG picture")}
            {button(Export::Csv, "save-csv", "CSV of the series")}
        </div>
    }
}

impl Menu {
    fn new(app: App) -> Self {
        Self {
            app,
            root: NodeRef::new(),
            chooser: NodeRef::new(),
            is_open: RwSignal::new(false),
            outcome: RwSignal::new(None),
        }
    }

    fn toggle(self) {
        self.outcome.set(None);
        self.is_open.update(|is_open| *is_open = !*is_open);
    }

    /// Closes the panel and returns the focus to its button.
    fn close(self) {
        self.is_open.set(false);
        window::focus_element(BUTTON);
    }

    fn handle_key(self, event: &ev::KeyboardEvent) {
        if event.key() == "Escape" && self.is_open.get_untracked() {
            event.prevent_default();
            self.close();
        }
    }

    fn handle_pointer(self, event: &ev::PointerEvent) {
        if self.is_open.get_untracked() && !self.contains(event.target()) {
            self.is_open.set(false);
        }
    }

    /// Closes the panel when the focus moves to another element of the page; the file dialog is not one.
    fn handle_focus_out(self, event: &ev::FocusEvent) {
        let target = event.related_target();
        if target.is_some() && !self.contains(target) {
            self.is_open.set(false);
        }
    }

    fn contains(self, target: Option<web_sys::EventTarget>) -> bool {
        let node = target.and_then(|target| target.dyn_into::<web_sys::Node>().ok());
        self.root.get_untracked().is_some_and(|root| root.contains(node.as_ref()))
    }

    fn copy_link(self) {
        let address = window::href_with(&self.app.share_query());
        spawn_local(async move {
            let outcome = match window::copy(&address).await {
                Ok(()) => Outcome::Done("Link copied."),
                Err(_) => Outcome::Failed(
                    ["The browser does not let the page copy. Copy this address: ", &address].concat(),
                ),
            };
            self.outcome.set(Some(outcome));
        });
    }

    fn save_recording(self) {
        let recording = self.app.recording();
        if recording.scene.lanes.is_empty() {
            return self.report_no_lane();
        }
        let name = file_name(&recording, "sluice.json");
        self.report(files::download_text(&name, "application/json", &recording.to_json()));
    }

    fn open_recording(self) {
        let Some(chooser) = self.chooser.get_untracked() else { return };
        spawn_local(async move {
            let read = match files::take_chosen_text(&chooser, recording::MAX_BYTES).await {
                Ok(None) => return,
                Ok(Some(text)) => recording::decode(&text).map_err(|error| error.to_string()),
                Err(FileError::TooLong) => Err(RecordingError::TooLong.to_string()),
                Err(FileError::Unreadable) => Err(
                    "The browser could not read the file. Check that it still exists, and choose it again."
                        .to_owned(),
                ),
            };
            match read {
                Ok(recording) => self.show(recording),
                Err(problem) => {
                    self.is_open.set(true);
                    self.outcome.set(Some(Outcome::Failed(problem)));
                }
            }
        });
    }

    fn show(self, recording: Recording) {
        self.is_open.set(false);
        if !self.app.route.get_untracked().has_lanes() {
            self.app.open_route(Route::default());
        }
        self.app.share.open(recording);
    }

    fn export(self, form: Export) {
        let recording = self.app.recording();
        if recording.scene.lanes.is_empty() {
            return self.report_no_lane();
        }
        let axis = self.app.axis.get_untracked();
        let Recording { scene, saved_at, modes, .. } = &recording;
        match form {
            Export::Csv => {
                let name = file_name(&recording, "csv");
                self.report(files::download_text(&name, "text/csv", &series_csv(scene, modes)));
            }
            Export::Svg => {
                let svg = export::timeline_svg(scene, *saved_at, &Palette::read(), axis);
                self.report(files::download_text(&file_name(&recording, "svg"), "image/svg+xml", &svg));
            }
            Export::Png => {
                let Some(surface) = Surface::detached(export::SIZE, export::DENSITY) else {
                    return self.report(Err(JsValue::NULL));
                };
                export::draw(&surface, scene, *saved_at, &Palette::read(), axis);
                let name = file_name(&recording, "png");
                spawn_local(async move {
                    let png = surface.png().await;
                    self.report(png.and_then(|png| files::download(&name, &png)));
                });
            }
        }
    }

    fn report(self, saved: Result<(), JsValue>) {
        if let Err(error) = &saved {
            web_sys::console::warn_2(&"a file could not be saved:".into(), error);
        }
        let outcome = match saved {
            Ok(()) => Outcome::Done("Saved to your downloads."),
            Err(_) => Outcome::Failed("The browser could not make the file. Try another form.".to_owned()),
        };
        self.outcome.set(Some(outcome));
    }

    fn report_no_lane(self) {
        let text =
            "No lane has started yet, so there is nothing to save. Wait for the lanes, or open a recording.";
        self.outcome.set(Some(Outcome::Failed(text.to_owned())));
    }
}

fn file_name(recording: &Recording, extension: &str) -> String {
    ["sluice-", &UtcDate::new(recording.saved_at).file_stem(), ".", extension].concat()
}
