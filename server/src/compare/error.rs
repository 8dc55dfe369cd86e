//! Why a comparison cannot be run.

use sluice_shared::mode::Mode;
use sluice_shared::time::Time;

use crate::server::StartError;

/// A comparison that failed.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The server's side cannot be set up.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No certificate can be made.
    #[error("no certificate can be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// QUIC cannot be set up.
    #[error("QUIC cannot be set up: {0}")]
    Quic(String),
    /// A scenario with a setting that runs in real time have not.
    #[error("scenario {scenario}: {setting} is played in virtual time only: add --virtual")]
    VirtualOnly {
        /// The scenario.
        scenario: String,
        /// The setting.
        setting: String,
    },
    /// An end of a lane broke the protocol.
    #[error("{mode}: the protocol was broken: {problem}; please report this")]
    Protocol {
        /// The lane.
        mode: Mode,
        /// What was wrong.
        problem: String,
    },
    /// A run in real time failed.
    #[error("{mode}: {problem}")]
    Native {
        /// The lane.
        mode: Mode,
        /// What went wrong.
        problem: String,
    },
    /// Virtual time does not go on.
    #[error("{mode}: virtual time stands still at {at:?}; please report this")]
    Stuck {
        /// The lane.
        mode: Mode,
        /// Where.
        at: Time,
    },
}
