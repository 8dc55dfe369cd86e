//! Cost of a message on the wire, per transport. The frames state takes a [`Reading`] per lane from each
//! snapshot and shows the difference to a baseline as a [`CostRow`]. Costs are averages over messages, never
//! of a single one.

use core::time::Duration;

use sluice_shared::lab::{FlowReport, FrameTotals};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;

use sluice_text::decimal::fixed;

/// Counters of one lane at one moment, in the direction from server to browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    at: Time,
    flow: u64,
    /// Messages and bytes consumed.
    consumed: Amount,
    /// Payload bytes and overhead bytes of the frames or packets; `None` where they are not decoded.
    framed: Option<(u64, u64)>,
    packets: u64,
    wire_bytes: u64,
}

/// Average cost of a message, bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Number of messages counted.
    pub messages: u64,
    /// Payload of the message itself.
    pub message: f64,
    /// Session overhead: batch headers, control items, and stream headers.
    pub session: Option<f64>,
    /// Headers of WebSocket frames, or of QUIC frames and packets including their AEAD tags.
    pub framing: Option<f64>,
    /// Remaining packet overhead: TCP (including TLS, if used) or UDP, and IP.
    pub packets: Option<f64>,
    /// Total of all parts.
    pub wire: f64,
    /// Packets per message.
    pub packet_count: f64,
}

impl Reading {
    /// Minimum number of messages for a meaningful cost.
    const LEAST_MESSAGES: u64 = 20;
    /// Minimum span between two readings. Counters of page, server and relay are up to 0.25 s old each, which
    /// matters little over this span.
    const LEAST_TIME: Duration = Duration::from_secs(3);

    /// Returns the counters at `at` of a lane that has consumed `consumed`; `frames` are those of its
    /// WebSocket, if they are being decoded.
    pub fn new(flow: &FlowReport, consumed: Amount, frames: Option<&FrameTotals>, at: Time) -> Self {
        let of_quic = flow.quic.map(|quic| {
            (quic.payload_bytes, quic.frame_header_bytes + quic.other_frame_bytes + quic.packet_bytes)
        });
        let framed = frames.map(|frames| (frames.payload_bytes, frames.header_bytes)).or(of_quic);
        Self {
            at,
            flow: flow.flow,
            consumed,
            framed,
            packets: flow.down.delivered_packets,
            wire_bytes: flow.down.delivered_bytes,
        }
    }

    /// True if the counters continue those of `earlier`.
    pub fn continues(&self, earlier: &Self) -> bool {
        let payload = |reading: &Self| reading.framed.map(|(payload, _)| payload);
        self.flow == earlier.flow
            && self.consumed.messages >= earlier.consumed.messages
            && self.framed.is_some() == earlier.framed.is_some()
            && payload(self) >= payload(earlier)
    }

    /// Returns the cost per message since `earlier`; `None` while there are too few messages or too little
    /// time.
    pub fn cost_since(&self, earlier: &Self) -> Option<Cost> {
        let messages = self.consumed.messages.checked_sub(earlier.consumed.messages)?;
        if messages < Self::LEAST_MESSAGES || self.at.since(earlier.at) < Self::LEAST_TIME {
            return None;
        }
        let each = |later: u64, earlier: u64| later.saturating_sub(earlier) as f64 / messages as f64;
        let message = each(self.consumed.bytes, earlier.consumed.bytes);
        let wire = each(self.wire_bytes, earlier.wire_bytes);
        let framed = self
            .framed
            .zip(earlier.framed)
            .map(|(later, earlier)| (each(later.0, earlier.0), each(later.1, earlier.1)));
        Some(Cost {
            messages,
            message,
            session: framed.map(|(payload, _)| (payload - message).max(0.0)),
            framing: framed.map(|(_, framing)| framing),
            packets: framed.map(|(payload, framing)| (wire - payload - framing).max(0.0)),
            wire,
            packet_count: each(self.packets, earlier.packets),
        })
    }
}

