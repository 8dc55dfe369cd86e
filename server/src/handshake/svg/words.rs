//! What a packet says of itself when it is pointed at.

use sluice_shared::handshake::{Layer, Rung};
use sluice_shared::link::Direction;

/// Most parts of a packet that are told.
const MOST_PARTS: usize = 40;

/// A time, in the unit that suits it.
pub(super) fn time(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{:.2} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// A packet in a sentence; `number` counts from 1.
pub(super) fn sentence(rung: &Rung, number: usize, of: usize) -> String {
    let what = if rung.label.is_empty() { "a packet" } else { &rung.label };
    format!("Packet {number} of {of} from the {}: {what}; {}", sender(rung), passage(rung))
}

/// A packet with everything that is inside, a line for each.
pub(super) fn explanation(rung: &Rung, number: usize, of: usize, rtt_micros: u64) -> String {
    let mut text = sentence(rung, number, of);
    let trips = match rung.round_trips {
        1 => "1 round trip".to_owned(),
        count => format!("{count} round trips"),
    };
    text.push_str(&format!("\nIts sender had waited for {trips}"));
    if rtt_micros > 0 {
        let sent = rung.sent_micros as f64 / rtt_micros as f64;
        text.push_str(&format!("; it left after {sent:.2} RTT"));
    }
    for part in rung.parts.iter().take(MOST_PARTS) {
        let (indent, layer) = match part.layer {
            Layer::Tcp => ("", "TCP"),
            Layer::Packet => ("", "QUIC packet"),
            Layer::Record => ("  ", "TLS record"),
            Layer::Frame => ("  ", "frame"),
            Layer::Tls => ("    ", "TLS"),
            Layer::Http => ("    ", "HTTP"),
        };
        text.push_str(&format!("\n{indent}{layer}: {}", part.name));
        if !part.detail.is_empty() {
            text.push_str(&format!(" ({})", part.detail));
        }
    }
    if rung.parts.len() > MOST_PARTS {
        text.push_str(&format!("\nand {} more parts", rung.parts.len() - MOST_PARTS));
    }
    text
}

/// Why a packet did not arrive, for beside the cross.
pub(super) fn loss(rung: &Rung) -> &str {
    match &rung.drop {
        Some((_, reason)) => reason,
        None => "under way at the end",
    }
}

fn sender(rung: &Rung) -> &'static str {
    match rung.direction {
        Direction::Up => "client",
        Direction::Down => "server",
    }
}

fn passage(rung: &Rung) -> String {
    let sent = time(rung.sent_micros);
    let bytes = rung.bytes;
    match (rung.arrived_micros, &rung.drop) {
        (Some(arrived), _) => format!("{bytes} bytes, sent at {sent}, arrived at {}", time(arrived)),
        (None, Some((at, reason))) => {
            format!("{bytes} bytes, sent at {sent}, lost at {} ({reason})", time(*at))
        }
        (None, None) => format!("{bytes} bytes, sent at {sent}, under way at the end"),
    }
}
