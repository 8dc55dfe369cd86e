//! Table of facts: a row for each quantity, a column for each connection. Built by the fact modules, rendered
//! by the fact table component. Every fact keeps its raw value for tests.

use sluice_shared::mode::Transport;

/// Table of facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactTable {
    /// Connections.
    pub(crate) columns: Vec<FactColumn>,
    /// Quantities.
    pub(crate) rows: Vec<FactRow>,
}

/// Header of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactColumn {
    /// Transport, which decides the colour.
    pub(crate) transport: Transport,
    /// Text.
    pub(crate) title: String,
}

/// One quantity of all connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactRow {
    /// Name.
    pub(crate) title: &'static str,
    /// Definition.
    pub(crate) meaning: &'static str,
    /// Facts in column order; `None` where a connection has no such quantity.
    pub(crate) cells: Vec<Option<Fact>>,
}

/// Cell of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Test id.
    pub(crate) id: String,
    /// Raw value, empty while unknown.
    pub(crate) value: String,
    /// Text.
    pub(crate) text: String,
    /// True if the text is a main result.
    pub(crate) is_main: bool,
    /// Notes below the text.
    pub(crate) notes: Vec<Note>,
}

/// Note below a fact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// Test id, if the note is a fact of its own.
    pub(crate) id: Option<String>,
    /// Raw value, empty while unknown.
    pub(crate) value: String,
    /// Text.
    pub(crate) text: String,
    /// True if it reports a failure.
    pub(crate) is_harm: bool,
}

impl Fact {
    /// Returns a fact with a raw value and a text; its test id is set from its row and column.
    pub(crate) fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        Self { value: value.into(), text: text.into(), ..Self::default() }
    }

    /// Adds a note.
    pub(crate) fn note(mut self, text: String) -> Self {
        self.notes.push(Note { text, ..Note::default() });
        self
    }

    /// Adds a note if it is `Some`.
    pub(crate) fn note_if(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.note(text),
            None => self,
        }
    }
}

#[cfg(test)]
impl FactTable {
    /// Returns the values of the facts and notes with this test id.
    pub(crate) fn values(&self, id: &str) -> Vec<&str> {
        let facts = || self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        let notes = facts().flat_map(|fact| &fact.notes);
        let own = facts().filter(|fact| fact.id == id).map(|fact| fact.value.as_str());
        own.chain(notes.filter(|note| note.id.as_deref() == Some(id)).map(|note| note.value.as_str()))
            .collect()
    }

    /// Returns all texts, line by line.
    pub(crate) fn text(&self) -> String {
        let facts = self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        let lines = facts.flat_map(|fact| {
            core::iter::once(&fact.text).chain(fact.notes.iter().map(|note| &note.text)).map(String::as_str)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
