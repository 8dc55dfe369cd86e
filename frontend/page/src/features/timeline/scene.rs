//! Content of the timeline: the lanes' latency and the network's events up to one moment, and the viewport
//! through which it is seen. Built from the engine for live data, or from a recording; the chart draws it. A
//! scene is plain data and never changes while it is held still.

use sluice_bridge::AgeColumn;
use sluice_shared::time::Time;

use crate::charts::axis::SPAN_MICROS;
use crate::charts::series::SeriesStyle;
use crate::engine::driver::Engine;
use crate::features::connection::model::Phase;
use crate::features::timeline::events::{Mark, OutageSpan};

/// One lane of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneLane {
    /// Colour and dash.
    pub series_style: SeriesStyle,
    /// Short name.
    pub name: String,
    /// Consumed messages in columns of [`AgeColumn::WIDTH_MICROS`], oldest first.
    pub columns: Vec<AgeColumn>,
    /// Phases of the connection with their start and end, oldest first.
    pub phases: Vec<(Time, Time, Phase)>,
}

/// Content of the timeline between `from` and `until`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// The left edge.
    pub from: Time,
    /// The right edge.
    pub until: Time,
    /// The lanes, from the top.
    pub lanes: Vec<SceneLane>,
    /// Outages of the emulated network, oldest first.
    pub outages: Vec<OutageSpan>,
    /// Changes of the network, oldest first.
    pub marks: Vec<Mark>,
    /// Changes of the set-up, oldest first: each one begins an epoch.
    pub epochs: Vec<Mark>,
    /// True if loaded from a file.
    pub is_recorded: bool,
}

/// Values of one lane at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneReading {
    /// Colour and dash.
    pub series_style: SeriesStyle,
    /// Short name.
    pub name: String,
    /// Column around that moment; `None` if nothing was consumed.
    pub column: Option<AgeColumn>,
}

/// Values of all lanes at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Distance from the right edge, microseconds.
    pub back_micros: u64,
    /// True if loaded from a file.
    pub is_recorded: bool,
    /// True if an outage blocked all packets.
    pub is_out: bool,
    /// The lanes, from the top.
    pub lanes: Vec<LaneReading>,
}

impl Scene {
    /// Maximum distance of a column that may represent a moment: 100 ms.
    const NEAR_COLUMNS: u64 = 2;

    /// Returns the last 30 s of the engine; the right edge is at `now`.
    pub fn live(engine: &Engine, now: Time) -> Self {
        let column = now.as_micros() / AgeColumn::WIDTH_MICROS;
        let until = Time::from_micros(column * AgeColumn::WIDTH_MICROS);
        let from = until.shifted_by_micros(-(SPAN_MICROS as i64));
        let first = column.saturating_sub(AgeColumn::SHOWN as u64);
        let lanes = engine.lanes().map(|running| SceneLane {
            series_style: running.series_style,
            name: running.name.clone(),
            columns: running.model.columns.since(first).copied().collect(),
            phases: running.model.connection_timeline.spans(until),
        });
        Self {
            from,
            until,
            lanes: lanes.collect(),
            outages: engine.events.outages_since(from).copied().collect(),
            marks: engine.events.marks_since(from).cloned().collect(),
            epochs: engine
                .epochs()
                // The first epoch began before there was a lane.
                .filter(|epoch| epoch.number > 0 && epoch.began >= from)
                .map(|epoch| Mark { at: epoch.began, label: epoch.label.clone() })
                .collect(),
            is_recorded: false,
        }
    }

    /// Returns the same data with other edges.
    #[must_use]
    pub fn cut(&self, from: Time, until: Time) -> Self {
        Self { from, until, ..self.clone() }
    }

    /// Returns the columns between the edges of the lane at `position` from the top.
    pub fn visible(&self, position: usize) -> &[AgeColumn] {
        let Some(lane) = self.lanes.get(position) else { return &[] };
        let index = |time: Time| time.as_micros() / AgeColumn::WIDTH_MICROS;
        let first = lane.columns.partition_point(|column| column.index < index(self.from));
        let end = lane.columns.partition_point(|column| column.index <= index(self.until));
        lane.columns.get(first..end).unwrap_or_default()
    }

