//! Card of the ladder: the picture drawn by the server, navigable by keyboard and pointer. Used by the
//! handshake panel and the stories. The explanation always belongs to the packet at the pointer, or else to
//! the focused one.

use leptos::{ev, html, prelude::*};
use sluice_browser::ladder_svg::{LadderSvg, Rung, contains_focus};
use sluice_shared::handshake::Stack;

use crate::features::handshakes::model::labels::{cursor_text, pair_meaning, pair_title, stack_name};
use crate::features::handshakes::model::paths::export_links;
use crate::features::handshakes::model::rung_walk;
use crate::features::handshakes::model::time_axis::TimeAxis;
use crate::features::handshakes::state::{HandshakesState, LadderStatus};

/// Hint shown while no packet is explained.
const HOW_TO_WALK: &str = "Point at a packet, or press Tab and then the arrow keys, to see what is inside. Home and End lead \
                           to the first and the last one.";

/// Title, exports, picture, and an explanation of one packet.
#[component]
pub fn LadderCard() -> impl IntoView {
    let state = HandshakesState::shared();
    let title = || state.pair.with(|pair| [pair_title(*pair), ": ", pair_meaning(*pair)].concat());
    let failure = || {
        state.ladder.with(|ladder| match ladder {
            LadderStatus::Failed(text) => Some(text.clone()),
            LadderStatus::Missing | LadderStatus::Drawn(_) => None,
        })
    };
    view! {
        <section class="ladder-card" aria-labelledby="ladder-title">
            <div class="card-head">
                <h3 id="ladder-title">{title}</h3>
                <SideChoice/>
                <Exports/>
            </div>
            <p class="hint" role="status">{failure}</p>
            <LadderPicture/>
        </section>
    }
}

/// Choice of the side shown where there is room for only one.
#[component]
fn SideChoice() -> impl IntoView {
    let state = HandshakesState::shared();
    let sides = [(Stack::Tcp, "TCP"), (Stack::Quic, "QUIC")]
        .map(|(side, title)| {
            view! {
                <button
                    type="button"
                    data-testid=["ladder-", stack_name(side)].concat()
                    aria-pressed=move || state.side.with(|chosen| *chosen == side).to_string()
                    on:click=move |_| state.choose_side(side)
                >
                    {title}
                </button>
            }
        })
        .collect_view();
    view! { <span class="segmented sides" role="group" aria-label="Side">{sides}</span> }
}

/// Links to the files of the pair's first run.
#[component]
fn Exports() -> impl IntoView {
    let state = HandshakesState::shared();
    let links = || {
        let id = state.report.with(|report| report.as_ref().map(|report| report.id.clone()));
        let links = id.map(|id| export_links(&id, state.pair.get()));
        links.map(|links| {
            links
                .map(|link| view! { <a data-testid=link.testid download="" href=link.path>{link.title}</a> })
                .collect_view()
        })
    };
    view! { <span class="exports" role="group" aria-label="Files of the first run">{links}</span> }
}

/// State of the navigation through one picture.
#[derive(Clone, Copy, Debug)]
struct LadderWalk {
    rungs: RwSignal<Vec<Rung>>,
    axis: RwSignal<TimeAxis>,
    /// Packet that has, or last had, the focus.
    focused: RwSignal<Option<usize>>,
    /// Packet at the pointer.
    pointed: RwSignal<Option<usize>>,
    /// Height of the time cursor.
    cursor: RwSignal<Option<f64>>,
    picture: StoredValue<Option<LadderSvg>, LocalStorage>,
}

impl LadderWalk {
    fn new() -> Self {
        Self {
            rungs: RwSignal::default(),
            axis: RwSignal::default(),
            focused: RwSignal::default(),
            pointed: RwSignal::default(),
            cursor: RwSignal::default(),
            picture: StoredValue::new_local(None),
        }
    }

