//! The panel before anything was measured.

use core::fmt::Write as _;

/// A field for a number: its name, label, least, greatest and step, what it holds, its unit, and what it means.
type Field = (&'static str, &'static str, [&'static str; 3], &'static str, &'static str, &'static str);

const NETWORK: [Field; 5] = [
    ("rtt", "RTT", ["0", "2000", "1"], "100", "ms", "Round trip time of the lab's network"),
    (
        "loss",
        "Loss",
        ["0", "100", "any"],
        "0",
        "%",
        "Random loss in both directions. With loss nothing is expected",
    ),
    (
        "blackout",
        "Blackout after",
        ["0", "60000", "1"],
        "",
        "ms",
        "From when on nothing passes any more, after the first packet; empty for never",
    ),
    ("runs", "Runs", ["1", "100", "1"], "5", "", "Runs of each probe"),
    (
        "seed",
        "Seed",
        ["0", "18446744073709551615", "1"],
        "",
        "",
        "Where every chance of the network comes from; empty for any",
    ),
];

/// The two limits of early data: two different controls, since the two stacks have different ones.
const CAPS: [Field; 2] = [
    (
        "early-data",
        "TLS ticket's max_early_data_size",
        ["0", "1048576", "1"],
        "16384",
        "bytes",
        "What a ticket lets ride in TLS early data over TCP (RFC 8446 §4.6.1); 0 for none",
    ),
    (
        "zero-rtt",
        "QUIC: remembered initial_max_data",
        ["1024", "16777216", "1"],
        "65536",
        "bytes",
        "What may ride in 0-RTT packets: QUIC's tickets all say 0xffffffff (RFC 9001 §4.6.1), so the transport limit that the client remembers is the cap",
    ),
];

/// Rates on offer, kbit/s.
const RATES: [(&str, &str); 6] = [
    ("", "no limit"),
    ("256", "256 kbit/s"),
    ("1000", "1 Mbit/s"),
    ("5000", "5 Mbit/s"),
    ("20000", "20 Mbit/s"),
    ("100000", "100 Mbit/s"),
];

/// Whose time passes.
const CLOCKS: [(&str, &str); 2] = [("virtual", "virtual"), ("real", "real")];

const HEAD: &str = "<p class=hint>Real stacks (rustls, HTTP/2 by hyper, quinn, h3) talk through an emulated network inside the \
    server. Its clock is virtual, so that computing takes no time, unless you choose the real one. Browsers may not open a \
    WebTransport session in 0-RTT, because its CONNECT is not safe to replay (draft-ietf-webtrans-http3), so the early rows \
    come from native clients.</p><div class=settings data-part=settings>";

const REST: &str = "<button type=button class=primary data-testid=handshake-run data-act=run>Run</button></div>\
    <p class=status data-testid=handshake-status data-part=status role=status>Nothing was measured yet.</p>\
    <div data-part=outcome data-state=empty>\
    <div class=table-scroll data-part=probes></div>\
    <section class=ladder-card aria-label=Ladder>\
    <div class=card-head><h3 data-part=ladder-title></h3>\
    <span class=segmented data-part=sides>\
    <button type=button data-act=tcp data-testid=ladder-tcp aria-pressed=true>TCP</button>\
    <button type=button data-act=quic data-testid=ladder-quic aria-pressed=false>QUIC</button></span>\
    <span class=exports data-part=exports></span></div>\
    <div class=ladder-box data-testid=ladder data-part=ladder></div>\
    <div class=told><p class=hint data-testid=ladder-time data-part=time></p>\
    <p data-testid=rung-told data-part=told aria-live=polite></p></div></section></div>\
    <div class=columns>\
    <section data-part=replay-card data-state=empty><h3>Replayed first flights</h3>\
    <p>A POST in early data is captured at the link and sent again from elsewhere. Its effect has to happen once.</p>\
    <div class=table-scroll data-part=replays></div></section>\
    <section data-part=hostile-card data-state=empty><h3>Datagrams that no peer sends</h3><div data-part=hostile></div></section>\
    <section><h3>From this browser</h3>\
    <p>New connections on this page's own emulated network, opened one after the other: cold, then at once again.</p>\
    <p><button type=button data-testid=browser-measure data-act=measure>Measure in this browser</button> \
    <span data-part=measure-status data-testid=browser-status role=status></span></p>\
    <div class=table-scroll data-part=measured></div></section></div>\
    <section data-part=facts-card data-state=empty><h3>The table</h3><div class=table-scroll data-part=facts></div></section>";

/// All of it.
pub(crate) fn html() -> String {
    let mut html = HEAD.to_owned();
    html.push_str(
        "<label class=ranged><span>RTT</span><input type=range data-testid=handshake-rtt-slider data-range=rtt min=0 \
         max=500 step=5 value=100 aria-label=RTT></label>",
    );
    for field in NETWORK {
        push_number(&mut html, field);
    }
    push_choice(&mut html, "rate", "Rate", "The bottleneck's rate in both directions", &RATES);
    push_choice(
        &mut html,
        "clock",
        "Clock",
        "virtual: the network's time alone; real: what computing takes is in every figure, at most 5 runs",
        &CLOCKS,
    );
    for field in CAPS {
        push_number(&mut html, field);
    }
    html + REST
}

fn push_number(html: &mut String, (name, label, [min, max, step], value, unit, title): Field) {
    let written = write!(
        html,
        "<label title=\"{title}\"><span>{label}</span><input type=number data-testid=handshake-{name} \
         data-field={name} min={min} max={max} step={step} value=\"{value}\">{unit}</label>"
    );
    debug_assert!(written.is_ok(), "a String takes all text");
}

fn push_choice(html: &mut String, name: &str, label: &str, title: &str, options: &[(&str, &str)]) {
    html.extend([
        "<label title=\"",
        title,
        "\"><span>",
        label,
        "</span><select data-testid=handshake-",
        name,
        " data-field=",
        name,
        ">",
    ]);
    for (value, text) in options {
        html.extend(["<option value=\"", value, "\">", text, "</option>"]);
    }
    html.push_str("</select></label>");
}

#[cfg(test)]
mod tests {
    use sluice_shared::handshake::HandshakeRequest;

    use super::*;
    use crate::features::handshakes::settings::NUMBERS;
    use crate::features::handshakes::settings::request_json;

    #[test]
    fn every_setting_has_one_field() {
        let html = html();
        for field in NUMBERS.map(|(field, ..)| field).into_iter().chain(["clock"]) {
            assert_eq!(html.matches(&format!("data-field={field}")).count(), 1, "{field}");
        }
    }

    #[test]
    fn the_fields_hold_the_servers_defaults() {
        let value = |name: &str| {
            let field = NETWORK.iter().chain(&CAPS).find(|field| field.0 == name);
            field.map_or_else(String::new, |field| field.3.to_owned())
        };
        let json = request_json(value).expect("numbers");
        let request: HandshakeRequest = serde_json::from_str(&json).expect("a request");
        assert_eq!(request, HandshakeRequest { with_facts: true, ..HandshakeRequest::default() });
    }
}
