//! State of the frames view: watches the frames of one lane's WebSocket while the view exists. Created by the
//! view and by the stories. At most one watch is open, and it closes when its owner is disposed.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_bridge::{LaneInput, ViewInput};
use sluice_browser::clock;
use sluice_browser::lab_watch::{LabWatch, WatchEvent};
use sluice_shared::lab::{FrameEvent, FrameRecord, Opcode};
use sluice_shared::mode::Transport;

use crate::features::frames::cost::{CostRow, Reading};
use crate::features::frames::model::FrameLog;
use crate::features::lane_columns::name;

/// Delay before a watch that has ended is reopened.
const RETRY_MILLIS: i32 = 2_000;

/// Frames of the watched lane, and the user's choices.
#[derive(Clone, Copy, Debug)]
pub struct FramesState {
    input: ReadSignal<ViewInput>,
    /// The lane chosen by the user.
    wanted: RwSignal<Option<u32>>,
    /// Lanes with a WebSocket through the emulated network, as number and name.
    pub lanes: Memo<Vec<(u32, String)>>,
    /// The watched lab and lane.
    pub source: Memo<Option<(String, u32)>>,
    /// All received frames.
    pub log: RwSignal<FrameLog>,
    /// Kind of frame to list; `None` for all.
    kind: RwSignal<Option<Opcode>>,
    /// True if the list is paused.
    pub is_paused: RwSignal<bool>,
    /// Listed frames, newest first.
    pub listed: RwSignal<Vec<Arc<FrameRecord>>>,
    /// The frame being explained.
    pub selected: RwSignal<Option<Arc<FrameRecord>>>,
    /// Cost of a message on each lane since the view was opened.
    pub costs: RwSignal<Vec<CostRow>>,
    baselines: StoredValue<Vec<(u32, Reading)>>,
    watch: StoredValue<Option<LabWatch>, LocalStorage>,
}

impl FramesState {
    /// Watches the chosen lane, or else the first one that has frames, until the current owner is disposed.
    pub fn start(input: ReadSignal<ViewInput>) -> Self {
        let wanted = RwSignal::new(None);
        let lanes = Memo::new(move |_| {
            input.with(|input| {
                let lanes = input.lanes.iter().filter(|lane| has_frames(lane));
                lanes.map(|lane| (lane.id, name(lane))).collect::<Vec<_>>()
            })
        });
        let source = Memo::new(move |_| {
            let lab = input.with(|input| input.lab.ready().map(|lab| lab.id.clone()));
            let lane = lanes.with(|lanes| {
                let chosen = wanted.get().filter(|wanted| lanes.iter().any(|(lane, _)| lane == wanted));
                chosen.or_else(|| lanes.first().map(|(lane, _)| *lane))
            });
            lab.zip(lane)
        });
        let state = Self {
            input,
            wanted,
            lanes,
            source,
            log: RwSignal::new(FrameLog::default()),
            kind: RwSignal::new(None),
            is_paused: RwSignal::new(false),
            listed: RwSignal::new(Vec::new()),
            selected: RwSignal::new(None),
            costs: RwSignal::new(Vec::new()),
            baselines: StoredValue::new(Vec::new()),
            watch: StoredValue::new_local(None),
        };
        Effect::new(move |_| {
            source.track();
            state.log.set(FrameLog::default());
            state.open_watch();
        });
        Effect::new(move |_| state.update_costs());
        state
    }

    /// Watches another lane if it has frames.
    pub fn choose_lane(self, lane: Option<u32>) {
        self.wanted.set(lane);
    }

    /// Lists frames of one kind only; an unknown name lists all.
    pub fn choose_kind(self, name: &str) {
        self.kind.set(Opcode::ALL.into_iter().find(|opcode| opcode.name() == name));
        self.list();
    }

    /// Pauses or resumes the list.
    pub fn toggle_pause(self) {
        self.is_paused.update(|is_paused| *is_paused = !*is_paused);
        self.list();
    }

    /// Selects the frame `lines` below the current one.
    pub fn select_next(self, lines: isize) {
        let selected = self.selected.with_untracked(|selected| selected.as_ref().map(|frame| frame.number));
        let next = self.listed.with_untracked(|listed| {
            let current = listed.iter().position(|frame| Some(frame.number) == selected);
            listed.get(current.map_or(0, |at| at.saturating_add_signed(lines))).map(Arc::clone)
        });
        if next.is_some() {
            self.selected.set(next);
        }
    }

    /// Updates the list with the newest frames. Does nothing once the view has been closed.
    fn list(self) {
        let newest = self
            .kind
            .try_get_untracked()
            .and_then(|kind| self.log.try_with_untracked(|log| log.newest(kind)));
        if let Some(newest) = newest {
            self.listed.set(newest);
        }
    }

    /// Updates the costs and tracks their inputs.
    fn update_costs(self) {
        let at = clock::now();
        let watched = self.source.with(|source| source.as_ref().map(|(_, lane)| *lane));
        let down = self.log.with_untracked(|log| log.has_begun().then_some(log.counts.down));
        let mut baselines = self.baselines.get_value();
        let rows = self.input.with(|input| {
            let row = |lane: &LaneInput| {
                let frames = down.as_ref().filter(|_| watched == Some(lane.id));
                let reading =
                    lane.flow.as_ref().map(|flow| Reading::new(flow, lane.summary.consumed, frames, at));
                let cost = reading.and_then(|reading| {
                    match baselines.iter_mut().find(|(id, _)| *id == lane.id) {
                        Some((_, baseline)) if reading.continues(baseline) => {
                            return reading.cost_since(baseline);
                        }
                        Some((_, baseline)) => *baseline = reading,
                        None => baselines.push((lane.id, reading)),
                    }
                    None
                });
                CostRow { name: name(lane), token: lane.colour.clone(), cost }
            };
            input.lanes.iter().map(row).collect()
        });
        self.baselines.set_value(baselines);
        self.costs.set(rows);
    }

    fn open_watch(self) {
        let source = self.source.try_get_untracked().flatten();
        let watch = source.map(|(lab, lane)| {
            LabWatch::open_frames(&lab, lane, move |arrival| self.handle_arrival(arrival))
        });
        // Fails once the view has been closed; the new watch is then dropped here.
        let _is_kept = self.watch.try_update_value(|held| *held = watch);
    }

    fn handle_arrival(self, arrival: WatchEvent<FrameEvent>) {
        match arrival {
            WatchEvent::Report(event) => {
                let is_open = self.log.try_update(|log| log.take(*event)).is_some();
                if is_open && !self.is_paused.get_untracked() {
                    self.list();
                }
            }
            WatchEvent::Unreadable(error) => {
                let text = error.to_string();
                self.log.try_update(|log| log.counts.ended = Some(text));
            }
            WatchEvent::Cut => {}
            // Deferred: this call comes from the watch that is being replaced.
            WatchEvent::Gone => spawn_local(async move {
                clock::sleep_millis(RETRY_MILLIS).await;
                self.open_watch();
            }),
        }
    }
}

fn has_frames(lane: &LaneInput) -> bool {
    lane.flow.as_ref().is_some_and(|flow| flow.transport == Transport::WebSocket)
}
