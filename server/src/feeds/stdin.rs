//! Standard input, a JSON value a line.

use std::io::{self, BufRead};
use std::sync::Arc;

use serde::de::IgnoredAny;
use sluice_shared::ids::Key;
use sluice_shared::wire::codec::MAX_PAYLOAD;

use crate::clock::Clock;
use crate::hub::FeedInstance;

/// Publishes the lines of standard input until it ends.
///
/// A thread of its own reads, since a read of a terminal cannot be cancelled; it ends with the process.
pub(super) fn start(instance: Arc<FeedInstance>, clock: Clock) {
    let spawned = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let publish = |value: &[u8]| {
            if let Err(error) = instance.append(0, Key(0), clock.now(), value) {
                tracing::error!(%error, "a line of standard input was lost");
            }
            instance.wake();
        };
        match read_lines(io::stdin().lock(), publish, |number, why| {
            instance.count_malformed();
            tracing::warn!(line = number, "standard input: {why}; the line is left out");
        }) {
            Ok(lines) => tracing::info!(lines, "standard input has ended"),
            Err(error) => tracing::error!(%error, "standard input cannot be read any more"),
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "the stdin feed cannot start");
    }
}

/// Gives each line that is a JSON value to `publish`, and the number of each other line to `reject` with the reason.
/// Empty lines are neither. Never holds more than [`MAX_PAYLOAD`] bytes of a line.
///
/// # Errors
/// The input cannot be read.
fn read_lines(
    mut input: impl BufRead,
    mut publish: impl FnMut(&[u8]),
    mut reject: impl FnMut(u64, String),
) -> io::Result<u64> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let length = match read_line(&mut input, &mut line)? {
            0 => return Ok(number),
            length => length,
        };
        number += 1;
        let value = line.trim_ascii();
        if length > MAX_PAYLOAD as u64 {
            reject(number, format!("a line of {length} bytes passes the limit of {MAX_PAYLOAD}"));
        } else if value.is_empty() {
            continue;
        } else if let Err(error) = serde_json::from_slice::<IgnoredAny>(value) {
            reject(number, format!("no JSON value ({error})"));
        } else {
            publish(value);
        }
    }
}

/// Reads one line into `line`, up to [`MAX_PAYLOAD`] bytes of it, and returns how long it was; 0 at the end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(chunk.len(), |at| at + 1);
        let room = MAX_PAYLOAD.saturating_sub(line.len());
        line.extend_from_slice(&chunk[..taken.min(room)]);
        input.consume(taken);
        length += taken as u64;
        if end.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> (Vec<String>, Vec<u64>) {
        let (mut published, mut rejected) = (Vec::new(), Vec::new());
        // A small buffer, so that lines come in pieces.
        let input = io::BufReader::with_capacity(7, input);
        let keep = |value: &[u8]| published.push(String::from_utf8_lossy(value).into_owned());
        read_lines(input, keep, |number, _| rejected.push(number)).expect("memory can be read");
        (published, rejected)
    }

    #[test]
    fn each_json_line_is_a_message() {
        let (published, rejected) = read(b"{\"a\": 1}\r\n\n[2, 3]\n\"last, without an end\"");
        assert_eq!(published, ["{\"a\": 1}", "[2, 3]", "\"last, without an end\""]);
        assert!(rejected.is_empty());
    }

    #[test]
    fn a_malformed_line_is_rejected_by_number_and_the_rest_goes_on() {
        let (published, rejected) = read(b"1\n{oops\n\xff\xfe\n2\n");
        assert_eq!(published, ["1", "2"]);
        assert_eq!(rejected, [2, 3]);
    }

    #[test]
    fn a_line_that_is_too_long_is_rejected_and_not_kept() {
        let mut input = format!("\"{}\"\n", "x".repeat(MAX_PAYLOAD)).into_bytes();
        input.extend_from_slice(b"3\n");
        let (published, rejected) = read(&input);
        assert_eq!(published, ["3"]);
        assert_eq!(rejected, [1]);
    }
}
