//! Recorded run as one file, `.sluice.json`: set-up, series, events, verdict and log.
//!
//! Files are parsed by [`decode`], which accepts only what [`Recording::to_json`] writes. Files are
//! untrusted: their size is bounded, their series must be in order, and their texts are only ever shown as
//! text.

use serde::Deserialize;
use sluice_bridge::{AgeColumn, Level, LogLine};
use sluice_browser::api;
use sluice_browser::json::JsonWriter;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;

use crate::charts::series::{SeriesStyle, series_styles};
use crate::features::connection::model::Phase;
use crate::features::log::model::Log;
use crate::features::timeline::events::{Mark, OutageSpan, TimelineEvents};
use crate::features::timeline::scene::{Scene, SceneLane};
use crate::url::setup::PageSetup;

/// The value of `format` in every recording.
const FORMAT: &str = "sluice-recording";
/// Format version written and read by this page.
const VERSION: u32 = 1;
/// Maximum size of a file that is read, bytes; written files are smaller.
pub const MAX_BYTES: usize = 4_000_000;
/// Maximum length of a name, label or log line in a file, characters.
const MAX_TEXT: usize = 500;
/// Maximum length of a link or verdict in a file, characters.
const MAX_LONG_TEXT: usize = 8_000;
/// Maximum length of a recording, microseconds: the span of the timeline plus one column.
const MAX_SPAN_MICROS: u64 = (AgeColumn::SHOWN as u64 + 1) * AgeColumn::WIDTH_MICROS;
/// Maximum number of phase changes of one lane's connection.
const MAX_PHASES: usize = 1_100;

/// A recorded run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Version of the page that saved the recording.
    pub app: String,
    /// Time at which it was saved.
    pub saved_at: Time,
    /// Query of the page's address: the complete set-up.
    pub link: String,
    /// Everything on the timeline.
    pub scene: Scene,
    /// The lanes' modes, from the top.
    pub modes: Vec<Mode>,
    /// Span of time to which the verdict applies, as text.
    pub epoch: String,
    /// Sentences of the verdict as shown, the most important first.
    pub verdict: String,
    /// Log lines, newest first.
    pub log: Vec<LogLine>,
}

/// Reason why a file is rejected: what is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// The file is longer than any recording.
    #[error("The file has more than {} MB, and no recording is that long. Choose a file that ends in .sluice.json.", MAX_BYTES / 1_000_000)]
    TooLong,
    /// The file is not a recording.
    #[error("The file is not a recording of Sluice ({0}). Choose a file that ends in .sluice.json.")]
    NotARecording(String),
    /// The file has a newer format version.
    #[error(
        "The recording has format version {version}, and this page reads version {VERSION}. Open it with Sluice {app}, which saved it."
    )]
    OtherVersion {
        /// Format version of the file.
        version: u32,
        /// Version of the page that saved it.
        app: String,
    },
    /// A field is missing or invalid.
    #[error("The recording is damaged: {0}. Save it again, or ask for an unchanged copy of the file.")]
    Damaged(String),
}

/// Fields at the beginning of every file, independent of its version.
#[derive(Deserialize)]
struct HeadDto {
    format: String,
    version: u32,
    app: String,
}

#[derive(Deserialize)]
struct RecordingDto {
    app: String,
    saved_at: u64,
    link: String,
    from: u64,
    until: u64,
    epoch: String,
    verdict: String,
    lanes: Vec<LaneDto>,
    outages: Vec<OutageDto>,
    marks: Vec<MarkDto>,
    epochs: Vec<MarkDto>,
    log: Vec<LineDto>,
}

#[derive(Deserialize)]
struct LaneDto {
    name: String,
    mode: String,
    phases: Vec<PhaseDto>,
    columns: Vec<ColumnDto>,
}

/// Index, messages, minimum, mean and maximum latency in microseconds, skipped messages, whether a stall
/// ended.
type ColumnDto = (u64, u32, u32, u32, u32, u32, bool);

#[derive(Deserialize)]
struct PhaseDto {
    from: u64,
    until: u64,
    phase: PhaseName,
}

/// A connection's phase in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PhaseName {
    Idle,
    Connecting,
    Reconnecting,
    Websocket,
    Webtransport,
    Down,
    Waiting,
}

#[derive(Deserialize)]
struct OutageDto {
    from: u64,
    until: Option<u64>,
}

#[derive(Deserialize)]
struct MarkDto {
    at: u64,
    label: String,
}

#[derive(Deserialize)]
struct LineDto {
    at: u64,
    level: LevelName,
    lane: Option<String>,
    text: String,
}

/// A log line's level in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LevelName {
    Info,
    Warning,
    Error,
}

