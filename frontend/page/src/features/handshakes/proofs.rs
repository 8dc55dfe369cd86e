//! Replays, hostile datagrams and the table of facts, in HTML.

use sluice_shared::handshake::{Fact, Hostile, Replay, ReplayGuard, Stack};

use crate::features::frames::model::push_text;
use crate::features::handshakes::words::guard_name;
use crate::features::handshakes::words::stack_name;

/// What came of replayed first flights, by what guarded the server.
pub(crate) fn replays_html(replays: &[Replay]) -> String {
    let mut html = "<table class=proof><thead><tr><th></th><th>HTTP/2 early data</th><th>HTTP/3 0-RTT</th></tr></thead><tbody>"
        .to_owned();
    for guard in ReplayGuard::ALL {
        html.push_str(if guard == ReplayGuard::Nothing { "<tr class=exhibit><th>" } else { "<tr><th>" });
        html.push_str(guard.title());
        html.push_str("</th>");
        for stack in [Stack::Tcp, Stack::Quic] {
            match replays.iter().find(|replay| (replay.guard, replay.stack) == (guard, stack)) {
                Some(replay) => push_replay(&mut html, replay),
                None => html.push_str("<td>–</td>"),
            }
        }
        html.push_str("</tr>");
    }
    html + "</tbody></table>"
}

fn push_replay(html: &mut String, replay: &Replay) {
    let is_double = replay.effects > replay.replays;
    let [effects, replays, accepted, too_early] =
        [replay.effects, replay.replays, replay.accepted, replay.too_early].map(|count| count.to_string());
    html.extend([
        "<td data-testid=replay-",
        stack_name(replay.stack),
        "-",
        guard_name(replay.guard),
        " data-value=",
        &effects,
        if is_double { " class=bad>" } else { ">" },
        &effects,
        if replay.effects == 1 { " effect of " } else { " effects of " },
        &replays,
        if replay.replays == 1 { " request" } else { " requests" },
        "<small>replays taken: ",
        &accepted,
        " of ",
        &replays,
        ", 425: ",
        &too_early,
        "</small></td>",
    ]);
}

/// What came of datagrams that no peer sends, in a paragraph.
pub(crate) fn hostile_html(hostile: &Hostile) -> String {
    let sent = [
        (hostile.garbage, "of random bytes"),
        (hostile.truncated, "truncated or undersized Initials"),
        (hostile.unknown_versions, "Initials of a version that does not exist"),
        (hostile.forged_retries, "forged Retry packets"),
        (hostile.forged_tokens, "Initials with a forged token"),
    ];
    let is_harmed = hostile.honest_answers != hostile.honest_requests;
    let [answers, requests] =
        [hostile.honest_answers, hostile.honest_requests].map(|count| count.to_string());
    let mut html = [
        "<p data-testid=hostile data-value=",
        &answers,
        if is_harmed { " class=bad>" } else { ">" },
        "The honest client beside them got ",
        &answers,
        " of ",
        &requests,
        " answers.</p><ul class=hostile>",
    ]
    .concat();
    for (count, what) in sent {
        html.extend(["<li><b>", &count.to_string(), "</b> ", what, "</li>"]);
    }
    let [dropped, negotiations] =
        [hostile.dropped, hostile.version_negotiations].map(|count| count.to_string());
    html.extend([
        "</ul><p>",
        &dropped,
        " of them were dropped without an answer; ",
        &negotiations,
        " got Version Negotiation (RFC 9000 §6).</p>",
    ]);
    html
}

/// Both stacks as measured, and what the standards say.
pub(crate) fn facts_html(facts: &[Fact]) -> String {
    let mut html = "<table class=facts><thead><tr><th></th><th>HTTP/2 over TCP</th><th>HTTP/3 over QUIC</th>\
                    <th>what the standards say</th></tr></thead><tbody>"
        .to_owned();
    for fact in facts {
        html.push_str("<tr data-testid=\"fact-");
        push_text(&mut html, &fact.name);
        html.push_str("\"><th>");
        push_text(&mut html, &fact.title);
        for (column, text) in [("HTTP/2", &fact.tcp), ("HTTP/3", &fact.quic), ("standards", &fact.standard)] {
            html.extend(["<td data-of=", column, ">"]);
            push_text(&mut html, text);
        }
        html.push_str("</tr>");
    }
    html + "</tbody></table>"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(guard: ReplayGuard, effects: u32) -> Replay {
        Replay { stack: Stack::Quic, guard, replays: 5, effects, accepted: 5, too_early: 0 }
    }

    #[test]
    fn a_double_effect_is_marked_and_its_server_is_an_exhibit() {
        let html = replays_html(&[replay(ReplayGuard::Nothing, 10), replay(ReplayGuard::SingleUse, 5)]);
        assert!(html.contains("<tr class=exhibit><th>no guard (exhibit)"), "{html}");
        assert!(
            html.contains("replay-quic-nothing data-value=10 class=bad>10 effects of 5 requests"),
            "{html}"
        );
        assert!(html.contains("replay-quic-single-use data-value=5>5 effects of 5 requests"), "{html}");
    }

    #[test]
    fn an_honest_client_that_was_harmed_is_marked() {
        let hostile = Hostile { garbage: 20, honest_requests: 5, honest_answers: 5, ..Hostile::default() };
        assert!(hostile_html(&hostile).contains("data-value=5>The honest client beside them got 5 of 5"));
        assert!(hostile_html(&Hostile { honest_answers: 4, ..hostile }).contains("class=bad"));
    }

    #[test]
    fn facts_cannot_bring_markup() {
        let text = |text: &str| text.to_owned();
        let fact = Fact {
            name: text("loss\" onclick=\"x"),
            title: text("<b>"),
            tcp: text("<i>"),
            quic: text("&"),
            standard: text("RFC 9000"),
        };
        let html = facts_html(&[fact]);
        assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains("\" onclick"), "{html}");
    }
}
