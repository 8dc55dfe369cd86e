//! The silent dashboard: one slow client beside what servers without flow control do.

use sluice_bridge::{LaneSetup, PageSettings, WindowChoice};
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;

use super::{SLOW, lane, page};
use crate::stories::metric::Metric;
use crate::stories::script::{
    Abilities, Claim, Control, ControlKind, EndCondition, Experiment, Script, SetupFn, StepScript, StoryStage,
};

/// The script.
pub(super) const SCRIPT: Script = Script {
    story: "silent-dashboard",
    stage: StoryStage::Lanes,
    steps: &[
        StepScript {
            id: "slow",
            setup: Some(dropping),
            control: None,
            columns: &[Metric::Consumed, Metric::Skipped, Metric::Lost],
        },
        StepScript {
            id: "silent-drop",
            setup: None,
            control: Some(DROP),
            columns: &[Metric::Lost, Metric::Skipped, Metric::P50],
        },
        StepScript {
            id: "endless-queue",
            setup: Some(queueing),
            control: Some(QUEUE),
            columns: &[Metric::ServerBytes, Metric::Lost, Metric::P50],
        },
        StepScript {
            id: "busy-spin",
            setup: Some(spinning),
            control: Some(SPIN),
            columns: &[Metric::Core, Metric::Lost, Metric::P50],
        },
        StepScript {
            id: "window",
            setup: Some(reading_slowly),
            control: Some(WINDOW),
            columns: &[Metric::PeerWindow, Metric::Unsent, Metric::ServerBytes],
        },
        StepScript::reading("credit", &[Metric::PeerWindow, Metric::Unsent, Metric::ServerBytes]),
    ],
};

const fn after_10_s(begin: SetupFn, claims: &'static [Claim]) -> ControlKind {
    ControlKind::Lanes(Experiment::new(begin, &[EndCondition::Elapsed(10)], claims, 20))
}

const DROP: Control = Control {
    id: "silent-drop",
    kind: after_10_s(
        dropping,
        &[
            Claim::AtLeast("failure", Metric::Lost, 1),
            Claim::AtMost("fix", Metric::Lost, 0),
            Claim::AtLeast("fix", Metric::Skipped, 1),
            Claim::Less("fix", "failure", Metric::P50),
        ],
    ),
};

const QUEUE: Control = Control {
    id: "endless-queue",
    kind: after_10_s(
        queueing,
        &[
            Claim::AtLeast("failure", Metric::ServerBytes, 1_000_000),
            Claim::Less("fix", "failure", Metric::ServerBytes),
            Claim::AtMost("fix", Metric::Lost, 0),
        ],
    ),
};

const SPIN: Control = Control {
    id: "busy-spin",
    kind: ControlKind::Lanes(Experiment::new(
        spinning,
        &[EndCondition::Elapsed(6)],
        &[Claim::AtLeast("failure", Metric::Core, 50), Claim::Less("fix", "failure", Metric::Core)],
        15,
    )),
};

const WINDOW: Control = Control {
    id: "window",
    kind: ControlKind::Lanes(Experiment {
        needs_websocket_backpressure: true,
        ..Experiment::new(
            reading_slowly,
            &[EndCondition::Elapsed(10)],
            &[
                Claim::Less("failure", "fix", Metric::PeerWindow),
                Claim::AtMost("failure", Metric::PeerWindow, 50_000),
            ],
            20,
        )
    }),
};

/// Returns two lanes with the same slow consumer and these policies.
fn pair(mode: Mode, failure: Policy, fix: Policy) -> PageSettings {
    let slow = LaneSetup { consumer: SLOW, ..lane(mode) };
    let mut settings =
        page(vec![LaneSetup { policy: failure, ..slow }, LaneSetup { policy: fix, ..slow }], Preset::None);
    (settings.feeds.ticks.rate, settings.feeds.ticks.size) = (500, 8_192);
    settings
}

/// Returns the mode in which this browser lets a slow page slow the server down.
const fn mode(abilities: Abilities) -> Mode {
    if abilities.has_websocket_backpressure || !abilities.has_webtransport {
        Mode::WebSocket
    } else {
        Mode::OneStream
    }
}

fn dropping(abilities: Abilities) -> PageSettings {
    pair(mode(abilities), Policy::SilentDrop { limit: 64 }, Policy::Latest)
}

fn queueing(abilities: Abilities) -> PageSettings {
    pair(mode(abilities), Policy::Unbounded, Policy::Lossless)
}

fn spinning(abilities: Abilities) -> PageSettings {
    pair(mode(abilities), Policy::BusySpin, Policy::Lossless)
}

/// TCP's window is looked at here, whatever the browser does. The small window of credit keeps the sockets empty.
fn reading_slowly(_abilities: Abilities) -> PageSettings {
    let mut settings = pair(Mode::WebSocket, Policy::SilentDrop { limit: 64 }, Policy::Latest);
    settings.lanes.iter_mut().for_each(|lane| lane.window = WindowChoice::Messages(4));
    settings
}