    /// Returns the maximum latency between the edges, microseconds; `None` if nothing was consumed.
    pub fn max_latency(&self) -> Option<u32> {
        let all = (0..self.lanes.len()).flat_map(|position| self.visible(position));
        all.filter(|column| column.count > 0).map(|column| column.max).max()
    }

    /// Returns the values of all lanes at `at`.
    pub fn read(&self, at: Time) -> Reading {
        let index = at.as_micros() / AgeColumn::WIDTH_MICROS;
        let lanes = self.lanes.iter().map(|lane| {
            let consumed = lane.columns.iter().filter(|column| column.count > 0);
            let nearest = consumed.min_by_key(|column| column.index.abs_diff(index));
            let column = nearest.filter(|column| column.index.abs_diff(index) <= Self::NEAR_COLUMNS).copied();
            LaneReading { series_style: lane.series_style, name: lane.name.clone(), column }
        });
        Reading {
            back_micros: self.until.as_micros().saturating_sub(at.as_micros()),
            is_recorded: self.is_recorded,
            is_out: self
                .outages
                .iter()
                .any(|span| at >= span.from && span.until.is_none_or(|until| at < until)),
            lanes: lanes.collect(),
        }
    }
}

/// View of the timeline: live or recorded, paused, or zoomed into a selection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Viewport {
    /// Recording shown instead of live data.
    recording: Option<Scene>,
    /// Number of recordings opened so far.
    recordings: u32,
    /// Scene on the screen when the timeline was paused.
    frozen: Option<Scene>,
    /// Selected span.
    selection: Option<(Time, Time)>,
    /// Start of a selection in progress.
    anchor: Option<Time>,
    /// True if the scene is paused only for the duration of the selection.
    is_held_for_selection: bool,
    /// Moment under the pointer or the keyboard cursor.
    pub cursor: Option<Time>,
}

impl Viewport {
    /// Minimum length of a selection, microseconds; a shorter one is a click.
    const LEAST_SELECTION: u64 = 400_000;

    /// True if the timeline is paused.
    pub const fn is_paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// True if the timeline does not advance: it is paused, or shows a recording.
    pub const fn is_still(&self) -> bool {
        self.frozen.is_some() || self.recording.is_some()
    }

    /// Returns the number of the recording that is shown.
    pub fn recording_number(&self) -> Option<u32> {
        self.recording.as_ref().map(|_| self.recordings)
    }

    /// Shows a recording, or live data again.
    pub fn set_recording(&mut self, recording: Option<Scene>) {
        let recordings = self.recordings + u32::from(recording.is_some());
        *self = Self { recording, recordings, ..Self::default() };
    }

    /// True if only a part of the timeline is shown.
    pub const fn is_zoomed(&self) -> bool {
        self.selection.is_some()
    }

    /// Pauses at `scene`.
    pub fn pause(&mut self, scene: Scene) {
        self.frozen.get_or_insert(scene);
    }

    /// Shows everything again: the whole recording, or live data.
    pub fn resume(&mut self) {
        let recording = self.recording.take();
        *self = Self { recording, recordings: self.recordings, ..Self::default() };
    }

    /// Returns the scene to show, given the live one.
    pub fn shown(&self, live: impl FnOnce() -> Scene) -> Scene {
        match (&self.frozen, self.selection) {
            (None, _) => self.recording.clone().unwrap_or_else(live),
            (Some(frozen), None) => frozen.clone(),
            (Some(frozen), Some((from, until))) => frozen.cut(from, until),
        }
    }

    /// Begins a selection at `at`; the scene is paused until it ends.
    pub fn begin_selection(&mut self, at: Time, scene: Scene) {
        self.is_held_for_selection = !self.is_paused();
        self.pause(scene);
        self.anchor = Some(at);
        self.cursor = Some(at);
    }

    /// Returns the selection in progress.
    pub fn pending(&self) -> Option<(Time, Time)> {
        let (anchor, cursor) = self.anchor.zip(self.cursor)?;
        Some((anchor.min(cursor), anchor.max(cursor)))
    }

