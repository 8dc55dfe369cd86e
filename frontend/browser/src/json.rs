//! What the server says as JSON, read by the browser's own parser: a second one would be a large part of the page.

use js_sys::{Array, Object, Reflect};
use sluice_shared::api::Info;
use sluice_shared::lab::{
    Answer, CloseRecord, Congestion, CongestionPorts, FlowReport, FrameEvent, FrameRecord, FrameTotals,
    HopReport, JoinedMessage, Knobs, Lab, LabPorts, LabReport, LateWrite, Lateness, LinkChange, LinkReport,
    Opcode, QuicBytes, TcpPhase, TcpReport, TcpStack, TcpWait, UpgradeRecord,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;
use wasm_bindgen::{JsCast, JsValue};

/// A JSON value. What is absent reads like null.
#[derive(Clone, Debug)]
pub struct Json(JsValue);

/// A plain object with these properties.
pub fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        let set = Reflect::set(&object, &name.into(), &value);
        debug_assert!(set.is_ok(), "a plain object takes properties");
    }
    object
}

impl Json {
    /// The value itself as text.
    pub fn as_text(&self) -> Option<String> {
        self.0.as_string()
    }

    /// Reads a text; what is no JSON reads like null.
    pub fn parsed(text: &str) -> Self {
        Self(js_sys::JSON::parse(text).unwrap_or(JsValue::NULL))
    }

