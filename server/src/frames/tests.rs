//! What passes is told as it was, in whatever pieces it comes.

use proptest::collection::vec;
use proptest::prelude::*;
use sluice_shared::lab::{FrameRecord, SHOWN_BYTES};
use sluice_shared::link::Direction::{self, Down, Up};
use sluice_shared::time::Time;

use super::inspector::{Inspector, Seen};
use super::outlet::Outlet;

const REQUEST: &str = "GET /ws?lane=0 HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ANSWER: &str =
    "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame with this first byte, masked if the client sends it.
fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if direction == Up { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(mask_bit | u8::try_from(length).expect("below 126")),
        length => {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(length).expect("small").to_be_bytes());
        }
    }
    match direction {
        Up => {
            bytes.extend(KEY);
            bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        Down => bytes.extend(payload),
    }
    bytes
}

/// A connection that is open.
fn open() -> Inspector {
    let mut inspector = Inspector::new();
    inspector.handle_bytes(Up, REQUEST.as_bytes(), Time::ZERO, None);
    inspector.handle_bytes(Down, ANSWER.as_bytes(), Time::ZERO, None);
    assert!(inspector.upgrade().expect("it is over").matches);
    inspector
}

fn watched(inspector: &mut Inspector, direction: Direction, bytes: &[u8], at: Time) -> Vec<FrameRecord> {
    let mut frames = Vec::new();
    let mut see = |seen| {
        if let Seen::Frame(frame) = seen {
            frames.push(frame);
        }
    };
    inspector.handle_bytes(direction, bytes, at, Some(&mut see));
    frames
}

#[test]
fn an_event_has_all_frames_that_its_totals_count() {
    const WRITES: u64 = 500;
    const FRAMES: u64 = 100;
    let (mut inspector, outlet) = (open(), Outlet::default());
    outlet.attach(0, &inspector);
    let write = frame(Down, 0x82, b"x").repeat(100);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..WRITES {
                outlet.look(&mut inspector, Down, &write, Time::ZERO);
            }
        });
        let mut told = 0;
        while told < WRITES * FRAMES {
            let event = outlet.take();
            told += event.frames.len() as u64 + event.skipped;
            assert_eq!(told, event.down.frames.iter().sum::<u64>());
        }
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_masked_frame_is_shown_with_and_without_its_mask() {
    let mut inspector = open();
    let bytes = frame(Up, 0x81, b"Hello");
    let seen = watched(&mut inspector, Up, &bytes, Time::from_millis(5)).pop().expect("a frame");
    assert_eq!((seen.number, seen.fin, seen.opcode, seen.length), (0, true, 1, 5));
    assert_eq!(seen.at, Time::from_millis(5));
    assert_eq!(seen.header, hex(&bytes[..6]));
    assert_eq!(seen.mask, Some(hex(&KEY)));
    // RFC 6455 §5.7.
    assert_eq!(seen.wire, "7f9f4d5158");
    assert_eq!(seen.plain, Some(hex(b"Hello")));
    assert_eq!(seen.faults, Vec::<String>::new());
    let seen =
        watched(&mut inspector, Down, &frame(Down, 0x82, &[7; 300]), Time::ZERO).pop().expect("a frame");
    assert_eq!((seen.mask, seen.plain, seen.header.as_str()), (None, None, "827e012c"));
    assert_eq!((seen.length, seen.wire), (300, hex(&[7; SHOWN_BYTES])));
}

