//! How a connection's end looks to an application that reads and writes a stream.

use std::io;

use crate::endpoint::{EndReason, WriteError};

impl EndReason {
    /// What reading says once everything that came was read: nothing after an orderly end, or before any.
    ///
    /// # Errors
    /// The connection broke.
    pub fn read_result(reason: Option<Self>) -> io::Result<()> {
        match reason {
            None | Some(Self::Finished) => Ok(()),
            Some(reason) => Err(reason.into()),
        }
    }
}

impl From<EndReason> for io::Error {
    fn from(reason: EndReason) -> Self {
        let kind = match reason {
            EndReason::Finished => io::ErrorKind::BrokenPipe,
            EndReason::Aborted => io::ErrorKind::ConnectionAborted,
            EndReason::Reset => io::ErrorKind::ConnectionReset,
            EndReason::Refused => io::ErrorKind::ConnectionRefused,
            EndReason::TimedOut => io::ErrorKind::TimedOut,
        };
        Self::new(kind, format!("the emulated connection has ended: {reason}"))
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Closed | WriteError::Ended(EndReason::Finished) => {
                Self::new(io::ErrorKind::BrokenPipe, error)
            }
            WriteError::Ended(reason) => reason.into(),
        }
    }
}