    /// Ends the selection and zooms into it; one that is too short was a click and is ignored.
    pub fn end_selection(&mut self) {
        let Some((from, until)) = self.pending() else { return };
        self.anchor = None;
        if until.as_micros() - from.as_micros() >= Self::LEAST_SELECTION {
            self.selection = Some((from, until));
        } else if self.is_held_for_selection {
            self.frozen = None;
        }
        self.is_held_for_selection = false;
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::mode::Transport;

    use super::*;

    fn column(index: u64, mean: u32) -> AgeColumn {
        AgeColumn { index, count: 3, min: mean / 2, mean, max: mean * 2, ..AgeColumn::default() }
    }

    fn scene() -> Scene {
        let lane = |columns: Vec<AgeColumn>| SceneLane {
            series_style: SeriesStyle { transport: Transport::WebSocket, ordinal: 0 },
            name: "WebSocket".to_owned(),
            columns,
            phases: Vec::new(),
        };
        Scene {
            from: Time::from_millis(0),
            until: Time::from_millis(30_000),
            lanes: vec![lane(vec![column(10, 1_000), column(400, 9_000)]), lane(Vec::new())],
            outages: vec![OutageSpan {
                from: Time::from_millis(5_000),
                until: Some(Time::from_millis(6_000)),
            }],
            marks: Vec::new(),
            epochs: Vec::new(),
            is_recorded: false,
        }
    }

    #[test]
    fn a_moment_reads_the_nearest_column_or_none() {
        let scene = scene();
        let means = |millis| {
            let reading = scene.read(Time::from_millis(millis));
            reading.lanes.iter().map(|lane| lane.column.map(|column| column.mean)).collect::<Vec<_>>()
        };
        assert_eq!(means(500), [Some(1_000), None]);
        assert_eq!(means(600), [Some(1_000), None]);
        assert_eq!(means(700), [None, None]);
        assert!(scene.read(Time::from_millis(5_500)).is_out);
        assert!(!scene.read(Time::from_millis(6_000)).is_out);
    }

    #[test]
    fn a_selection_zooms_and_its_scale_is_its_own() {
        let mut viewport = Viewport::default();
        viewport.begin_selection(Time::from_millis(3_000), scene());
        viewport.cursor = Some(Time::from_millis(100));
        viewport.end_selection();
        let shown = viewport.shown(Scene::default);
        assert_eq!((shown.from, shown.until), (Time::from_millis(100), Time::from_millis(3_000)));
        assert_eq!(shown.max_latency(), Some(2_000));
        assert_eq!(scene().max_latency(), Some(18_000));
        viewport.resume();
        assert_eq!(viewport.shown(Scene::default), Scene::default());
    }

    #[test]
    fn a_click_is_no_selection_and_leaves_the_timeline_as_it_was() {
        for is_paused in [false, true] {
            let mut viewport = Viewport::default();
            if is_paused {
                viewport.pause(scene());
            }
            viewport.begin_selection(Time::from_millis(3_000), scene());
            viewport.cursor = Some(Time::from_millis(3_100));
            viewport.end_selection();
            assert_eq!((viewport.is_paused(), viewport.is_zoomed()), (is_paused, false));
        }
    }

    #[test]
    fn a_recording_is_shown_in_place_of_what_is_live_until_it_is_closed() {
        let mut viewport = Viewport::default();
        viewport.pause(Scene::default());
        viewport.set_recording(Some(scene()));
        assert_eq!(viewport.shown(Scene::default), scene());
        assert!(viewport.is_still() && !viewport.is_paused());
        viewport.begin_selection(Time::from_millis(100), viewport.shown(Scene::default));
        viewport.cursor = Some(Time::from_millis(3_000));
        viewport.end_selection();
        assert_eq!(viewport.shown(Scene::default).until, Time::from_millis(3_000));
        viewport.resume();
        assert_eq!(viewport.shown(Scene::default), scene());
        let first = viewport.recording_number();
        viewport.set_recording(Some(Scene { is_recorded: true, ..scene() }));
        assert_ne!(viewport.recording_number(), first, "another recording is drawn anew");
        viewport.set_recording(None);
        assert_eq!(viewport.shown(Scene::default), Scene::default());
        assert!(!viewport.is_still());
    }

    #[test]
    fn nothing_consumed_has_no_largest_latency() {
        assert_eq!(Scene::default().max_latency(), None);
    }
}
