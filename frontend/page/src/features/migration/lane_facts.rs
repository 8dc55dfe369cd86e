//! What the lanes say of a change of networks, in rows of the table below the drawing.

use sluice_shared::time::micros;

use crate::features::migration::life::Step;
use crate::features::migration::life::Story;
use sluice_text::format;
use sluice_text::format::exact_span;

/// A fact's test id behind the transport's name, its title, what it means, and how it is told of a transport of this name:
/// its raw value and HTML.
type Row = (&'static str, &'static str, &'static str, fn(&Story, &str) -> Option<(String, String)>);

/// The rows, in their order.
pub(crate) const ROWS: [Row; 3] = [
    (
        "silence",
        "Lane silent",
        "For how long nothing arrived at the lane, as its worker measured it",
        silence,
    ),
    (
        "waited",
        "Messages meanwhile",
        "Published while nothing arrived, and received after it; left out by the lane's policy; lost",
        messages,
    ),
    (
        "fresh",
        "Came back",
        "From the connection's end to the first message that is younger than the new Welcome, in parts that follow each other",
        way_back,
    ),
];

fn silence(story: &Story, _: &str) -> Option<(String, String)> {
    if story.is_without_silence() {
        return Some(("0".to_owned(), "no longer than usual".to_owned()));
    }
    let silence = story.silence?;
    let micros = micros(silence.until.since(silence.from));
    Some((micros.to_string(), ["<b>", &exact_span(micros), "</b>"].concat()))
}

fn messages(story: &Story, transport: &str) -> Option<(String, String)> {
    if story.is_without_silence() {
        return Some(("0".to_owned(), "none waited".to_owned()));
    }
    let silence = story.silence?;
    let waited = silence.waited.to_string();
    let mut html = ["<b>", &format::count(silence.waited), "</b> waited<small>"].concat();
    let counts = [
        ("left-out", silence.left_out, " left out", ", "),
        ("messages-lost", silence.lost, " lost", "</small>"),
    ];
    for (id, count, words, end) in counts {
        let class = if count > 0 { "bad" } else { "none" };
        push_fact(&mut html, class, [transport, "-", id], &count.to_string());
        html.extend([&*format::count(count), words, "</span>", end]);
    }
    Some((waited, html))
}

/// The value is the whole way, µs; empty as long as it is not over.
fn way_back(story: &Story, transport: &str) -> Option<(String, String)> {
    let comeback = story.comeback?;
    let whole = comeback.whole_micros();
    let mut html = match whole {
        Some(micros) => ["<b>", &exact_span(micros), "</b>"].concat(),
        None => "not over".to_owned(),
    };
    html.push_str("<small class=steps>");
    for step in comeback.steps() {
        push_step(&mut html, transport, &step);
    }
    html.push_str("</small>");
    Some((whole.map_or_else(String::new, |micros| micros.to_string()), html))
}

fn push_step(html: &mut String, transport: &str, step: &Step) {
    let micros = step.micros();
    let value = micros.map_or_else(String::new, |micros| micros.to_string());
    push_fact(html, step.name, [transport, "-", step.name], &value);
    let took = micros.map_or_else(|| "…".to_owned(), exact_span);
    html.extend([step.name, " ", &took, "</span> "]);
}

fn push_fact(html: &mut String, class: &str, id: [&str; 3], value: &str) {
    html.extend([
        "<span class=",
        class,
        " data-testid=switched-",
        &id.concat(),
        " data-value=\"",
        value,
        "\">",
    ]);
}

#[cfg(test)]
mod tests {
    use crate::features::migration::facts::html;
    use crate::features::migration::samples;

    #[test]
    fn what_the_lanes_say_stands_below_what_the_network_saw() {
        let switch = samples::switch();
        let html = html(&switch, &samples::lanes(), &samples::told(&switch));
        for fact in [
            "switched-webtransport-silence data-value=\"143000\"",
            "switched-webtransport-waited data-value=\"57\"",
            "switched-websocket-waited data-value=\"178\"",
            "switched-websocket-left-out data-value=\"0\"",
            "switched-websocket-messages-lost data-value=\"0\"",
            "switched-websocket-fresh data-value=\"450000\"",
            "switched-websocket-detect data-value=\"2000\"",
            "switched-websocket-backoff data-value=\"178000\"",
            "switched-websocket-connect data-value=\"100000\"",
            "switched-websocket-upgrade data-value=\"60000\"",
            "switched-websocket-resume data-value=\"100000\"",
        ] {
            assert_eq!(html.matches(fact).count(), 1, "{fact}: {html}");
        }
        assert!(!html.contains("switched-webtransport-detect"), "its connection goes on");
    }
}
