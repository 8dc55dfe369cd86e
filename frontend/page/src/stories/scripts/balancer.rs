//! The wrong balancer: a change of address with one server, behind a balancer by address, and behind one by ID.

use sluice_bridge::{LabAction, PageSettings};
use sluice_shared::lab::{LabRouting, NewAddress, Switch, TcpFate};
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;

use super::{heartbeat, lane, page};
use crate::stories::metric::Metric;
use crate::stories::script::{
    Abilities, Claim, Control, ControlKind, EndCondition, Experiment, Script, StepScript, StoryStage,
};

/// The script.
pub(super) const SCRIPT: Script = Script {
    story: "wrong-balancer",
    stage: StoryStage::Lanes,
    steps: &[
        StepScript { id: "alone", setup: Some(mobile), control: Some(ALONE), columns: &COLUMNS },
        StepScript { id: "by-address", setup: None, control: Some(BY_ADDRESS), columns: &COLUMNS },
        StepScript { id: "by-id", setup: None, control: Some(BY_ID), columns: &COLUMNS },
        StepScript::reading("lesson", &COLUMNS),
    ],
};

const COLUMNS: [Metric; 3] = [Metric::NoData, Metric::Connections, Metric::Lost];

const SWITCH: LabAction =
    LabAction::SwitchNetwork(Switch { address: NewAddress::Host, tcp: TcpFate::Silent });

/// Behind a network that routes like this, the address changes; TCP is not told.
const fn switched(before: &'static [LabAction], claims: &'static [Claim]) -> ControlKind {
    let run = Experiment::new(mobile, &[EndCondition::Elapsed(3)], claims, 40);
    ControlKind::Lanes(Experiment { before, events: &[(1_000, SWITCH)], ..run })
}

const ALONE: Control = Control {
    id: "switch",
    kind: switched(
        &[LabAction::Balance { routing: LabRouting::Off, backends: 2 }],
        &[
            Claim::AtMost("webtransport", Metric::Connections, 1),
            Claim::AtLeast("websocket", Metric::Connections, 2),
            Claim::Less("webtransport", "websocket", Metric::NoData),
        ],
    ),
};

const BY_ADDRESS: Control = Control {
    id: "by-address",
    // A new address may have the old one's hash modulo the number of backends: three changes hardly ever do.
    kind: ControlKind::Lanes(Experiment {
        before: &[LabAction::Balance { routing: LabRouting::Address, backends: 3 }],
        events: &[(1_000, SWITCH), (2_500, SWITCH), (4_000, SWITCH)],
        ..Experiment::new(
            mobile,
            &[EndCondition::Elapsed(6)],
            &[
                Claim::AtLeast("webtransport", Metric::Connections, 2),
                Claim::AtLeast("websocket", Metric::Connections, 2),
            ],
            40,
        )
    }),
};

const BY_ID: Control = Control {
    id: "by-id",
    kind: switched(
        &[LabAction::Balance { routing: LabRouting::ConnectionId, backends: 3 }],
        &[
            Claim::AtMost("webtransport", Metric::Connections, 1),
            Claim::AtLeast("websocket", Metric::Connections, 2),
            Claim::Less("webtransport", "websocket", Metric::NoData),
        ],
    ),
};

fn mobile(_abilities: Abilities) -> PageSettings {
    let settings = page(vec![lane(Mode::WebSocket), lane(Mode::StreamPerTopic)], Preset::Lte);
    PageSettings { heartbeat: heartbeat(1, 5), ..settings }
}
