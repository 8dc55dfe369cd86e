//! Lanes side by side, in lazily loaded views.

use leptos::prelude::*;
use sluice_bridge::{LaneInput, ViewInput};

use crate::charts::series::{SeriesStyle, series_styles};
use crate::features::lazy_host::Input;
use crate::labels::name_in_use;

/// One lane of the page's newest snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotLane {
    id: u32,
    input: ReadSignal<ViewInput>,
}

impl SnapshotLane {
    /// Returns a value read from the lane, tracked; the default value once the lane has been removed.
    pub fn read<T: Default>(self, read: impl FnOnce(&LaneInput) -> T) -> T {
        self.input.with(|input| lane(input, self.id).map(read)).unwrap_or_default()
    }

    /// Calls `read` with the newest snapshot and the lane's position, untracked; does nothing once the lane
    /// has been removed.
    pub fn with_snapshot(self, read: impl FnOnce(&ViewInput, usize)) {
        self.input.with_untracked(|input| {
            if let Some(position) = input.lanes.iter().position(|lane| lane.id == self.id) {
                read(input, position);
            }
        });
    }

    /// Returns the lane's position from the top, tracked.
    pub fn position(self) -> usize {
        self.input.with(|input| input.lanes.iter().position(|lane| lane.id == self.id)).unwrap_or_default()
    }

    /// Returns the lane's name, tracked.
    pub fn name(self) -> String {
        self.read(name)
    }

    /// Returns the lane's name and policy, tracked.
    pub fn name_and_policy(self) -> String {
        self.read(|lane| [&name(lane), " · ", &lane.setup.policy.to_string()].concat())
    }

    /// Returns the style that sets the lane's colour, tracked.
    pub fn style(self) -> String {
        self.read(|lane| ["--tone: var(", &lane.colour, ")"].concat())
    }
}

/// A column for each lane.
#[component]
pub fn LaneColumns(
    /// Renders one lane.
    column: fn(SnapshotLane) -> AnyView,
) -> impl IntoView {
    view! { <div class="columns"><EachLane render=column/></div> }
}

/// Renders each lane, for as long as the page has it.
#[component]
pub fn EachLane(
    /// Renders one lane.
    render: fn(SnapshotLane) -> AnyView,
) -> impl IntoView {
    let Input(input) = expect_context();
    let ids =
        Memo::new(move |_| input.with(|input| input.lanes.iter().map(|lane| lane.id).collect::<Vec<_>>()));
    view! { <For each=move || ids.get() key=|id| *id children=move |id| render(SnapshotLane { id, input })/> }
}

/// Returns a lane's name as sentences use it.
pub fn name(lane: &LaneInput) -> String {
    name_in_use(&lane.name, lane.setup.mode, lane.mode_in_use)
}

/// Returns the lanes with their colours and dashes, from the top.
pub fn lanes_with_styles(input: &ViewInput) -> impl Iterator<Item = (&LaneInput, SeriesStyle)> {
    let modes: Vec<_> = input.lanes.iter().map(|lane| lane.setup.mode).collect();
    input.lanes.iter().zip(series_styles(&modes))
}

fn lane(input: &ViewInput, id: u32) -> Option<&LaneInput> {
    input.lanes.iter().find(|lane| lane.id == id)
}
