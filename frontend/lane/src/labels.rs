//! Log messages about a lane.

use sluice_shared::wire::Continuity;

use sluice_bridge::Level;

/// Returns `text` with a capital first letter and a final full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let mut sentence: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    sentence.push_str(characters.as_str());
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// Returns the log message for a Welcome.
pub(super) const fn welcome_note(continuity: Continuity, was_ready_before: bool) -> (Level, &'static str) {
    match continuity {
        Continuity::New if was_ready_before => {
            (Level::Warning, "Connected again as if for the first time: what came meanwhile is lost.")
        }
        Continuity::New => (Level::Info, "Connected."),
        Continuity::Continued => (Level::Info, "Connected again; the session goes on where it was."),
        Continuity::UnknownSession => {
            (Level::Warning, "Connected again, but the server had given the session up: another one begins.")
        }
        Continuity::EpochChanged => {
            (Level::Warning, "Connected again; the server has restarted, and positions begin anew.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_a_sentence() {
        assert_eq!(sentence("the server stops"), "The server stops.");
        assert_eq!(sentence("Connection lost."), "Connection lost.");
    }
}
