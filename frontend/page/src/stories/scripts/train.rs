//! The train: a tunnel of 4 s, and another address behind it.

use sluice_bridge::{LabAction, LaneSetup, PageSettings, Recovery};
use sluice_shared::lab::{NewAddress, Switch, TcpFate};
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;

use super::{heartbeat, lane, page};
use crate::stories::metric::Metric;
use crate::stories::script::{
    Abilities, Claim, Control, ControlKind, EndCondition, Experiment, Script, SetupFn, StepScript, StoryStage,
};

/// The script.
pub(super) const SCRIPT: Script = Script {
    story: "train",
    stage: StoryStage::Lanes,
    steps: &[
        StepScript {
            id: "ride",
            setup: Some(ride),
            control: None,
            columns: &[Metric::Consumed, Metric::P50, Metric::Connections],
        },
        StepScript { id: "tunnel", setup: None, control: Some(TUNNEL), columns: &COLUMNS },
        StepScript { id: "back", setup: None, control: Some(TUNNEL), columns: &COLUMNS },
        StepScript { id: "connection-id", setup: None, control: Some(TUNNEL), columns: &COLUMNS },
        StepScript { id: "fix", setup: None, control: Some(MENDED), columns: &COLUMNS },
    ],
};

const COLUMNS: [Metric; 4] = [Metric::Lost, Metric::NoData, Metric::FreshAfter, Metric::Connections];

/// The address changes while the tunnel lasts: no RST reaches the client.
const EVENTS: [(u64, LabAction); 2] = [
    (0, LabAction::Tunnel { seconds: 4.0 }),
    (2_000, LabAction::SwitchNetwork(Switch { address: NewAddress::Host, tcp: TcpFate::Silent })),
];

const fn tunnel(begin: SetupFn, claims: &'static [Claim]) -> ControlKind {
    let run = Experiment::new(begin, &[EndCondition::Recovered], claims, 40);
    ControlKind::Lanes(Experiment { countdown_secs: 3, events: &EVENTS, ..run })
}

const TUNNEL: Control = Control {
    id: "tunnel",
    kind: tunnel(
        ride,
        &[
            Claim::AtLeast("start-over", Metric::Lost, 1),
            Claim::AtMost("resume", Metric::Lost, 0),
            Claim::AtMost("migrate", Metric::Lost, 0),
            Claim::AtMost("migrate", Metric::Connections, 1),
            Claim::Less("migrate", "resume", Metric::FreshAfter),
            Claim::Less("migrate", "start-over", Metric::FreshAfter),
        ],
    ),
};

const MENDED: Control = Control {
    id: "mended-tunnel",
    kind: tunnel(
        mended_ride,
        &[
            Claim::AtMost("start-over", Metric::Lost, 0),
            Claim::AtMost("resume", Metric::Lost, 0),
            Claim::AtMost("migrate", Metric::Lost, 0),
        ],
    ),
};

/// On LTE. The heartbeat outlasts the tunnel, so that each client finds out behind it.
fn ride(_abilities: Abilities) -> PageSettings {
    let websocket = lane(Mode::WebSocket);
    let starting_over = LaneSetup { recovery: Recovery::StartOver, ..websocket };
    let settings = page(vec![starting_over, websocket, lane(Mode::StreamPerTopic)], Preset::Lte);
    PageSettings { heartbeat: heartbeat(1, 5), ..settings }
}

fn mended_ride(abilities: Abilities) -> PageSettings {
    let mut settings = ride(abilities);
    settings.lanes.iter_mut().for_each(|lane| lane.recovery = Recovery::Resume);
    settings
}
