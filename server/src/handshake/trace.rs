//! A run as a ladder, and as a capture.

use std::net::SocketAddr;

use sluice_capture::{CapturedPacket, Dissector, PacketContent, write_capture};
use sluice_link::DropReason;
use sluice_shared::handshake::{Ladder, LadderMark, Probe, Rung};
use sluice_shared::link::Direction;
use sluice_shared::time::{Time, micros};
use sluice_wire::{Content, Sight, SightFate};

use super::attempt::Attempt;
use super::count::RoundTripCount;
use super::outcome::Trace;

/// How often as many bytes as it has received a server may send to an address that has not proved itself (RFC 9000
/// §8.1).
const AMPLIFICATION: u64 = 3;
/// What a QUIC datagram takes at least while the path is not known to carry more (RFC 9000 §14).
const DATAGRAM: u64 = 1_200;
/// Client ports that each probe has to itself in captures, so that those of several probes can be read as one: with the
/// same ports they would look like one connection.
const PORTS_EACH: u16 = 64;

/// Everything to be seen of a run.
pub(super) fn trace(attempt: &Attempt) -> Trace {
    Trace { ladder: ladder(attempt), pcapng: capture(attempt), qlog: attempt.qlog.clone() }
}

fn ladder(attempt: &Attempt) -> Ladder {
    let count = RoundTripCount::of(&attempt.sights);
    let mut dissector = Dissector::new(attempt.secrets.clone());
    let since = |at: Time| micros(at.since(attempt.began));
    let rungs: Vec<Rung> = attempt
        .sights
        .iter()
        .enumerate()
        .map(|(index, sight)| {
            let seen = match &sight.content {
                Content::Tcp(segment) => dissector.tcp(sight.direction, segment),
                Content::Udp(datagram) => dissector.udp(sight.direction, datagram),
            };
            let (arrived_micros, drop) = match sight.fate {
                Some(SightFate::Arrived(at)) => (Some(since(at)), None),
                Some(SightFate::Dropped(at, reason)) => (None, Some((since(at), words(reason).to_owned()))),
                Some(SightFate::Unclaimed(at)) => (None, Some((since(at), "nobody there".to_owned()))),
                None => (None, None),
            };
            Rung {
                direction: sight.direction,
                sent_micros: since(sight.sent_at),
                arrived_micros,
                drop,
                bytes: sight.bytes,
                kind: seen.kind,
                label: seen.label,
                parts: seen.parts,
                round_trips: count.packet(index),
            }
        })
        .collect();
    let mark = |at: Option<Time>, text: &str| {
        at.map(|at| LadderMark { at_micros: since(at), is_at_client: true, text: text.to_owned() })
    };
    let mut marks: Vec<LadderMark> =
        [mark(attempt.secure_at, "secure"), mark(attempt.first_byte_at, "first byte")]
            .into_iter()
            .flatten()
            .collect();
    marks.extend(amplification_limit(&attempt.sights).map(|(at, sent, received)| LadderMark {
        at_micros: since(at),
        is_at_client: false,
        text: format!("anti-amplification limit: {sent} of 3 × {received} bytes sent"),
    }));
    if let Some((words, at)) = &attempt.stop {
        marks.push(LadderMark {
            at_micros: since(*at),
            is_at_client: true,
            text: format!("given up: {words}"),
        });
    }
    let ends =
        rungs.iter().filter_map(|rung| rung.arrived_micros.or_else(|| rung.drop.as_ref().map(|drop| drop.0)));
    let end_micros = ends.max().unwrap_or(0);
    Ladder { probe: attempt.probe, stack: attempt.probe.stack(), rungs, marks, end_micros }
}

/// When a server had sent all that it may send before it hears from the client again, with bytes of UDP payload sent and
/// received; `None` when it was never held back.
fn amplification_limit(sights: &[Sight]) -> Option<(Time, u64, u64)> {
    let payload = |sight: &Sight| match &sight.content {
        Content::Udp(datagram) => Some(datagram.len() as u64),
        Content::Tcp(_) => None,
    };
    let mut arrivals = sights.iter().filter(|sight| sight.direction == Direction::Up).filter_map(|sight| {
        let Some(SightFate::Arrived(at)) = sight.fate else { return None };
        Some((at, payload(sight)?))
    });
    let (first_at, _) = arrivals.clone().next()?;
    // Whoever comes after a round trip has seen the server's packets: its address is proved.
    let proved_at = sights.iter().find_map(|sight| match sight.fate {
        Some(SightFate::Arrived(at)) if sight.direction == Direction::Down => Some(at),
        _ => None,
    })?;
    let received: u64 =
        arrivals.by_ref().take_while(|(at, _)| *at <= proved_at.max(first_at)).map(|(_, bytes)| bytes).sum();
    let before: Vec<&Sight> = sights
        .iter()
        .filter(|sight| sight.direction == Direction::Down && sight.sent_at <= proved_at)
        .collect();
    let sent: u64 = before.iter().filter_map(|sight| payload(sight)).sum();
    let is_held_back = sent > 0 && sent + DATAGRAM > AMPLIFICATION * received;
    is_held_back.then(|| before.last().map(|sight| (sight.sent_at, sent, received))).flatten()
}

fn capture(attempt: &Attempt) -> Vec<u8> {
    let probes = Probe::ALL.into_iter().take_while(|probe| *probe != attempt.probe);
    let above = probes.fold(0, |above: u16, _| above + PORTS_EACH);
    let as_client = |mut address: SocketAddr| {
        address.set_port(address.port().saturating_add(above));
        address
    };
    let packets = attempt.sights.iter().map(|sight| {
        let (arrived_at, drop) = match sight.fate {
            Some(SightFate::Arrived(at) | SightFate::Unclaimed(at)) => (Some(at), None),
            Some(SightFate::Dropped(at, reason)) => (None, Some((at, reason))),
            None => (None, None),
        };
        let (from, to) = match sight.direction {
            Direction::Up => (as_client(sight.from), sight.to),
            Direction::Down => (sight.from, as_client(sight.to)),
        };
        CapturedPacket {
            direction: sight.direction,
            from,
            to,
            sent_at: sight.sent_at,
            arrived_at,
            drop,
            content: match &sight.content {
                Content::Tcp(segment) => PacketContent::Tcp(segment),
                Content::Udp(datagram) => PacketContent::Udp(datagram),
            },
        }
    });
    write_capture(packets, &attempt.secrets)
}

/// Why a packet never arrived, in a few words.
const fn words(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Queue => "queue full",
        DropReason::Loss(_) => "lost",
        DropReason::Outage => "blackout",
        DropReason::Blocked => "UDP blocked",
        DropReason::Overload => "link full",
    }
}
