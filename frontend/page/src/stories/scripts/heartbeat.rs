//! Dead or idle: the same dead connection under a patient and an eager heartbeat.

use sluice_bridge::{LabAction, PageSettings};
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
    story: "dead-or-idle",
    stage: StoryStage::Lanes,
    steps: &[
        StepScript { id: "quiet", setup: Some(patient), control: None, columns: &COLUMNS },
        StepScript { id: "patient", setup: None, control: Some(PATIENT), columns: &COLUMNS },
        StepScript { id: "eager", setup: Some(eager), control: Some(EAGER), columns: &COLUMNS },
        StepScript { id: "too-eager", setup: Some(eager), control: Some(TOO_EAGER), columns: &COLUMNS },
    ],
};

const COLUMNS: [Metric; 3] = [Metric::NoData, Metric::Connections, Metric::Lost];

const SWITCH: LabAction =
    LabAction::SwitchNetwork(Switch { address: NewAddress::Host, tcp: TcpFate::Silent });

const fn dead_connection(begin: SetupFn, claims: &'static [Claim]) -> ControlKind {
    let run = Experiment::new(begin, &[EndCondition::Elapsed(3)], claims, 50);
    ControlKind::Lanes(Experiment { events: &[(1_000, SWITCH)], ..run })
}

const PATIENT: Control = Control {
    id: "patient",
    kind: dead_connection(
        patient,
        &[
            Claim::AtLeast("websocket", Metric::NoData, 14_000_000),
            Claim::AtLeast("websocket", Metric::Connections, 2),
            Claim::Less("webtransport", "websocket", Metric::NoData),
        ],
    ),
};

const EAGER: Control = Control {
    id: "eager",
    kind: dead_connection(
        eager,
        &[
            Claim::AtLeast("websocket", Metric::Connections, 2),
            Claim::AtMost("websocket", Metric::NoData, 8_000_000),
        ],
    ),
};

const TOO_EAGER: Control = Control {
    id: "too-eager",
    kind: ControlKind::Lanes(Experiment {
        countdown_secs: 3,
        events: &[(0, LabAction::Tunnel { seconds: 4.0 })],
        ..Experiment::new(
            eager,
            &[EndCondition::Recovered],
            &[
                Claim::AtLeast("websocket", Metric::Connections, 2),
                Claim::AtLeast("webtransport", Metric::Connections, 2),
            ],
            40,
        )
    }),
};

fn patient(_abilities: Abilities) -> PageSettings {
    let settings = page(vec![lane(Mode::WebSocket), lane(Mode::StreamPerTopic)], Preset::Lte);
    PageSettings { heartbeat: heartbeat(5, 15), ..settings }
}

fn eager(abilities: Abilities) -> PageSettings {
    PageSettings { heartbeat: heartbeat(1, 2), ..patient(abilities) }
}
