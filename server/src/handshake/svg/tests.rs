//! Pictures by counts, and that they are well-formed whatever a packet says.

use sluice_shared::handshake::{Ladder, LadderMark, Layer, Probe, Rung, RungKind, RungPart, Stack};
use sluice_shared::link::Direction;

use super::axis::lay_out;
use super::{ladder, ladder_export};

const RTT: u64 = 100_000;

fn rung(direction: Direction, sent_micros: u64, label: &str, kind: RungKind) -> Rung {
    let parts = vec![RungPart {
        layer: Layer::Tcp,
        name: label.to_owned(),
        detail: "seq 1 <of \"two\" & more>".to_owned(),
    }];
    Rung {
        direction,
        sent_micros,
        arrived_micros: Some(sent_micros + RTT / 2),
        drop: None,
        bytes: 1_240,
        kind,
        label: label.to_owned(),
        parts,
        round_trips: u32::try_from(sent_micros / RTT).expect("a few"),
    }
}

fn lost(mut rung: Rung) -> Rung {
    rung.drop = Some((rung.sent_micros, "random loss".to_owned()));
    rung.arrived_micros = None;
    rung
}

fn mark(at_micros: u64, text: &str, is_at_client: bool) -> LadderMark {
    LadderMark { at_micros, is_at_client, text: text.to_owned() }
}

/// A TCP handshake that loses a packet of the certificate, and gets it a second later.
fn tcp() -> Ladder {
    use Direction::{Down, Up};
    use RungKind::{Data, Handshake, Transport};
    Ladder {
        probe: Probe::Http2Cold,
        stack: Stack::Tcp,
        rungs: vec![
            rung(Up, 0, "SYN", Transport),
            rung(Down, 50_000, "SYN, ACK", Transport),
            rung(Up, 100_000, "ACK", Transport),
            rung(Up, 100_000, "ClientHello", Handshake),
            rung(Down, 150_000, "ServerHello", Handshake),
            lost(rung(Down, 150_000, "Certificate … Finished", Handshake)),
            rung(Up, 200_000, "ACK", Transport),
            rung(Down, 1_150_000, "Certificate … Finished again", Handshake),
            rung(Up, 1_200_000, "Finished + GET /hello", Data),
            rung(Down, 1_250_000, "200", Data),
        ],
        marks: vec![mark(1_200_000, "secure", true), mark(1_300_000, "first byte", true)],
        end_micros: 1_300_000,
    }
}

fn quic() -> Ladder {
    use Direction::{Down, Up};
    use RungKind::{Data, Handshake};
    Ladder {
        probe: Probe::Http3LargeCertificate,
        stack: Stack::Quic,
        rungs: vec![
            rung(Up, 0, "Initial: ClientHello", Handshake),
            rung(Down, 50_000, "Initial + Handshake", Handshake),
            rung(Down, 50_000, "Handshake: Certificate", Handshake),
            rung(Down, 50_000, "Handshake: Certificate", Handshake),
            rung(Up, 100_000, "ACK", RungKind::Transport),
            rung(Up, 100_000, "Finished + GET /hello", Data),
            rung(Down, 150_000, "200", Data),
        ],
        marks: vec![
            mark(50_000, "amplification limit reached: the server waits", false),
            mark(100_000, "secure", true),
            mark(200_000, "first byte", true),
        ],
        end_micros: 200_000,
    }
}

/// How often `part` is there.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// Every element is closed by its own end, attributes are quoted, and no `&` stands alone.
fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a bare >: {}", &rest[..start]);
        let tag = &rest[start + 1..];
        let end = tag.find('>').expect("a tag ends");
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        assert_eq!(count(tag, "\"") % 2, 0, "quotes: {tag}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "before {after:.40}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = after;
    }
    assert!(open.is_empty(), "{open:?}");
    for (at, _) in svg.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        assert!(known.iter().any(|entity| svg[at..].starts_with(entity)), "{:.20}", &svg[at..]);
    }
}

#[test]
fn every_packet_mark_and_loss_is_drawn_once() {
    let svg = ladder(&tcp(), Some(&quic()), RTT);
    assert_well_formed(&svg);
    let rungs = tcp().rungs.len() + quic().rungs.len();
    assert_eq!(count(&svg, "<g class=\"rung "), rungs);
    assert_eq!(count(&svg, "role=\"listitem\""), rungs);
    assert_eq!(count(&svg, "data-side=\"right\""), quic().rungs.len());
    assert_eq!(count(&svg, "<g class=\"mark "), 5);
    assert_eq!((count(&svg, "class=\"cross\""), count(&svg, "class=\"head\"")), (1, rungs - 1));
    assert_eq!(count(&svg, ">random loss</text>"), 1);
    assert_eq!(count(&svg, "class=\"cut\""), 1, "nothing happens for most of a second");
    assert_eq!(count(&svg, ">1 RTT</text>"), 2, "on each side");
    assert!(svg.contains(">amplification limit reached</text>") && svg.contains(">the server waits</text>"));
    assert_eq!(count(&svg, " quiet\""), 3, "acknowledgments alone are ticks");
    let single = ladder(&quic(), None, RTT);
    assert_well_formed(&single);
    assert_eq!(count(&single, "<g class=\"rung "), quic().rungs.len());
}

