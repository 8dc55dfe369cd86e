//! Log messages for the page.

use sluice_shared::time::Time;

use super::ring::Ring;
use sluice_bridge::{Level, Note, Report};

/// Newest [`Report::MAX_NOTES`] notes that have not been reported to the page.
#[derive(Debug)]
pub(crate) struct Notes(Ring<Note>);

impl Notes {
    /// Creates an empty list.
    pub(crate) fn new() -> Self {
        Self(Ring::new(Report::MAX_NOTES))
    }

    /// Adds a note.
    pub(crate) fn push(&mut self, level: Level, text: impl Into<String>, at: Time) {
        self.0.push(Note { at, level, text: text.into() });
    }

    /// Takes the notes since the last call.
    pub(crate) fn take(&mut self) -> Vec<Note> {
        self.0.take_all()
    }
}
