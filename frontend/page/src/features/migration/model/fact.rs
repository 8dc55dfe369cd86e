//! Facts in tables: a row for each quantity, a column for each connection.

use sluice_shared::mode::Transport;

/// A table of facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactTable {
    /// The connections.
    pub(crate) columns: Vec<FactColumn>,
    /// The quantities.
    pub(crate) rows: Vec<FactRow>,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactColumn {
    /// Its colour.
    pub(crate) transport: Transport,
    /// Its text.
    pub(crate) title: String,
}

/// One quantity of every connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactRow {
    /// Its name.
    pub(crate) title: &'static str,
    /// Its definition.
    pub(crate) meaning: &'static str,
    /// The facts, in the order of the columns; `None` where a connection has no such quantity.
    pub(crate) cells: Vec<Option<Fact>>,
}

/// One fact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Its test id.
    pub(crate) id: String,
    /// Its raw value, empty while it is unknown.
    pub(crate) value: String,
    /// Its text.
    pub(crate) text: String,
    /// True if the text is a main result.
    pub(crate) is_main: bool,
    /// Smaller text below it.
    pub(crate) notes: Vec<Note>,
}

/// Smaller text below a fact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// Its test id, if it is a fact of its own.
    pub(crate) id: Option<String>,
    /// Its raw value, empty while it is unknown.
    pub(crate) value: String,
    /// Its text.
    pub(crate) text: String,
    /// True if it reports harm.
    pub(crate) is_harm: bool,
}

impl Fact {
    /// A fact with a raw value and a text; its test id follows from its row and column.
    pub(crate) fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        Self { value: value.into(), text: text.into(), ..Self::default() }
    }

    /// Adds a note.
    pub(crate) fn note(mut self, text: String) -> Self {
        self.notes.push(Note { text, ..Note::default() });
        self
    }

    /// Adds a note if there is one.
    pub(crate) fn note_if(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.note(text),
            None => self,
        }
    }
}

#[cfg(test)]
impl FactTable {
    /// The facts and notes with this test id.
    pub(crate) fn values(&self, id: &str) -> Vec<&str> {
        let facts = || self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        let notes = facts().flat_map(|fact| &fact.notes);
        let own = facts().filter(|fact| fact.id == id).map(|fact| fact.value.as_str());
        own.chain(notes.filter(|note| note.id.as_deref() == Some(id)).map(|note| note.value.as_str()))
            .collect()
    }

    /// All texts, line by line.
    pub(crate) fn text(&self) -> String {
        let facts = self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        let lines = facts.flat_map(|fact| {
            core::iter::once(&fact.text).chain(fact.notes.iter().map(|note| &note.text)).map(String::as_str)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
