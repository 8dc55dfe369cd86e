//! Settings that somebody has written down in a file, as TOML.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Most bytes of such a file.
const MOST_BYTES: u64 = 1024 * 1024;

/// What is wrong with a text, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", .line.map_or_else(String::new, |line| format!("line {line}: ")))]
pub struct Malformed {
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub problem: String,
}

/// The text of the file at `path`.
///
/// # Errors
/// It cannot be read, is no text, or has more than 1 MiB.
pub fn read_settings(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // Not by its length: a pipe or a device has none.
    File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        let problem = format!("it has more than the {MOST_BYTES} bytes that it may have");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(text)
}

/// What `text` says.
///
/// # Errors
/// It is no TOML, or says something else.
pub fn parse_settings<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Malformed> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).filter(|before| !before.is_empty());
        Malformed {
            line: before.map(|before| before.matches('\n').count() + 1),
            problem: error.message().lines().collect::<Vec<_>>().join(" "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let error = parse_settings::<std::collections::BTreeMap<String, u8>>("a = 1\nb = \"x\"\n");
        let error = error.expect_err("a text is no number").to_string();
        assert!(error.starts_with("line 2: invalid type") && error.lines().count() == 1, "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = read_settings(Path::new("/dev/zero")).expect_err("zeros for ever");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