#[test]
fn fragments_are_joined_with_a_ping_between_them() {
    let mut inspector = open();
    let parts =
        [(0x02, &b"in "[..]), (0x89, b"there?"), (0x00, b"three "), (0x80, b"parts"), (0x82, b"whole")];
    let mut bytes = Vec::new();
    for (first, payload) in parts {
        bytes.extend(frame(Down, first, payload));
    }
    let seen = watched(&mut inspector, Down, &bytes, Time::from_millis(10));
    let places: Vec<_> = seen.iter().map(|frame| (frame.message, frame.fragment, frame.is_between)).collect();
    let data = |message, fragment| (Some(message), Some(fragment), false);
    assert_eq!(places, [data(0, 0), (None, None, true), data(0, 1), data(0, 2), data(1, 0)]);
    let joined = seen[3].joined.as_ref().expect("the last fragment");
    assert_eq!((joined.fragments, joined.bytes, &joined.plain), (3, 14, &hex(b"in three parts")));
    assert_eq!(seen[4].joined, None, "it was no fragment");
    let [_, down] = inspector.totals();
    assert_eq!((down.frames, down.messages), ([0, 2, 2, 1, 0, 0, 0], 2));
    assert_eq!((down.payload_bytes, down.header_bytes, down.faulty_frames), (25, 10, 0));

    let pong = watched(&mut inspector, Up, &frame(Up, 0x8a, b"there?"), Time::from_millis(52));
    let answer = pong[0].answers.expect("the ping is known");
    assert_eq!((answer.number, answer.rtt_micros), (1, 42_000));
    let again = watched(&mut inspector, Up, &frame(Up, 0x8a, b"there?"), Time::from_millis(60));
    assert_eq!(again[0].answers, None, "it was answered");
}

#[test]
fn a_close_frame_says_why() {
    let mut inspector = open();
    let payload = [&1001u16.to_be_bytes()[..], b"bye"].concat();
    let seen = watched(&mut inspector, Up, &frame(Up, 0x88, &payload), Time::ZERO);
    let close = seen[0].close.as_ref().expect("a close frame");
    assert_eq!((close.code, close.reason.as_str()), (Some(1001), "bye"));
    assert!(close.meaning.contains("going away"), "{close:?}");
    let after = watched(&mut inspector, Up, &frame(Up, 0x82, b"x"), Time::ZERO);
    assert!(after[0].faults[0].contains("close"), "{after:?}");
}

#[test]
fn what_breaks_a_rule_is_named_with_its_section() {
    let bare =
        |first: u8, payload: &[u8]| [&[first, u8::try_from(payload.len()).expect("short")], payload].concat();
    for (direction, bytes, said) in [
        (Up, frame(Up, 0xc1, b"x"), "§5.2"),
        (Up, frame(Up, 0x83, b"x"), "opcode is reserved (§5.2)"),
        (Up, bare(0x81, b"x"), "a client has to mask what it sends (§5.1)"),
        (Down, [&[0x81, 0x81], &KEY[..], b"x"].concat(), "must not mask"),
        (Up, frame(Up, 0x09, b"x"), "fragmented (§5.5)"),
        (Up, frame(Up, 0x89, &[0; 126]), "125 bytes at most (§5.5)"),
        (Up, frame(Up, 0x80, b"x"), "nothing to continue (§5.4)"),
        (Up, frame(Up, 0x88, &[3]), "§5.5.1"),
        (Up, frame(Up, 0x88, &1005u16.to_be_bytes()), "§7.4"),
        (Up, frame(Up, 0x88, &[3, 0xe8, 0xff]), "no UTF-8 (§5.5.1)"),
        (Down, vec![0x82, 126, 0, 1, 7], "shortest form (§5.2)"),
    ] {
        let mut inspector = open();
        let seen = watched(&mut inspector, direction, &bytes, Time::ZERO);
        let faults = &seen.first().expect("a frame").faults;
        assert!(faults.iter().any(|fault| fault.contains(said)), "{said}: {faults:?}");
        // The frame has an end all the same, and the next one is right.
        if !bytes.starts_with(&[0x88]) {
            let next = watched(&mut inspector, direction, &frame(direction, 0x8a, b""), Time::ZERO);
            assert_eq!(next[0].faults, Vec::<String>::new(), "after {said}");
        }
    }
    let mut inspector = open();
    let mut bytes = frame(Up, 0x01, b"one ");
    bytes.extend(frame(Up, 0x81, b"two"));
    let seen = watched(&mut inspector, Up, &bytes, Time::ZERO);
    assert!(seen[1].faults[0].contains("not over (§5.4)"), "{seen:?}");
    assert_eq!((seen[0].message, seen[1].message), (Some(0), Some(1)));
}