/// Table column: title, definition, test id and value.
pub type Column = (&'static str, &'static str, &'static str, fn(&Cost) -> Option<f64>);

/// Columns of the cost table.
pub const COLUMNS: [Column; 6] = [
    ("message", "The message itself, as credit counts it", "cost-message", |cost| Some(cost.message)),
    ("+ session", "Headers of batches, control items, what opens a stream", "cost-session", |cost| {
        cost.session
    }),
    (
        "+ framing",
        "WebSocket: frame headers. WebTransport: headers of QUIC frames and packets, seals of 16 B, acknowledgments",
        "cost-framing",
        |cost| cost.framing,
    ),
    ("+ packets", "TCP and IP, with TLS and repeats if there are any; UDP and IP", "cost-packets", |cost| {
        cost.packets
    }),
    ("= wire", "Bytes that crossed the emulated link for each message", "cost-wire", |cost| Some(cost.wire)),
    ("packets", "Packets for each message", "cost-count", |cost| Some(cost.packet_count)),
];

/// One lane in the cost table.
#[derive(Clone, Debug, PartialEq)]
pub struct CostRow {
    /// The lane's name.
    pub name: String,
    /// CSS token of its colour.
    pub token: String,
    /// Cost of its messages; `None` while there is too little data.
    pub cost: Option<Cost>,
}

impl CostRow {
    /// Returns the test id and text of each cell; the text is `None` where nothing was measured.
    pub fn cells(&self) -> [(&'static str, Option<String>); COLUMNS.len()] {
        COLUMNS.map(|(_, _, testid, read)| {
            (testid, self.cost.as_ref().and_then(read).map(|value| fixed(value, 1)))
        })
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{Congestion, LinkReport, QuicBytes};
    use sluice_shared::mode::Transport;

    use super::*;

    fn flow(packets: u64, bytes: u64, quic: Option<QuicBytes>) -> FlowReport {
        let down = LinkReport { delivered_packets: packets, delivered_bytes: bytes, ..LinkReport::default() };
        FlowReport {
            flow: 3,
            lane: Some(0),
            transport: Transport::WebTransport,
            congestion: Congestion::Cubic,
            up: LinkReport::default(),
            down,
            tcp: None,
            lateness: None,
            quic,
        }
    }

    #[test]
    fn the_parts_of_a_message_add_up_to_what_crossed_the_wire() {
        let quic = QuicBytes {
            packets: 50,
            data_frames: 100,
            payload_bytes: 9_000,
            frame_header_bytes: 500,
            other_frame_bytes: 200,
            packet_bytes: 1_300,
        };
        let start = Reading::new(&flow(0, 0, Some(QuicBytes::default())), Amount::ZERO, None, Time::ZERO);
        let end = Reading::new(
            &flow(50, 12_400, Some(quic)),
            Amount::new(100, 8_000),
            None,
            Time::from_millis(3_000),
        );
        assert!(end.continues(&start) && !start.continues(&end));
        let cost = end.cost_since(&start).expect("enough messages");
        assert_eq!((cost.message, cost.session, cost.framing), (80.0, Some(10.0), Some(20.0)));
        assert_eq!((cost.packets, cost.wire, cost.packet_count), (Some(14.0), 124.0, 0.5));
    }

    #[test]
    fn a_lane_without_a_price_has_a_row_without_numbers() {
        let cost = Cost {
            messages: 50,
            message: 80.0,
            session: None,
            framing: Some(2.04),
            packets: Some(14.0),
            wire: 124.0,
            packet_count: 0.5,
        };
        let row = |cost| CostRow { name: "A".to_owned(), token: "--ws-0".to_owned(), cost };
        let texts = row(Some(cost)).cells().map(|(_, text)| text);
        let texts = texts.each_ref().map(Option::as_deref);
        assert_eq!(texts, [Some("80.0"), None, Some("2.0"), Some("14.0"), Some("124.0"), Some("0.5")]);
        assert!(row(None).cells().iter().all(|(_, text)| text.is_none()));
    }

    #[test]
    fn a_few_messages_tell_nothing() {
        let start = Reading::new(&flow(0, 0, None), Amount::ZERO, None, Time::ZERO);
        let soon = Reading::new(&flow(5, 900, None), Amount::new(5, 300), None, Time::from_millis(9_000));
        assert_eq!(soon.cost_since(&start), None);
        let later =
            Reading::new(&flow(50, 9_000, None), Amount::new(50, 3_000), None, Time::from_millis(2_999));
        assert_eq!(later.cost_since(&start), None, "too soon");
        let later = Reading { at: Time::from_millis(3_000), ..later };
        let cost = later.cost_since(&start).expect("enough messages");
        assert_eq!((cost.session, cost.packets, cost.wire), (None, None, 180.0));
    }
}
