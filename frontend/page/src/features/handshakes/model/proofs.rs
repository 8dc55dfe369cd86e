//! Results of replayed first flights (RFC 8446 section 8, RFC 9001 section 9.2) and of forged datagrams, as
//! rows and sentences for the proof cards. Every row keeps its raw numbers for tests.

use sluice_shared::handshake::{Hostile, Replay, ReplayGuard, Stack};

use crate::features::handshakes::model::labels::{guard_name, stack_name};
use crate::features::handshakes::model::probe_table::{EffectCount, effect_count};

/// Results of replays at a server with one guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRow {
    /// Short title of the guard.
    pub title: &'static str,
    /// True if this server runs in a fault mode.
    pub is_fault: bool,
    /// Results over TCP and over QUIC; `None` if not measured.
    pub sides: [Option<ReplayCell>; 2],
}

/// Result of replays over one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayCell {
    /// Test id.
    pub testid: String,
    /// Effects that occurred.
    pub effects: EffectCount,
    /// Number of replays accepted, and of 425 responses.
    pub detail: String,
}

/// Result of datagrams that no peer sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostileSummary {
    /// Responses received by the client served at the same time.
    pub honest_answers: u32,
    /// The same number in a sentence.
    pub honest_text: String,
    /// True if that client was affected.
    pub is_harmed: bool,
    /// Number and kind of the datagrams sent.
    pub sent: [(u32, &'static str); 5],
    /// The server's responses, as text.
    pub answers_text: String,
}

/// Returns a row for each guard, the weakest first.
pub fn guard_rows(replays: &[Replay]) -> [GuardRow; 3] {
    ReplayGuard::ALL.map(|guard| GuardRow {
        title: guard.title(),
        is_fault: guard == ReplayGuard::Nothing,
        sides: [Stack::Tcp, Stack::Quic].map(|stack| {
            let replay = replays.iter().find(|replay| (replay.guard, replay.stack) == (guard, stack));
            replay.map(replay_cell)
        }),
    })
}

fn replay_cell(replay: &Replay) -> ReplayCell {
    let requests = if replay.replays == 1 { " request" } else { " requests" };
    let [accepted, replays, too_early] =
        [replay.accepted, replay.replays, replay.too_early].map(|count| count.to_string());
    ReplayCell {
        testid: ["replay", stack_name(replay.stack), guard_name(replay.guard)].join("-"),
        effects: effect_count(replay.effects, replay.replays, requests),
        detail: ["replays taken: ", &accepted, " of ", &replays, ", 425: ", &too_early].concat(),
    }
}

/// Summarises hostile datagrams.
pub fn hostile_summary(hostile: &Hostile) -> HostileSummary {
    let [answers, requests, dropped, negotiations] =
        [hostile.honest_answers, hostile.honest_requests, hostile.dropped, hostile.version_negotiations]
            .map(|count| count.to_string());
    HostileSummary {
        honest_answers: hostile.honest_answers,
        honest_text: ["The honest client beside them got ", &answers, " of ", &requests, " answers."]
            .concat(),
        is_harmed: hostile.honest_answers != hostile.honest_requests,
        sent: [
            (hostile.garbage, "of random bytes"),
            (hostile.truncated, "truncated or undersized Initials"),
            (hostile.unknown_versions, "Initials of a version that does not exist"),
            (hostile.forged_retries, "forged Retry packets"),
            (hostile.forged_tokens, "Initials with a forged token"),
        ],
        answers_text: [
            &*dropped,
            " of them were dropped without an answer; ",
            &negotiations,
            " got Version Negotiation (RFC 9000 §6).",
        ]
        .concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(guard: ReplayGuard, effects: u32) -> Replay {
        Replay { stack: Stack::Quic, guard, replays: 5, effects, accepted: 5, too_early: 0 }
    }

    #[test]
    fn a_double_effect_is_marked_and_its_server_shows_a_fault() {
        let [nothing, too_early, single_use] =
            guard_rows(&[replay(ReplayGuard::Nothing, 10), replay(ReplayGuard::SingleUse, 5)]);
        assert!(nothing.is_fault && !single_use.is_fault);
        let [tcp, quic] = nothing.sides;
        assert_eq!((tcp, too_early.sides), (None, [None, None]), "not measured");
        let quic = quic.expect("it was measured");
        assert_eq!((quic.testid.as_str(), quic.effects.count), ("replay-quic-nothing", 10));
        assert_eq!(quic.effects.text, "10 effects of 5 requests");
        assert!(quic.effects.is_double);
        assert!(single_use.sides[1].as_ref().is_some_and(|cell| !cell.effects.is_double));
    }

    #[test]
    fn one_effect_of_one_request_is_singular() {
        let [nothing, ..] = guard_rows(&[Replay { replays: 1, ..replay(ReplayGuard::Nothing, 1) }]);
        assert_eq!(
            nothing.sides[1].as_ref().map(|cell| cell.effects.text.as_str()),
            Some("1 effect of 1 request")
        );
    }

    #[test]
    fn an_honest_client_that_was_harmed_is_marked() {
        let hostile = Hostile { garbage: 20, honest_requests: 5, honest_answers: 5, ..Hostile::default() };
        let summary = hostile_summary(&hostile);
        assert_eq!(summary.honest_text, "The honest client beside them got 5 of 5 answers.");
        assert!(!summary.is_harmed && summary.sent[0] == (20, "of random bytes"));
        assert!(hostile_summary(&Hostile { honest_answers: 4, ..hostile }).is_harmed);
    }
}
