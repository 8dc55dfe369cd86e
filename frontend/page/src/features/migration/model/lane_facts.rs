//! Effects of a change of networks on the lanes, as rows of the fact table. Used by the facts of a change;
//! the columns are the lanes of its connections.

use sluice_shared::time::micros;
use sluice_text::format;
use sluice_text::format::exact_span;

use crate::features::migration::model::effect::{ChangeEffect, RecoveryStep};
use crate::features::migration::model::fact::{Fact, Note};

/// Quantity: suffix of the test id after the transport's name, title, definition, and the function that
/// returns the fact of a lane whose transport has this name.
type Row = (&'static str, &'static str, &'static str, fn(&ChangeEffect, &str) -> Option<Fact>);

/// Rows in display order.
pub(crate) const ROWS: [Row; 3] = [
    (
        "silence",
        "Delivery gap",
        "The time in which nothing arrived at the lane, as its worker measured it.",
        delivery_gap,
    ),
    (
        "waited",
        "Messages meanwhile",
        "Published in the delivery gap: received after it, left out by the lane's policy, or lost.",
        messages,
    ),
    (
        "fresh",
        "Recovery",
        "From the connection's end to the first message that is younger than the new Welcome, in consecutive phases.",
        recovery,
    ),
];

fn delivery_gap(effect: &ChangeEffect, _: &str) -> Option<Fact> {
    if effect.is_without_delivery_gap() {
        return Some(Fact::new("0", "no longer than usual"));
    }
    let gap = effect.delivery_gap?;
    let micros = micros(gap.until.since(gap.from));
    Some(Fact { is_main: true, ..Fact::new(micros.to_string(), exact_span(micros)) })
}

fn messages(effect: &ChangeEffect, transport: &str) -> Option<Fact> {
    if effect.is_without_delivery_gap() {
        return Some(Fact::new("0", "none waited"));
    }
    let gap = effect.delivery_gap?;
    let note = |id, count: u64, words: &str| Note {
        id: Some(["switched-", transport, "-", id].concat()),
        value: count.to_string(),
        text: format::count(count) + words,
        is_harm: count > 0,
    };
    let waited = Fact::new(gap.waited.to_string(), format::count(gap.waited) + " waited");
    let notes = vec![note("left-out", gap.left_out, " left out"), note("messages-lost", gap.lost, " lost")];
    Some(Fact { is_main: true, notes, ..waited })
}

/// Returns the recovery; the value is its total, µs, empty until it is over.
fn recovery(effect: &ChangeEffect, transport: &str) -> Option<Fact> {
    let recovery = effect.recovery?;
    let fact = match recovery.whole_micros() {
        Some(micros) => Fact { is_main: true, ..Fact::new(micros.to_string(), exact_span(micros)) },
        None => Fact::new("", "not over"),
    };
    let note = |step: &RecoveryStep| {
        let micros = step.micros();
        let took = micros.map_or_else(|| "…".to_owned(), exact_span);
        Note {
            id: Some(["switched-", transport, "-", step.name].concat()),
            value: micros.map_or_else(String::new, |micros| micros.to_string()),
            text: [step.name, " ", &took].concat(),
            is_harm: false,
        }
    };
    Some(Fact { notes: recovery.steps().iter().map(note).collect(), ..fact })
}

#[cfg(test)]
mod tests {
    use crate::features::migration::model::facts::table;
    use crate::features::migration::model::samples;

    #[test]
    fn effects_on_lanes_follow_the_facts_of_the_network() {
        let switch = samples::switch();
        let table = table(&switch, &samples::lanes(), &samples::effects(&switch));
        for (id, expected) in [
            ("switched-webtransport-silence", "143000"),
            ("switched-webtransport-waited", "57"),
            ("switched-websocket-waited", "178"),
            ("switched-websocket-left-out", "0"),
            ("switched-websocket-messages-lost", "0"),
            ("switched-websocket-fresh", "450000"),
            ("switched-websocket-detect", "2000"),
            ("switched-websocket-backoff", "178000"),
            ("switched-websocket-connect", "100000"),
            ("switched-websocket-upgrade", "60000"),
            ("switched-websocket-resume", "100000"),
        ] {
            assert_eq!(table.values(id), [expected], "{id}");
        }
        assert_eq!(
            table.values("switched-webtransport-detect"),
            Vec::<&str>::new(),
            "its connection goes on"
        );
    }
}