#[test]
fn a_length_without_an_end_is_where_it_stops() {
    let mut inspector = open();
    let bytes = [&[0x82, 127][..], &[0xff; 8], &[0; 100]].concat();
    let seen = watched(&mut inspector, Down, &bytes, Time::ZERO);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].faults.iter().any(|fault| fault.contains("64-bit")), "{seen:?}");
    assert!(inspector.lost().is_some());
    assert_eq!(watched(&mut inspector, Down, &frame(Down, 0x82, b"x"), Time::ZERO), []);
}

#[test]
fn whoever_looks_later_finds_the_boundaries() {
    let mut inspector = open();
    let bytes = frame(Down, 0x02, b"a long beginning");
    inspector.handle_bytes(Down, &bytes[..7], Time::ZERO, None);
    let rest = [&bytes[7..], &frame(Down, 0x80, b"end"), &frame(Down, 0x82, b"next")].concat();
    let seen = watched(&mut inspector, Down, &rest, Time::ZERO);
    assert_eq!((seen[0].length, seen[0].wire.as_str()), (16, ""), "nobody looked on as it began");
    assert_eq!(seen[1].wire, hex(b"end"));
    let joined = seen[1].joined.as_ref().expect("the last fragment");
    assert_eq!((joined.bytes, joined.plain.as_str()), (19, ""));
    // Nor is a message shown with a hole in it.
    watched(&mut inspector, Down, &frame(Down, 0x02, b"seen "), Time::ZERO);
    inspector.handle_bytes(Down, &frame(Down, 0x00, b"unseen "), Time::ZERO, None);
    let last = watched(&mut inspector, Down, &frame(Down, 0x80, b"seen"), Time::ZERO);
    let joined = last[0].joined.as_ref().expect("the last fragment");
    assert_eq!((joined.fragments, joined.bytes, joined.plain.as_str()), (3, 16, ""));
    assert_eq!((seen[2].message, seen[2].wire.as_str()), (Some(1), hex(b"next").as_str()));
}

#[test]
fn an_answer_that_is_no_upgrade_is_said_to_be_none() {
    let mut inspector = Inspector::new();
    inspector.handle_bytes(Up, b"GET /healthz HTTP/1.1\r\n\r\n", Time::ZERO, None);
    inspector.handle_bytes(Down, b"HTTP/1.1 200 OK\r\n\r\nok", Time::ZERO, None);
    assert!(inspector.lost().expect("it says so").contains("upgrade"));
    assert!(inspector.upgrade().is_none());
}

/// Everything that is told of bytes which come in pieces of these lengths.
fn told(bytes: &[u8], pieces: &[usize], direction: Direction) -> Vec<Seen> {
    let mut inspector = open();
    let mut seen = Vec::new();
    let (mut rest, mut lengths) = (bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(rest.len().min(*lengths.next().expect("endless")));
        inspector.handle_bytes(direction, piece, Time::ZERO, Some(&mut |what| seen.push(what)));
        rest = others;
    }
    seen
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let one = (any::<u8>(), vec(any::<u8>(), 0..400), any::<bool>())
        .prop_map(|(first, payload, up)| frame(if up { Up } else { Down }, first, &payload));
    vec(one, 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn pieces_change_nothing(bytes in frames(), pieces in vec(1usize..600, 1..8)) {
        prop_assert_eq!(told(&bytes, &pieces, Up), told(&bytes, &[usize::MAX], Up));
    }

    #[test]
    fn garbage_does_no_harm_and_is_not_kept(bytes in vec(any::<u8>(), 0..4_000), pieces in vec(1usize..600, 1..8)) {
        for direction in [Up, Down] {
            for seen in told(&bytes, &pieces, direction) {
                let Seen::Frame(frame) = seen else { continue };
                prop_assert!(frame.wire.len() <= 2 * SHOWN_BYTES);
                prop_assert!(frame.joined.is_none_or(|joined| joined.plain.len() <= 2 * SHOWN_BYTES));
            }
        }
        let mut inspector = Inspector::new();
        inspector.handle_bytes(Up, &bytes, Time::ZERO, None);
        inspector.handle_bytes(Down, &bytes, Time::ZERO, None);
        prop_assert!(inspector.upgrade().is_none());
    }
}