impl Recording {
    /// Returns the content of the file.
    pub fn to_json(&self) -> String {
        let mut json = JsonWriter::default();
        json.object(|json| {
            json.name("format").text(FORMAT);
            json.name("version").number(VERSION.into());
            json.name("app").text(&self.app);
            json.line();
            json.name("saved_at").number(self.saved_at.as_micros());
            json.name("link").text(&cut_long(&self.link));
            json.name("from").number(self.scene.from.as_micros());
            json.name("until").number(self.scene.until.as_micros());
            json.line();
            json.name("epoch").text(&cut(&self.epoch));
            json.name("verdict").text(&cut_long(&self.verdict));
            json.line();
            json.name("lanes").list(self.scene.lanes.iter().zip(&self.modes), |json, (lane, mode)| {
                json.line();
                write_lane(json, lane, *mode);
            });
            json.line();
            json.name("outages").list(&self.scene.outages, |json, outage| {
                json.object(|json| {
                    json.name("from").number(outage.from.as_micros());
                    json.name("until");
                    match outage.until {
                        Some(until) => json.number(until.as_micros()),
                        None => json.null(),
                    }
                });
            });
            json.line();
            for (name, marks) in [("marks", &self.scene.marks), ("epochs", &self.scene.epochs)] {
                json.name(name).list(marks, |json, mark| {
                    json.object(|json| {
                        json.name("at").number(mark.at.as_micros());
                        json.name("label").text(&cut(&mark.label));
                    });
                });
                json.line();
            }
            json.name("log").list(&self.log, |json, line| {
                json.line();
                write_line(json, line);
            });
        });
        json.finish()
    }

    /// Returns the scene that the timeline shows.
    pub fn scene(&self) -> Scene {
        self.scene.clone()
    }
}

fn write_lane(json: &mut JsonWriter, lane: &SceneLane, mode: Mode) {
    json.object(|json| {
        json.name("name").text(&cut(&lane.name));
        json.name("mode").text(mode.name());
        json.name("phases").list(&lane.phases, |json, (from, until, phase)| {
            json.object(|json| {
                json.name("from").number(from.as_micros());
                json.name("until").number(until.as_micros());
                json.name("phase").text(phase_name(*phase));
            });
        });
        json.name("columns").list(&lane.columns, |json, column| {
            let AgeColumn { index, count, min, mean, max, gaps, stall } = *column;
            json.tuple(|json| {
                json.number(index);
                [count, min, mean, max, gaps].into_iter().for_each(|number| json.number(number.into()));
                json.flag(stall);
            });
        });
    });
}

fn write_line(json: &mut JsonWriter, line: &LogLine) {
    json.object(|json| {
        json.name("at").number(line.at.as_micros());
        json.name("level").text(match line.level {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        });
        json.name("lane");
        match &line.lane {
            Some(lane) => json.text(&cut(lane)),
            None => json.null(),
        }
        json.name("text").text(&cut(&line.text));
    });
}

/// Returns the name of a phase in a file. [`PhaseName`] must be able to parse it.
const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Connecting => "connecting",
        Phase::Reconnecting => "reconnecting",
        Phase::Open(Transport::WebSocket) => "websocket",
        Phase::Open(Transport::WebTransport) => "webtransport",
        Phase::Down => "down",
        Phase::Waiting(_) => "waiting",
    }
}

/// Truncates a name, label or log line to its limit in a file.
fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// Truncates a link or verdict to its limit in a file.
fn cut_long(text: &str) -> String {
    text.chars().take(MAX_LONG_TEXT).collect()
}

/// Parses a file.
///
/// # Errors
/// Fails if the file is too long, not a recording, of another version, or damaged.
pub fn decode(text: &str) -> Result<Recording, RecordingError> {
    if text.len() > MAX_BYTES {
        return Err(RecordingError::TooLong);
    }
    let head: HeadDto = read(text).map_err(RecordingError::NotARecording)?;
    if head.format != FORMAT {
        return Err(RecordingError::NotARecording("its format is another one".to_owned()));
    }
    if head.version != VERSION {
        return Err(RecordingError::OtherVersion {
            version: head.version,
            app: head.app.chars().take(40).collect(),
        });
    }
    let dto: RecordingDto = read(text).map_err(RecordingError::Damaged)?;
    dto.into_recording().map_err(RecordingError::Damaged)
}

/// Decodes JSON into a `T`; the error names the missing or invalid field.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    api::decode(text, "recording").map_err(|error| match error {
        api::AskError::Malformed { reason, .. } => reason,
        other @ (api::AskError::Unreachable | api::AskError::Refused(_)) => other.to_string(),
    })
}

