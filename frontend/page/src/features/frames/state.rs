//! The frames of one lane's WebSocket, while somebody looks at them.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_shared::lab::{FrameEvent, FrameRecord, Opcode};
use sluice_shared::mode::Transport;
use web_sys::Element;

use crate::app::state::App;
use crate::engine::lane::LaneId;
use crate::features::frames::cost::CostRow;
use crate::features::frames::cost::Reading;
use crate::features::frames::cost::costs_html;
use crate::features::frames::model::FrameLog;
use crate::features::frames::model::detail_html;
use crate::features::frames::model::rows_html;
use crate::features::frames::model::upgrade_html;
use crate::features::network::state::LabState;
use sluice_browser::clock;
use sluice_browser::dom::Board;
use sluice_browser::lab_watch::LabWatch;
use sluice_browser::lab_watch::Sight;

/// How long to wait before a server that has nothing to tell is asked again.
const RETRY_MILLIS: i32 = 2_000;
const NO_LANE: &str = "No lane has a WebSocket through the emulated network. Frames are read there: let a WebSocket \
                       lane take the emulated path.";

/// The frames of the lane that is looked at. The server is asked for them as long as the panel is there.
#[derive(Clone, Copy)]
pub struct Frames {
    app: App,
    looks: StoredValue<Look, LocalStorage>,
    /// Told when another lane was chosen.
    chosen: Trigger,
}

/// What is looked at, and how.
#[derive(Default)]
struct Look {
    /// The lane that somebody has chosen.
    wanted: Option<LaneId>,
    /// The lab and the lane that are looked at.
    place: Option<(String, LaneId)>,
    watch: Option<LabWatch>,
    log: FrameLog,
    /// The only kind that is listed.
    kind: Option<Opcode>,
    is_paused: bool,
    /// The list, newest first.
    listed: Vec<Arc<FrameRecord>>,
    selected: Option<Arc<FrameRecord>>,
    /// Counts of lanes from which their costs are reckoned.
    baselines: Vec<(LaneId, Reading)>,
    /// Where it is shown.
    board: Option<Board>,
}

impl Frames {
    /// Nothing is looked at yet.
    pub fn new(app: App) -> Self {
        Self { app, looks: StoredValue::new_local(Look::default()), chosen: Trigger::new() }
    }

    /// Looks at the lane that was chosen if it has a WebSocket through the lab, or else at the first that has; tracks
    /// what it looks at.
    pub fn look(self, root: Element) {
        self.chosen.track();
        let lab = self.app.network.lab.with(|lab| match lab {
            LabState::Ready(lab) => Some(lab.id.clone()),
            LabState::Asking | LabState::Missing(_) => None,
        });
        let lanes = self.websockets();
        self.with(|look| {
            look.board.get_or_insert_with(|| Board::new(root));
            let wanted = look.wanted.filter(|id| lanes.iter().any(|(lane, _)| lane == id));
            let place = lab.zip(wanted.or_else(|| lanes.first().map(|(lane, _)| *lane)));
            if place != look.place {
                look.watch = place.as_ref().map(|(lab, lane)| self.watch(lab, *lane));
                look.log = FrameLog::default();
                look.place = place;
            }
            let chosen = look.place.as_ref().map(|(_, lane)| *lane);
            let options = lanes.iter().map(|(lane, name)| {
                let selected = if Some(*lane) == chosen { " selected" } else { "" };
                ["<option value=", &lane.0.to_string(), selected, ">", name, "</option>"].concat()
            });
            let (options, costs) = (options.collect(), costs_html(&self.costs(look)));
            if let Some(board) = &mut look.board {
                board.fill("[data-testid=frames-lane]", options);
                board.fill("[data-part=costs]", costs);
            }
            look.show();
        });
    }

    /// Another lane, if it has frames.
    pub fn choose_lane(self, lane: Option<LaneId>) {
        self.with(|look| look.wanted = lane);
        self.chosen.notify();
    }

    /// Lists frames of one kind alone, or of all.
    pub fn choose_kind(self, name: &str) {
        self.with(|look| {
            look.kind = Opcode::ALL.into_iter().find(|opcode| opcode.name() == name);
            look.list();
            look.show();
        });
    }

    /// Lets the list stand still, or go on.
    pub fn pause(self) {
        self.with(|look| {
            look.is_paused = !look.is_paused;
            look.list();
            look.show();
        });
    }

    /// Explains a frame of the list.
    pub fn select(self, number: Option<u64>) {
        self.with(|look| {
            let found = look.listed.iter().find(|frame| Some(frame.number) == number).map(Arc::clone);
            look.selected = found.or_else(|| look.selected.take());
            look.show();
        });
    }

