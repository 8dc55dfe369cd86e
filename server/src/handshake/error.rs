//! What goes wrong on the stage.

/// Any failure of a stack: most are what bad networks do to connections, and end in words.
pub(super) type LabError = Box<dyn std::error::Error + Send + Sync>;