impl RecordingDto {
    fn into_recording(self) -> Result<Recording, String> {
        let (from, until) = (Time::from_micros(self.from), Time::from_micros(self.until));
        ensure(
            self.from < self.until && self.until - self.from <= MAX_SPAN_MICROS,
            "until",
            "is out of range",
        )?;
        // Larger integers are not exact in every JSON reader.
        ensure(self.until < 1 << 53 && self.saved_at < 1 << 53, "saved_at", "is out of range")?;
        ensure((1..=PageSetup::MAX_LANES).contains(&self.lanes.len()), "lanes", "has none or too many")?;
        for (name, count) in
            [("outages", self.outages.len()), ("marks", self.marks.len()), ("epochs", self.epochs.len())]
        {
            ensure(count <= TimelineEvents::MAX, name, "has too many")?;
        }
        ensure(self.log.len() <= Log::MAX_LINES, "log", "has too many lines")?;
        ensure(is_short(&self.epoch), "epoch", "is too long")?;
        for (name, text) in [("link", &self.link), ("verdict", &self.verdict)] {
            ensure(text.chars().count() <= MAX_LONG_TEXT, name, "is too long")?;
        }
        let mut modes = Vec::new();
        for (at, lane) in self.lanes.iter().enumerate() {
            let mode = lane.mode.parse::<Mode>();
            modes.push(mode.map_err(|_| format!("lanes.{at}.mode is none that is known"))?);
        }
        let mut lanes = Vec::new();
        for ((at, lane), series_style) in self.lanes.into_iter().enumerate().zip(series_styles(&modes)) {
            lanes.push(
                lane.into_lane(series_style, (self.from, self.until))
                    .map_err(|reason| format!("lanes.{at}.{reason}"))?,
            );
        }
        let outages = self.outages.into_iter().map(|outage| OutageSpan {
            from: Time::from_micros(outage.from),
            until: outage.until.map(Time::from_micros),
        });
        let scene = Scene {
            from,
            until,
            lanes,
            outages: outages.collect(),
            marks: marks(self.marks, "marks")?,
            epochs: marks(self.epochs, "epochs")?,
            is_recorded: true,
        };
        let log = self.log.into_iter().rev().enumerate().map(|(number, line)| line.into_line(number as u64));
        let mut log: Vec<LogLine> = log.collect::<Result<_, _>>()?;
        log.reverse();
        Ok(Recording {
            app: self.app.chars().take(40).collect(),
            saved_at: Time::from_micros(self.saved_at),
            link: self.link,
            scene,
            modes,
            epoch: self.epoch,
            verdict: self.verdict,
            log,
        })
    }
}

impl LaneDto {
    fn into_lane(self, series_style: SeriesStyle, (from, until): (u64, u64)) -> Result<SceneLane, String> {
        ensure(is_short(&self.name), "name", "is too long")?;
        ensure(self.phases.len() <= MAX_PHASES, "phases", "has too many")?;
        ensure(self.columns.len() <= AgeColumn::SHOWN + 2, "columns", "has too many")?;
        let (first, last) = (from / AgeColumn::WIDTH_MICROS, until / AgeColumn::WIDTH_MICROS);
        let mut columns: Vec<AgeColumn> = Vec::with_capacity(self.columns.len());
        for (at, (index, count, min, mean, max, gaps, stall)) in self.columns.into_iter().enumerate() {
            let is_in_order = columns.last().is_none_or(|before| before.index < index);
            let is_latency = count == 0 || (min <= mean && mean <= max);
            if !(is_in_order && is_latency && (first..=last).contains(&index)) {
                return Err(format!("columns.{at} is out of order or out of range"));
            }
            columns.push(AgeColumn { index, count, min, mean, max, gaps, stall });
        }
        let phases = self.phases.into_iter().map(|phase| {
            let until = Time::from_micros(phase.until);
            (Time::from_micros(phase.from), until, phase.phase.phase(until))
        });
        Ok(SceneLane { series_style, name: self.name, columns, phases: phases.collect() })
    }
}

impl LineDto {
    fn into_line(self, number: u64) -> Result<LogLine, String> {
        ensure(
            is_short(&self.text) && self.lane.as_deref().is_none_or(is_short),
            "log",
            "has a line that is too long",
        )?;
        let level = match self.level {
            LevelName::Info => Level::Info,
            LevelName::Warning => Level::Warning,
            LevelName::Error => Level::Error,
        };
        Ok(LogLine { number, at: Time::from_micros(self.at), level, lane: self.lane, text: self.text })
    }
}

impl PhaseName {
    const fn phase(self, until: Time) -> Phase {
        match self {
            Self::Idle => Phase::Idle,
            Self::Connecting => Phase::Connecting,
            Self::Reconnecting => Phase::Reconnecting,
            Self::Websocket => Phase::Open(Transport::WebSocket),
            Self::Webtransport => Phase::Open(Transport::WebTransport),
            Self::Down => Phase::Down,
            // The file contains spans only; the lane waited until this one ended.
            Self::Waiting => Phase::Waiting(until),
        }
    }
}

fn marks(dtos: Vec<MarkDto>, name: &str) -> Result<Vec<Mark>, String> {
    ensure(dtos.iter().all(|mark| is_short(&mark.label)), name, "has a label that is too long")?;
    Ok(dtos.into_iter().map(|mark| Mark { at: Time::from_micros(mark.at), label: mark.label }).collect())
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT
}

fn ensure(holds: bool, field: &str, reason: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err([field, " ", reason].concat()) }
}

#[cfg(test)]
pub(in crate::features::share) mod tests;
