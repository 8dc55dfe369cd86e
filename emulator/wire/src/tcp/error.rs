//! How a connection's end looks to an application.

use std::io;

use sluice_tcp::{EndReason, WriteError};

/// What reading at the end of everything says: nothing after an orderly end.
pub(super) fn read_result(reason: Option<EndReason>) -> io::Result<()> {
    match reason {
        None | Some(EndReason::Finished) => Ok(()),
        Some(reason) => Err(end_error(reason)),
    }
}

pub(super) fn write_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Closed | WriteError::Ended(EndReason::Finished) => {
            io::Error::new(io::ErrorKind::BrokenPipe, error)
        }
        WriteError::Ended(reason) => end_error(reason),
    }
}

pub(super) fn end_error(reason: EndReason) -> io::Error {
    let kind = match reason {
        EndReason::Finished => io::ErrorKind::BrokenPipe,
        EndReason::Aborted => io::ErrorKind::ConnectionAborted,
        EndReason::Reset => io::ErrorKind::ConnectionReset,
        EndReason::Refused => io::ErrorKind::ConnectionRefused,
        EndReason::TimedOut => io::ErrorKind::TimedOut,
    };
    io::Error::new(kind, format!("the emulated connection has ended: {reason}"))
}

/// For an end that the host does not know any more.
pub(super) fn unknown_end() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the emulated connection is over")
}