    /// Inserts a picture into `host`. The focus stays on the same packet if it is inside.
    fn draw(self, host: &web_sys::Element, ladder: &LadderStatus) {
        let has_focus = contains_focus(host);
        let name = self.explained(self.focused).map(|rung| rung.name);
        let drawing = match ladder {
            LadderStatus::Drawn(svg) => LadderSvg::draw(host, svg),
            LadderStatus::Missing | LadderStatus::Failed(_) => {
                host.set_inner_html("");
                None
            }
        };
        let (picture, rungs, axis) = drawing.map_or_else(
            || (None, Vec::new(), TimeAxis::default()),
            |drawing| (Some(drawing.picture), drawing.rungs, TimeAxis::parse(&drawing.axis)),
        );
        let same = rungs.iter().position(|rung| Some(&rung.name) == name.as_ref());
        self.picture.set_value(picture.clone());
        self.rungs.set(rungs);
        self.axis.set(axis);
        self.pointed.set(None);
        self.focused.set(None);
        self.cursor.set(None);
        if let Some(picture) = picture
            && has_focus
        {
            picture.focus(same.unwrap_or(0));
        }
    }

    fn handle_key(self, event: &ev::KeyboardEvent) {
        let count = self.rungs.with_untracked(Vec::len);
        let Some(to) = rung_walk::target(&event.key(), self.focused.get_untracked(), count) else { return };
        event.prevent_default();
        if let Some(picture) = self.picture.get_value() {
            picture.focus(to);
        }
    }

    fn handle_focus(self, event: &ev::FocusEvent) {
        let Some(at) = self.picture.get_value().and_then(|picture| picture.rung_of(event)) else { return };
        self.focused.set(Some(at));
        self.cursor.set(self.rungs.with_untracked(|rungs| rungs.get(at).map(|rung| rung.height)));
    }

    fn handle_pointer(self, event: &ev::PointerEvent) {
        let Some(picture) = self.picture.get_value() else { return };
        self.cursor.set(picture.height_at(event));
        let at = picture.rung_of(event);
        if self.pointed.get_untracked() != at {
            self.pointed.set(at);
        }
    }

    /// Returns the packet of a signal, untracked.
    fn explained(self, at: RwSignal<Option<usize>>) -> Option<Rung> {
        let at = at.get_untracked()?;
        self.rungs.with_untracked(|rungs| rungs.get(at).cloned())
    }

    /// Returns the packet at the pointer, or else the focused one.
    fn current(self) -> Option<Rung> {
        // Both signals are tracked, even if only one is used.
        let (pointed, focused) = (self.pointed.get(), self.focused.get());
        let at = pointed.or(focused)?;
        self.rungs.with(|rungs| rungs.get(at).cloned())
    }

    /// Returns the time at the cursor, as text.
    fn time_text(self) -> Option<String> {
        let height = self.cursor.get()?;
        let micros = self.axis.with(|axis| axis.micros_from_height(height))?;
        let state = HandshakesState::shared();
        let rtt_ms = state.report.with(|report| report.as_ref().map(|report| report.request.rtt_ms))?;
        Some(cursor_text(micros, rtt_ms))
    }
}

/// Picture, and below it the time at the cursor and the content of a packet.
#[component]
fn LadderPicture() -> impl IntoView {
    let state = HandshakesState::shared();
    let walk = LadderWalk::new();
    let host = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        if let Some(host) = host.get() {
            state.ladder.with(|ladder| walk.draw(&host, ladder));
        }
    });
    Effect::new(move |_| {
        let stop = walk.focused.get().unwrap_or(0);
        walk.rungs.track();
        if let Some(picture) = walk.picture.get_value() {
            picture.set_tab_stop(stop);
        }
    });
    Effect::new(move |_| {
        let height = walk.cursor.get();
        if let Some(picture) = walk.picture.get_value() {
            picture.move_cursor(height);
        }
    });
    let current = Memo::new(move |_| walk.current());
    let explanation = move || {
        current.with(|rung| {
            rung.as_ref().map_or_else(|| HOW_TO_WALK.to_owned(), |rung| rung.explanation.clone())
        })
    };
    view! {
        <div
            class="ladder-box"
            data-testid="ladder"
            data-value=move || walk.rungs.with(Vec::len)
            node_ref=host
            on:keydown=move |event| walk.handle_key(&event)
            on:focusin=move |event| walk.handle_focus(&event)
            on:pointermove=move |event| walk.handle_pointer(&event)
            on:pointerleave=move |_| walk.pointed.set(None)
        ></div>
        <div class="told">
            <p class="hint" data-testid="ladder-time">{move || walk.time_text()}</p>
            <p
                data-testid="rung-told"
                aria-live="polite"
                data-value=move || current.with(|rung| rung.as_ref().map_or_else(String::new, |rung| rung.name.clone()))
            >
                {explanation}
            </p>
        </div>
    }
}
