//! What can be wrong with a scenario.

use thiserror::Error;

use crate::link::{ProfileError, UnknownPreset};
use crate::policy::{Policy, UnknownPolicy};

/// A scenario that describes no comparison.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScenarioError {
    /// A value out of its range, or settings that do not go together.
    #[error(transparent)]
    Setting(#[from] ProfileError),
    /// A network's name that nobody knows.
    #[error("network.preset: {0}")]
    Preset(#[from] UnknownPreset),
    /// A mode that nobody knows.
    #[error("{setting} is \"{name}\", which is no mode; {}", suggestion(*.nearest))]
    Mode {
        /// Which setting: `lanes[1].mode`.
        setting: String,
        /// The name that was given.
        name: String,
        /// The mode that is nearly called so, if one is.
        nearest: Option<&'static str>,
    },
    /// A policy that nobody knows.
    #[error("{setting}: {problem}")]
    Policy {
        /// Which setting: `lanes[1].policy`.
        setting: String,
        /// What is wrong with it.
        problem: UnknownPolicy,
    },
    /// A failure exhibit.
    #[error(
        "{setting}: '{policy}' is a failure exhibit, which runs live alone: choose it for a lane on the page"
    )]
    Exhibit {
        /// Which setting: `lanes[1].policy`.
        setting: String,
        /// The exhibit.
        policy: Policy,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || {
            "give websocket, websocket-stream, one-stream, stream-per-topic, stream-per-message or datagrams"
                .to_owned()
        },
        |name| format!("did you mean \"{name}\"?"),
    )
}