    /// A property as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).0.as_string()
    }

    /// `GET /api/info`.
    pub fn info(&self) -> Option<Info> {
        Some(Info {
            version: self.text("version")?,
            protocol: self.whole("protocol")? as u16,
            quic_port: self.whole("quic_port").map(|port| port as u16),
            certificate_hashes: self
                .list("certificate_hashes")
                .filter_map(|hash| hash.0.as_string())
                .collect(),
            certificate_refresh_secs: self.whole("certificate_refresh_secs"),
            feeds: self.list("feeds").filter_map(|feed| feed.0.as_string()).collect(),
            epoch: self.whole("epoch")?,
        })
    }

    /// A lab. Its seed is exact up to 2⁵³, as all numbers of JavaScript are; the page knows its own.
    pub fn lab(&self) -> Option<Lab> {
        let ports = self.get("ports");
        let knobs = self.get("knobs");
        let both = |ports: Self| {
            Some(CongestionPorts {
                cubic: ports.whole("cubic")? as u16,
                cubic_wide: ports.whole("cubic_wide")? as u16,
                bbr: ports.whole("bbr")? as u16,
            })
        };
        Some(Lab {
            id: self.text("id")?,
            seed: self.whole("seed")?,
            preset: self.text("preset"),
            // The page keeps what it has changed itself.
            change: LinkChange::default(),
            knobs: Knobs {
                delay_ms: knobs.number("delay_ms")?,
                jitter_ms: knobs.number("jitter_ms")?,
                rate_kbit: knobs.number("rate_kbit")?,
                queue_ms: knobs.number("queue_ms")?,
                loss_percent: knobs.number("loss_percent")?,
                burst_ms: knobs.number("burst_ms")?,
            },
            is_udp_blocked: self.flag("is_udp_blocked"),
            tcp: match self.text("tcp") {
                Some(name) if name == TcpStack::Kernel.name() => TcpStack::Kernel,
                Some(_) | None => TcpStack::Model,
            },
            ports: LabPorts {
                websocket: both(ports.get("websocket"))?,
                webtransport: both(ports.get("webtransport")),
            },
        })
    }

    /// A lab's report.
    pub fn lab_report(&self) -> Option<LabReport> {
        Some(LabReport {
            at: self.time("at")?,
            is_out: self.flag("is_out"),
            is_udp_blocked: self.flag("is_udp_blocked"),
            relay_load: self.number("relay_load")? as f32,
            flows: self.list("flows").filter_map(|flow| flow.flow()).collect(),
            ..LabReport::default()
        })
    }

    /// An event of the frame inspector.
    pub fn frame_event(&self) -> Option<FrameEvent> {
        Some(FrameEvent {
            connection: self.whole("connection")?,
            upgrade: self.get("upgrade").upgrade(),
            frames: self.list("frames").filter_map(|frame| frame.frame()).collect(),
            skipped: self.count("skipped"),
            up: self.get("up").frame_totals(),
            down: self.get("down").frame_totals(),
            lost: self.text("lost"),
            has_ended: self.flag("has_ended"),
        })
    }

    fn upgrade(&self) -> Option<UpgradeRecord> {
        Some(UpgradeRecord {
            at: self.time("at")?,
            request: self.text("request")?,
            response: self.text("response")?,
            key: self.text("key")?,
            accept: self.text("accept")?,
            expected: self.text("expected")?,
            matches: self.flag("matches"),
        })
    }

    fn frame(&self) -> Option<FrameRecord> {
        let (joined, close, answers) = (self.get("joined"), self.get("close"), self.get("answers"));
        Some(FrameRecord {
            number: self.whole("number")?,
            at: self.time("at")?,
            direction: if self.text("direction")? == "up" { Direction::Up } else { Direction::Down },
            fin: self.flag("fin"),
            rsv: self.count("rsv") as u8,
            opcode: self.count("opcode") as u8,
            header: self.text("header")?,
            mask: self.text("mask"),
            length: self.count("length"),
            wire: self.text("wire")?,
            plain: self.text("plain"),
            message: self.whole("message"),
            fragment: self.whole("fragment").map(|place| place as u32),
            joined: joined.text("plain").map(|plain| JoinedMessage {
                fragments: joined.count("fragments") as u32,
                bytes: joined.count("bytes"),
                plain,
            }),
            is_between: self.flag("is_between"),
            close: close.text("meaning").map(|meaning| CloseRecord {
                code: close.whole("code").map(|code| code as u16),
                meaning,
                reason: close.text("reason").unwrap_or_default(),
            }),
            answers: answers
                .whole("number")
                .map(|number| Answer { number, rtt_micros: answers.count("rtt_micros") }),
            faults: self.list("faults").filter_map(|fault| fault.0.as_string()).collect(),
        })
    }

    fn frame_totals(&self) -> FrameTotals {
        let mut frames = [0; Opcode::ALL.len()];
        for (place, count) in frames.iter_mut().zip(self.list("frames")) {
            *place = count.0.as_f64().map_or(0, |count| count as u64);
        }
        FrameTotals {
            frames,
            messages: self.count("messages"),
            payload_bytes: self.count("payload_bytes"),
            header_bytes: self.count("header_bytes"),
            faulty_frames: self.count("faulty_frames"),
        }
    }

    fn flow(&self) -> Option<FlowReport> {
        let transport = self.text("transport")?;
        let congestion = self.text("congestion")?;
        Some(FlowReport {
            flow: self.whole("flow")?,
            lane: self.whole("lane").map(|lane| lane as u16),
            transport: if transport == "websocket" { Transport::WebSocket } else { Transport::WebTransport },
            congestion: Congestion::named(&congestion).unwrap_or_default(),
            up: self.get("up").link(),
            down: self.get("down").link(),
            tcp: self.get("tcp").tcp(),
            lateness: self.get("lateness").lateness(),
            quic: self.get("quic").quic(),
        })
    }

    fn link(&self) -> LinkReport {
        LinkReport {
            queue: self.get("queue").hop(),
            wire: self.get("wire").hop(),
            offered_packets: self.count("offered_packets"),
            delivered_packets: self.count("delivered_packets"),
            delivered_bytes: self.count("delivered_bytes"),
            passed_packets: self.count("passed_packets"),
            lost_packets: self.count("lost_packets"),
            queue_drops: self.count("queue_drops"),
            outage_drops: self.count("outage_drops"),
        }
    }

    fn hop(&self) -> HopReport {
        HopReport {
            packets: self.count("packets"),
            bytes: self.count("bytes"),
            oldest_micros: self.count("oldest_micros"),
        }
    }

    fn tcp(&self) -> Option<TcpReport> {
        let waits_for = match self.text("waits_for")?.as_str() {
            "congestion-window" => TcpWait::CongestionWindow,
            "peer-window" => TcpWait::PeerWindow,
            "handshake" => TcpWait::Handshake,
            _ => TcpWait::Nothing,
        };
        let phase = match self.text("phase")?.as_str() {
            "disorder" => TcpPhase::Disorder,
            "recovery" => TcpPhase::Recovery,
            "loss" => TcpPhase::Loss,
            _ => TcpPhase::Open,
        };
        Some(TcpReport {
            cwnd_packets: self.count("cwnd_packets"),
            in_flight_packets: self.count("in_flight_packets"),
            rtt_micros: self.count("rtt_micros"),
            rto_micros: self.count("rto_micros"),
            unsent_bytes: self.count("unsent_bytes"),
            unacknowledged_bytes: self.count("unacknowledged_bytes"),
            peer_window_bytes: self.count("peer_window_bytes"),
            blocked_bytes: self.count("blocked_bytes"),
            unread_bytes: self.count("unread_bytes"),
            retransmitted_packets: self.count("retransmitted_packets"),
            waits_for,
            phase,
        })
    }

    fn lateness(&self) -> Option<Lateness> {
        Some(Lateness {
            writes: self.whole("writes")?,
            send_queue_micros: self.count("send_queue_micros"),
            bottleneck_micros: self.count("bottleneck_micros"),
            propagation_micros: self.count("propagation_micros"),
            blocked_micros: self.count("blocked_micros"),
            worst: self.get("worst").late_write(),
        })
    }

    fn quic(&self) -> Option<QuicBytes> {
        Some(QuicBytes {
            packets: self.whole("packets")?,
            data_frames: self.count("data_frames"),
            payload_bytes: self.count("payload_bytes"),
            frame_header_bytes: self.count("frame_header_bytes"),
            other_frame_bytes: self.count("other_frame_bytes"),
            packet_bytes: self.count("packet_bytes"),
        })
    }

    fn late_write(&self) -> Option<LateWrite> {
        Some(LateWrite {
            written_at: self.time("written_at")?,
            send_queue_micros: self.count("send_queue_micros"),
            bottleneck_micros: self.count("bottleneck_micros"),
            propagation_micros: self.count("propagation_micros"),
            blocked_micros: self.count("blocked_micros"),
            lost_packet: self.whole("lost_packet"),
        })
    }

    /// A property.
    pub fn get(&self, name: &str) -> Self {
        // Null and numbers have no properties at all.
        Self(Reflect::get(&self.0, &name.into()).unwrap_or(JsValue::NULL))
    }

    /// A property as a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).0.as_f64()
    }

    /// A property as a whole number, exact up to 2⁵³.
    pub fn whole(&self, name: &str) -> Option<u64> {
        self.number(name).map(|number| number as u64)
    }

    /// A property that counts; 0 when it is absent.
    pub fn count(&self, name: &str) -> u64 {
        self.whole(name).unwrap_or(0)
    }

    /// A property that is a moment.
    pub fn time(&self, name: &str) -> Option<Time> {
        self.whole(name).map(Time::from_micros)
    }

    /// A property that is true or false; false when it is absent.
    pub fn flag(&self, name: &str) -> bool {
        self.known_flag(name).unwrap_or(false)
    }

    /// A property that is true, false or absent.
    pub fn known_flag(&self, name: &str) -> Option<bool> {
        self.get(name).0.as_bool()
    }

    /// The values of a property that is a list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = Self> {
        let list = self.get(name).0.dyn_into::<Array>().unwrap_or_default();
        (0..list.length()).map(move |at| Self(list.get(at)))
    }
}
