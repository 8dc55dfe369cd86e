//! The lab's report, read by the browser's own parser: what of it tells of changed networks and of the balancer.

use sluice_shared::lab::{
    BackendReport, BalancerReport, ClientRoute, Congestion, IdChange, IdFrames, LabReport, NewAddress,
    NextConnection, PathChange, PathEnds, PathFrame, PathFrameCounts, PathFrameKind, PathState,
    QuicPathChange, Resumed, SwitchReport, TcpFate, TcpPathChange, TunnelPath, TunnelReport,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::scenario::Routing;

use crate::features::migration::spoof;
use sluice_browser::json::Json;

/// A report without its flows; `None` when it is none.
pub(crate) fn report(json: &Json) -> Option<LabReport> {
    let balancer = json.get("balancer");
    Some(LabReport {
        at: json.time("at")?,
        is_out: json.flag("is_out"),
        is_udp_blocked: json.flag("is_udp_blocked"),
        switches: json.list("switches").filter_map(|told| switch(&told)).collect(),
        tunnels: json.list("tunnels").filter_map(|told| tunnel(&told)).collect(),
        spoofs: json.list("spoofs").filter_map(|told| spoof::report(&told)).collect(),
        balancer: self::balancer(&balancer),
        is_migration_off: json.flag("is_migration_off"),
        ..LabReport::default()
    })
}

fn switch(json: &Json) -> Option<SwitchReport> {
    let named = |name: &str, known: &str| json.text(name).is_some_and(|told| told == known);
    Some(SwitchReport {
        number: json.whole("number")?,
        at: json.time("at")?,
        address: if named("address", NewAddress::Host.name()) { NewAddress::Host } else { NewAddress::Port },
        tcp: if named("tcp", TcpFate::Silent.name()) { TcpFate::Silent } else { TcpFate::Told },
        problem: json.text("problem"),
        paths: json.list("paths").filter_map(|told| path(&told)).collect(),
    })
}

fn path(json: &Json) -> Option<PathChange> {
    Some(PathChange {
        flow: json.whole("flow")?,
        lane: json.whole("lane").and_then(|lane| u16::try_from(lane).ok()),
        transport: transport(json)?,
        old_address: json.text("old_address")?,
        new_address: json.text("new_address"),
        old_up: ends(json, "old_up"),
        old_down: ends(json, "old_down"),
        quic: quic(&json.get("quic")),
        tcp: tcp(&json.get("tcp")),
    })
}

fn ends(json: &Json, name: &str) -> PathEnds {
    let json = json.get(name);
    PathEnds { sent_at: json.time("sent_at"), arrived_at: json.time("arrived_at") }
}

fn quic(json: &Json) -> Option<QuicPathChange> {
    Some(QuicPathChange {
        lost_packets: json.whole("lost_packets")?,
        new_up: ends(json, "new_up"),
        new_down: ends(json, "new_down"),
        gap_micros: json.whole("gap_micros"),
        lost_until: json.time("lost_until"),
        frames: json.list("frames").filter_map(|told| frame(&told)).collect(),
        more_frames: json.count("more_frames"),
        counted: counted(json),
        client_sends_to: ids(json, "client_sends_to"),
        server_sends_to: ids(json, "server_sends_to"),
        ids_by_client: id_frames(json, "ids_by_client"),
        ids_by_server: id_frames(json, "ids_by_server"),
        before: state(json, "before"),
        after: state(json, "after"),
    })
}

pub(crate) fn frame(json: &Json) -> Option<PathFrame> {
    Some(PathFrame {
        kind: if json.text("kind")? == "challenge" {
            PathFrameKind::Challenge
        } else {
            PathFrameKind::Response
        },
        direction: if json.text("direction")? == "up" { Direction::Up } else { Direction::Down },
        is_to_old_address: json.flag("is_to_old_address"),
        sent_at: json.time("sent_at")?,
        arrived_at: json.time("arrived_at"),
        data: json.text("data")?,
    })
}

fn counted(json: &Json) -> Option<PathFrameCounts> {
    let json = json.get("counted");
    Some(PathFrameCounts {
        challenges_sent: json.whole("challenges_sent")?,
        challenges_received: json.count("challenges_received"),
        responses_sent: json.count("responses_sent"),
        responses_received: json.count("responses_received"),
    })
}

fn ids(json: &Json, name: &str) -> IdChange {
    let json = json.get(name);
    IdChange { before: json.text("before"), after: json.text("after") }
}

fn id_frames(json: &Json, name: &str) -> IdFrames {
    let json = json.get(name);
    IdFrames { announced: json.count("announced"), retired: json.count("retired") }
}

pub(crate) fn state(json: &Json, name: &str) -> Option<PathState> {
    let json = json.get(name);
    Some(PathState { cwnd_bytes: json.whole("cwnd_bytes")?, rtt_micros: json.count("rtt_micros") })
}

fn tcp(json: &Json) -> Option<TcpPathChange> {
    let next = json.get("next");
    Some(TcpPathChange {
        cut_at: json.time("cut_at")?,
        next: next.whole("flow").map(|flow| NextConnection {
            flow,
            syn_at: next.time("syn_at"),
            established_at: next.time("established_at"),
            first_byte_at: next.time("first_byte_at"),
        }),
    })
}

fn tunnel(json: &Json) -> Option<TunnelReport> {
    Some(TunnelReport {
        number: json.whole("number")?,
        from: json.time("from")?,
        until: json.time("until")?,
        switched: json.flag("switched"),
        paths: json.list("paths").filter_map(|told| tunnel_path(&told)).collect(),
    })
}

fn tunnel_path(json: &Json) -> Option<TunnelPath> {
    let resumed = json.get("resumed");
    Some(TunnelPath {
        flow: json.whole("flow")?,
        lane: json.whole("lane").and_then(|lane| u16::try_from(lane).ok()),
        transport: transport(json)?,
        congestion: Congestion::named(&json.text("congestion")?)?,
        last_data_at: json.time("last_data_at"),
        resumed: resumed.time("at").and_then(|at| Some(Resumed { flow: resumed.whole("flow")?, at })),
    })
}

fn transport(json: &Json) -> Option<Transport> {
    let is_websocket = json.text("transport")? == Transport::WebSocket.name();
    Some(if is_websocket { Transport::WebSocket } else { Transport::WebTransport })
}

fn balancer(json: &Json) -> Option<BalancerReport> {
    let routing = json.text("routing")?;
    Some(BalancerReport {
        routing: if routing == Routing::Address.name() { Routing::Address } else { Routing::ConnectionId },
        backends: json.list("backends").filter_map(|told| backend(&told)).collect(),
        clients: json.list("clients").filter_map(|told| client(&told)).collect(),
    })
}

fn backend(json: &Json) -> Option<BackendReport> {
    Some(BackendReport {
        name: json.text("name")?,
        is_up: json.flag("is_up"),
        process: json.whole("process").and_then(|process| u32::try_from(process).ok()),
        packets: json.count("packets"),
        misrouted_packets: json.count("misrouted_packets"),
        orphaned_packets: json.count("orphaned_packets"),
        stateless_resets: json.count("stateless_resets"),
    })
}

fn client(json: &Json) -> Option<ClientRoute> {
    Some(ClientRoute {
        address: json.text("address")?,
        backend: u8::try_from(json.whole("backend")?).ok()?,
        packets: json.count("packets"),
        flow: json.whole("flow"),
        lane: json.whole("lane").and_then(|lane| u16::try_from(lane).ok()),
    })
}
