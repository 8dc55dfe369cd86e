//! What a client must not ask for, or say.

use crate::feed::FeedSpec;
use crate::ids::{Seq, StreamId};
use crate::policy::Policy;
use crate::units::Amount;
use crate::wire::{ClientItem, EchoBlock, Hello, PROTOCOL_VERSION, Span};
/// Why a Hello is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Another version.
    #[error("protocol version {version} is not spoken here, but {PROTOCOL_VERSION}: reload the page")]
    Version {
        /// The client's.
        version: u16,
    },
    /// No feeds, or too many.
    #[error("a subscription takes 1 to {most} feeds, not {count}", most = Hello::MAX_FEEDS)]
    Feeds {
        /// How many the client names.
        count: usize,
    },
    /// A queue limit out of range.
    #[error("a queue limit must lie between 1 and {most}", most = Policy::MAX_LIMIT)]
    Policy,
    /// A reporting interval that is too short.
    #[error("reports every {millis} ms are too frequent: {least} ms or more, or 0 for none", least = Hello::MIN_SAMPLE_MILLIS)]
    Sample {
        /// The client's wish.
        millis: u16,
    },
    /// More resume positions than any subscription has.
    #[error("{count} resume positions are more than any subscription has")]
    Resume {
        /// How many the client names.
        count: usize,
    },
    /// Two resume positions for one stream.
    #[error("stream {} has two resume positions", stream.0)]
    ResumeTwice {
        /// The stream.
        stream: StreamId,
    },
    /// A failure exhibit that is to go on where another session ended.
    #[error("'{policy}' is a failure exhibit: a naive server has no sessions, so there is nothing to resume")]
    ExhibitResume {
        /// The exhibit.
        policy: Policy,
    },
}

/// What a client must not say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A second Hello.
    #[error("a connection says Hello once")]
    SecondHello,
    /// More parts of streams to certify than any subscription has.
    #[error("{count} parts of streams are more than any subscription has")]
    CertifyStreams {
        /// How many the client names.
        count: usize,
    },
    /// A part of a stream that is none, or that was not produced.
    #[error("stream {} cannot be certified from {} to {}: {} is next", span.stream.0, span.first.0, span.cut.0, next.0)]
    CertifySpan {
        /// What the client names.
        span: Span,
        /// The position that the next message will have.
        next: Seq,
    },
    /// A policy or subscription out of range.
    #[error(transparent)]
    Invalid(#[from] HelloError),
    /// Fragments of a size out of range.
    #[error(
        "fragments take {least} to {most} bytes, or 0 for none, not {bytes}",
        least = ClientItem::MIN_FRAGMENT,
        most = ClientItem::MAX_FRAGMENT
    )]
    Fragments {
        /// The client's wish.
        bytes: u32,
    },
    /// A block of a flood that is too large.
    #[error("a block to be echoed holds {most} bytes at most, not {bytes}", most = EchoBlock::MAX_PAYLOAD)]
    EchoBlock {
        /// What it holds.
        bytes: usize,
    },
    /// A failure exhibit that is to begin or end in the middle of a connection.
    #[error("'{from}' cannot become '{to}' here: a failure exhibit is chosen in a connection's Hello alone")]
    Exhibit {
        /// The policy in force.
        from: Policy,
        /// The client's wish.
        to: Policy,
    },
    /// A grant that names more received than was sent, or more consumed than received.
    #[error("a grant names {claimed:?} where {actual:?} is possible")]
    ImpossibleGrant {
        /// What the client says.
        claimed: Amount,
        /// What there can be.
        actual: Amount,
    },
}

/// Checks the ranges of a Hello. The feeds' own settings are clamped, not checked.
///
/// # Errors
/// Says which field is out of range and what the range is.
pub fn validate(hello: &Hello) -> Result<(), HelloError> {
    if hello.version != PROTOCOL_VERSION {
        return Err(HelloError::Version { version: hello.version });
    }
    check_feeds(&hello.feeds)?;
    if !hello.policy.is_valid() {
        return Err(HelloError::Policy);
    }
    if (1..Hello::MIN_SAMPLE_MILLIS).contains(&hello.sample_every_millis) {
        return Err(HelloError::Sample { millis: hello.sample_every_millis });
    }
    let most = Hello::MAX_FEEDS * usize::from(crate::feed::TicksSpec::MAX_STREAMS);
    match &hello.resume {
        Some(_) if hello.policy.is_exhibit() => Err(HelloError::ExhibitResume { policy: hello.policy }),
        Some(resume) if resume.next.len() > most => Err(HelloError::Resume { count: resume.next.len() }),
        Some(resume) => check_places(&resume.next),
        None => Ok(()),
    }
}

fn check_places(next: &[(StreamId, Seq)]) -> Result<(), HelloError> {
    let mut streams: Vec<StreamId> = next.iter().map(|(stream, _)| *stream).collect();
    streams.sort_unstable();
    match streams.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(HelloError::ResumeTwice { stream: pair[0] }),
        None => Ok(()),
    }
}

pub(super) fn check_feeds(feeds: &[FeedSpec]) -> Result<(), HelloError> {
    let count = feeds.len();
    if (1..=Hello::MAX_FEEDS).contains(&count) { Ok(()) } else { Err(HelloError::Feeds { count }) }
}
