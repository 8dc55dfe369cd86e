//! What stands below the lanes.

/// One of the panels, of which one is in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// The lanes' ages against each other.
    #[default]
    Compare,
    /// What follows from a slow consumer, step by step.
    Trace,
    /// All policies with the same slow consumer.
    Policies,
    /// Whether everything that was produced is accounted for.
    Continuity,
    /// What a WebSocket's bytes say.
    Frames,
    /// What a client that floods the server feels.
    Inbound,
    /// What has happened.
    Log,
}

impl Panel {
    /// All panels, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Compare,
        Self::Trace,
        Self::Policies,
        Self::Continuity,
        Self::Frames,
        Self::Inbound,
        Self::Log,
    ];

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Compare => "Compare",
            Self::Trace => "Trace",
            Self::Policies => "Policies",
            Self::Continuity => "Continuity",
            Self::Frames => "Frames",
            Self::Inbound => "Inbound",
            Self::Log => "Log",
        }
    }
}
