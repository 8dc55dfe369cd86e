//! The one error type of the build tool: a line for the person who reads it, and an exit code.

use std::fmt;
use std::io;
use std::path::Path;

/// Result of every step.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A step failed: exit code 1.
    Failed(String),
    /// The machine lacks something that only its owner can install: exit code 2.
    Missing(String),
}

impl Failure {
    /// A failed step; `message` says what, where and what to do.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A file operation that went wrong.
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("{doing} {}: {error}", path.display()))
    }

    /// The exit code of the process, see the crate's documentation.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Missing(_) => 2,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(message) | Self::Missing(message) => f.write_str(message),
        }
    }
}
