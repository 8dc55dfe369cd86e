//! Rules of RFC 6455 that frames break.

/// A rule that a frame breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("a reserved bit is set, and no extension was agreed on (§5.2)")]
    ReservedBit,
    #[error("the opcode is reserved (§5.2)")]
    ReservedOpcode,
    #[error("the length is not in its shortest form (§5.2)")]
    LongForm,
    #[error("the first bit of a 64-bit length is set (§5.2)")]
    Endless,
    #[error("a client has to mask what it sends (§5.1)")]
    Unmasked,
    #[error("a server must not mask what it sends (§5.1)")]
    Masked,
    #[error("a control frame must not be fragmented (§5.5)")]
    ControlInFragments,
    #[error("a control frame has 125 bytes at most (§5.5)")]
    LongControl,
    #[error("there is nothing to continue (§5.4)")]
    NothingToContinue,
    #[error("the message before it is not over (§5.4)")]
    InsideMessage,
    #[error("a close frame has no payload, or a code of two bytes first (§5.5.1)")]
    ShortClose,
    #[error("the close code must not be sent (§7.4)")]
    CloseCode,
    #[error("the reason is no UTF-8 (§5.5.1)")]
    CloseReason,
    #[error("nothing may follow a close frame (§5.5.1)")]
    AfterClose,
}

/// What a close code means (RFC 6455 §7.4 and its registry); `None` for one that must not be sent.
pub(super) const fn close_meaning(code: u16) -> Option<&'static str> {
    match code {
        1000 => Some("normal closure"),
        1001 => Some("going away: the server stops, or the page is left"),
        1002 => Some("protocol error"),
        1003 => Some("data of a kind that is not accepted"),
        1007 => Some("data that is not what its kind says, such as text that is no UTF-8"),
        1008 => Some("policy violation"),
        1009 => Some("message too big"),
        1010 => Some("an extension is missing"),
        1011 => Some("internal error of the server"),
        1012 => Some("the service restarts"),
        1013 => Some("try again later"),
        1014 => Some("bad gateway"),
        3000..=3999 => Some("registered for a library or framework"),
        4000 => Some("this application's: what was asked for is not on offer"),
        4001 => Some("this application's: nothing was heard for too long"),
        4002 => Some("this application's: another connection has taken the session over"),
        4003 => Some("this application's: an exhibit has reached its cap"),
        4004..=4999 => Some("for applications to define"),
        _ => None,
    }
}
