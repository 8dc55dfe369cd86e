//! What happened, for the page's log.

use sluice_shared::time::Time;

use super::ring::Ring;
use sluice_bridge::{Level, Note, Report};

/// The newest [`Report::MAX_NOTES`] notes that the page has not been reported.
#[derive(Debug)]
pub(crate) struct Notes(Ring<Note>);

impl Notes {
    /// No notes.
    pub(crate) fn new() -> Self {
        Self(Ring::new(Report::MAX_NOTES))
    }

    /// Notes something.
    pub(crate) fn push(&mut self, level: Level, text: impl Into<String>, at: Time) {
        self.0.push(Note { at, level, text: text.into() });
    }

    /// Takes the notes since the last call.
    pub(crate) fn take(&mut self) -> Vec<Note> {
        self.0.take_all()
    }
}
