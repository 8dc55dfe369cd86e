//! What can be wrong with a profile.

use thiserror::Error;

use super::limits::Limit;

/// A profile that describes no network.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ProfileError {
    /// A value outside its range, or not a number.
    #[error("{setting} is {value}; give {} to {} {}", .limit.low, .limit.high, .limit.unit)]
    OutOfRange {
        /// Which setting, with its path: `down.delay_ms`.
        setting: String,
        /// The value that was given, in the setting's unit.
        value: f64,
        /// The setting's range.
        limit: Limit,
    },
    /// Settings that do not go together.
    #[error("{setting}: {problem}")]
    Contradiction {
        /// Which setting, with its path.
        setting: String,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
}

/// A preset's name that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no network \"{name}\"{}", suggestion(*.nearest))]
pub struct UnknownPreset {
    /// The name that was asked for.
    pub name: String,
    /// The known name that is nearly the same, if one is.
    pub nearest: Option<&'static str>,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"))
}