    /// Explains the frame that is so many lines below the one that is explained now.
    pub fn step(self, lines: isize) {
        let number = self.looks.try_with_value(|look| {
            let here = look.listed.iter().position(|frame| Some(frame.number) == look.selected_number());
            let there = here.map_or(0, |here| here.saturating_add_signed(lines));
            look.listed.get(there).map(|frame| frame.number)
        });
        self.select(number.flatten());
    }

    fn with(self, act: impl FnOnce(&mut Look)) {
        // The panel may have been left meanwhile.
        let _done = self.looks.try_update_value(act);
    }

    /// The lanes that have a WebSocket through the lab, and their names, tracked.
    fn websockets(self) -> Vec<(LaneId, String)> {
        let app = self.app;
        app.lanes.with(|lanes| {
            let has_one = |lane: &&crate::engine::lane::Lane| {
                lane.view.with(|view| {
                    view.network
                        .as_ref()
                        .is_some_and(|network| network.flow.transport == Transport::WebSocket)
                })
            };
            lanes.iter().filter(has_one).map(|lane| (lane.id, app.short_name(lane.id))).collect()
        })
    }

    /// What messages have cost since the panel was opened, tracked.
    fn costs(self, look: &mut Look) -> Vec<CostRow> {
        let app = self.app;
        let at = clock::now();
        let watched = look.place.as_ref().map(|(_, lane)| *lane);
        let (down, baselines) = (look.log.has_begun().then_some(&look.log.counts.down), &mut look.baselines);
        app.lanes.with(|lanes| {
            let row = |lane: &crate::engine::lane::Lane| {
                let frames = down.filter(|_| watched == Some(lane.id));
                let now = lane.view.with(|view| {
                    let network = view.network.as_ref()?;
                    Some(Reading::new(&network.flow, view.summary.consumed, frames, at))
                });
                let cost = now.and_then(|now| {
                    match baselines.iter_mut().find(|(id, _)| *id == lane.id) {
                        Some((_, baseline)) if now.continues(baseline) => return now.cost_since(baseline),
                        Some((_, baseline)) => *baseline = now,
                        None => baselines.push((lane.id, now)),
                    }
                    None
                });
                let token = app.tone(lane.id).map_or_else(String::new, |tone| tone.token());
                CostRow { name: app.short_name(lane.id), token, cost }
            };
            lanes.iter().map(row).collect()
        })
    }

    fn watch(self, lab: &str, LaneId(lane): LaneId) -> LabWatch {
        LabWatch::open_frames(lab, lane, move |sight| self.handle_sight(sight))
    }

    fn handle_sight(self, sight: Sight<FrameEvent>) {
        match sight {
            Sight::Report(event) => self.with(|look| {
                look.log.take(*event);
                if !look.is_paused {
                    look.list();
                }
                look.show();
            }),
            Sight::Unreadable(error) => self.with(|look| {
                look.log.counts.ended = Some(error.to_string());
                look.show();
            }),
            Sight::Cut => {}
            // Not here: this call comes from what is to be dropped.
            Sight::Gone => spawn_local(async move {
                clock::sleep_millis(RETRY_MILLIS).await;
                self.with(|look| {
                    look.watch = look.place.as_ref().map(|(lab, lane)| self.watch(lab, *lane));
                });
            }),
        }
    }
}

impl Look {
    fn list(&mut self) {
        self.listed = self.log.newest(self.kind);
    }

    fn selected_number(&self) -> Option<u64> {
        self.selected.as_ref().map(|frame| frame.number)
    }

    /// Brings what is shown up to date.
    fn show(&mut self) {
        let (selected, counts) = (self.selected_number(), &self.log.counts);
        let Some(board) = &mut self.board else { return };
        let text = if self.place.is_some() { counts.text() } else { NO_LANE.to_owned() };
        board.fill("[data-testid=frames-count]", text);
        board.set("[data-testid=frames-count]", "data-value", &counts.frames().to_string());
        let (label, is_pressed) = if self.is_paused { ("Go on", "true") } else { ("Pause", "false") };
        board.fill("[data-testid=frames-pause]", label.to_owned());
        board.set("[data-testid=frames-pause]", "aria-pressed", is_pressed);
        let rows = rows_html(&self.listed, selected, clock::time_of_day);
        board.fill("[data-testid=frames-table]", rows);
        if let Some(frame) = &self.selected {
            board.fill("[data-part=detail]", detail_html(frame));
        }
        board.fill("[data-part=upgrade]", self.log.upgrade.as_ref().map_or_else(String::new, upgrade_html));
    }
}