#[test]
fn colours_are_the_page_s_unless_the_picture_stands_alone() {
    let page = ladder(&tcp(), Some(&quic()), RTT);
    let file = ladder_export(&tcp(), Some(&quic()), RTT);
    assert_eq!(
        (count(&page, "<style"), count(&page, "style="), count(&page, "#")),
        (0, 0, count(&page, "&#39;"))
    );
    assert_eq!((count(&file, "<style>"), count(&file, "style=")), (1, 0));
    assert!(file.contains("prefers-color-scheme: dark"));
    assert_well_formed(&file);
}

#[test]
fn words_of_a_packet_stay_words() {
    let mut hostile = tcp();
    let text = "</title><script>alert('1')</script>\" onload=\"x\u{0}&lt;";
    hostile.rungs[3].label = text.to_owned();
    hostile.rungs[3].parts[0].detail = text.to_owned();
    hostile.rungs[5].drop = Some((150_000, text.to_owned()));
    hostile.marks[0].text = text.to_owned();
    let svg = ladder(&hostile, None, RTT);
    assert_well_formed(&svg);
    assert!(!svg.contains("<script") && !svg.contains("\" onload=\""), "{svg}");
    assert!(!svg.contains('\u{0}'));
}

#[test]
fn what_is_lower_is_later_on_either_side() {
    let (left, right) = (tcp(), quic());
    let (axis, heights) = lay_out(&[&left, &right], RTT, 64.0);
    let mut places: Vec<(u64, f64)> = Vec::new();
    for (ladder, heights) in [&left, &right].into_iter().zip(&heights) {
        for (index, rung) in ladder.rungs.iter().enumerate() {
            places.push((rung.sent_micros, heights.sent[index]));
            places.extend(rung.arrived_micros.map(|at| (at, heights.end[index])));
            assert!(heights.end[index] > heights.sent[index], "arrows fall");
        }
        places
            .extend(ladder.marks.iter().zip(&heights.marks).map(|(mark, height)| (mark.at_micros, *height)));
    }
    for (at, height) in &places {
        for (later, lower) in places.iter().filter(|(later, _)| later > at) {
            assert!(lower > height, "{later} at {lower} is not below {at} at {height}");
        }
        assert!(axis.height(*at) <= *height);
    }
    // Three datagrams that leave at once have each their own line.
    assert!(heights[1].sent[2] - heights[1].sent[1] >= 14.0);
}

#[test]
fn a_network_without_delay_is_drawn_in_the_order_of_cause() {
    let mut instant = quic();
    for rung in &mut instant.rungs {
        rung.sent_micros = 0;
        rung.arrived_micros = Some(0);
    }
    instant.end_micros = 0;
    instant.marks.iter_mut().for_each(|mark| mark.at_micros = 0);
    let (_, heights) = lay_out(&[&instant], 0, 64.0);
    assert!(heights[0].sent.is_sorted(), "{heights:?}");
    assert!(heights[0].sent[1] >= heights[0].end[0], "the answer leaves when the question is there");
    assert_well_formed(&ladder(&instant, None, 0));
}

#[test]
fn extreme_times_are_drawn_within_bounds() {
    let mut extreme = tcp();
    extreme.rungs[9].sent_micros = u64::MAX - 1;
    extreme.rungs[9].arrived_micros = Some(u64::MAX);
    extreme.marks[1].at_micros = u64::MAX;
    extreme.end_micros = u64::MAX;
    for rtt in [0, 1, RTT, u64::MAX] {
        let svg = ladder(&extreme, None, rtt);
        assert_well_formed(&svg);
        assert!(svg.len() < 200_000, "{} bytes", svg.len());
    }
    let nothing = Ladder { rungs: Vec::new(), marks: Vec::new(), end_micros: 0, ..tcp() };
    assert_well_formed(&ladder(&nothing, Some(&nothing), RTT));
}

/// `count` packets back and forth.
fn long(count: u64) -> Ladder {
    let rungs = (0..count)
        .map(|index| {
            let direction = if index % 3 == 0 { Direction::Up } else { Direction::Down };
            rung(direction, index / 10 * RTT / 2, "STREAM 4, 1,200 bytes", RungKind::Data)
        })
        .collect();
    Ladder { rungs, marks: Vec::new(), end_micros: count / 10 * RTT, ..quic() }
}

#[test]
fn size_grows_with_the_packets_alone() {
    let (small, large) = (ladder(&long(200), None, RTT).len(), ladder(&long(1_600), None, RTT).len());
    assert!(large < 9 * small, "8 times the packets: {small} and {large} bytes");
    let bounded = ladder(&long(20_000), None, RTT);
    assert_eq!(count(&bounded, "<g class=\"rung "), 2_000);
    assert!(bounded.contains("18000 more packets are not drawn"));
}

#[test]
fn each_of_two_hundred_packets_on_either_side_is_an_arrow_of_few_bytes() {
    let packets = long(200);
    let svg = ladder(&packets, Some(&packets), RTT);
    assert_well_formed(&svg);
    for side in ["left", "right"] {
        assert_eq!(count(&svg, &format!("data-side=\"{side}\"")), 200, "{side}");
    }
    assert_eq!((count(&svg, "class=\"wire\""), count(&svg, "class=\"head\"")), (400, 400));
    assert!(!svg.contains("more packets are not drawn"));
    let nothing = long(0);
    let beside = ladder(&nothing, Some(&nothing), RTT).len();
    let each = (svg.len() - beside) / 400;
    assert!(each < 1_000, "{each} bytes for each packet");
}
