//! The certificate says what is true, of consumers and servers that do right and of those that don't.

use bytes::Bytes;
use sluice_shared::certificate::{Certificate, Verdict};
use sluice_shared::digest::IdDigest;
use sluice_shared::feed::FeedSpec;
use sluice_shared::ids::{Epoch, Key, Seq, SessionId, StreamId};
use sluice_shared::log::StreamLog;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientEvent, ClientSession, Delivered, ProtocolError, ServerSession};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{
    CertifyRequest, ClientItem, Continuity, GapReason, GapReport, Hello, PROTOCOL_VERSION, ProducedReport,
    SeqRange, ServerControl, Span,
};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::logs::Logs;
use crate::scripted::{SESSION, STREAM, client, say, send, welcome};

/// A client, and what a test says to it as the server.
struct Scene(ClientSession);

impl Scene {
    fn connected() -> Self {
        let mut session = client();
        assert!(!session.certify(), "a session that was never welcomed has nothing to prove");
        session.handle_connected(Time::ZERO);
        let mut scene = Self(session);
        scene.welcome(1, Continuity::New, 0);
        scene
    }

    fn reconnected(&mut self) {
        self.0.handle_disconnected();
        self.0.handle_connected(Time::ZERO);
    }

    fn say(&mut self, control: &ServerControl) {
        say(&mut self.0, control);
    }

    fn welcome(&mut self, epoch: u64, continuity: Continuity, next: u64) {
        self.say(&ServerControl::Welcome(welcome(SESSION, Epoch(epoch), continuity, next)));
    }

    fn send(&mut self, seqs: impl IntoIterator<Item = u64>) {
        send(&mut self.0, seqs);
    }

    fn gap(&mut self, first: u64, count: u64) {
        let ranges = vec![SeqRange { first: Seq(first), count }];
        let report = GapReport { stream: STREAM, reason: GapReason::Conflated, ranges };
        self.say(&ServerControl::Gap(report));
    }

    fn take(&mut self) -> Delivered {
        self.0.poll_message().expect("a message")
    }

    fn done(&mut self, message: &Delivered) {
        self.0.handle_consumed(message, Time::ZERO);
    }

    fn consume_all(&mut self) {
        while let Some(message) = self.0.poll_message() {
            self.done(&message);
        }
    }

    /// What the client asks to be certified, if anything.
    fn asked(&mut self) -> Option<CertifyRequest> {
        let mut asked = None;
        while let Some(item) = self.0.poll_transmit() {
            if let ClientItem::Certify(request) = item {
                assert_eq!(asked.replace(request), None, "it asks once");
            }
        }
        asked
    }

    fn answer(&mut self, epoch: u64) {
        let request = self.asked().expect("the client asks");
        let produced = |span: Span| (span, Some(IdDigest::of_run(span.first, span.cut)));
        let spans = request.spans.into_iter().map(produced).collect();
        self.say(&ServerControl::Certificate(ProducedReport {
            nonce: request.nonce,
            epoch: Epoch(epoch),
            spans,
        }));
    }

    fn issued(&mut self) -> Option<Certificate> {
        let mut issued = None;
        while let Some(event) = self.0.poll_event() {
            if let ClientEvent::Certificate(certificate) = event {
                assert_eq!(issued.replace(*certificate), None, "one is issued at a time");
            }
        }
        issued
    }
}

#[test]
fn a_certificate_waits_for_the_consumer_and_outlives_its_connection() {
    let mut scene = Scene::connected();
    scene.send(0..10);
    let in_hand = scene.take();
    assert!(scene.0.certify() && scene.0.certify());
    scene.answer(1);
    scene.send(10..20);
    assert_eq!(scene.0.uncertified(), Some(10));
    // Asked once more on the next connection only if the answer may have been lost.
    scene.reconnected();
    scene.welcome(1, Continuity::Continued, 20);
    assert_eq!(scene.asked(), None);
    for _ in 0..9 {
        let message = scene.take();
        scene.done(&message);
        assert_eq!(scene.issued(), None, "something is in the consumer's hands");
    }
    scene.done(&in_hand);
    let certificate = scene.issued().expect("everything before the cut is consumed");
    assert_eq!((certificate.verdict, certificate.connections), (Verdict::Continuous, 2));
    assert_eq!(certificate.streams[0].span, Span { stream: STREAM, first: Seq(0), cut: Seq(10) });
    assert_eq!(certificate.digest_server(), certificate.digest_client());
    // The next one reaches further, over the same books.
    scene.consume_all();
    scene.gap(20, 5);
    assert!(scene.0.certify());
    scene.reconnected();
    scene.welcome(1, Continuity::Continued, 25);
    scene.answer(1);
    let certificate = scene.issued().expect("nothing is open");
    assert_eq!((certificate.verdict, certificate.connections), (Verdict::WithGaps, 3));
    assert_eq!(certificate.total(|stream| stream.consumed.count()), 20);
    assert_eq!(certificate.gap_reasons().iter().sum::<u64>(), 5);
}

#[test]
fn a_consumer_that_does_one_message_twice_and_leaves_another_out_is_found_out() {
    let mut scene = Scene::connected();
    scene.send(0..3);
    let messages = [scene.take(), scene.take(), scene.take()];
    scene.0.certify();
    scene.answer(1);
    for index in [0, 0, 2] {
        assert_eq!(scene.issued(), None);
        scene.done(&messages[index]);
    }
    let certificate = scene.issued().expect("three were done");
    assert_eq!(certificate.verdict, Verdict::Differs);
    assert_ne!(certificate.digest_server(), certificate.digest_client());
}

#[test]
fn a_consumer_that_does_one_message_twice_is_found_out_by_the_next_certificate() {
    let mut scene = Scene::connected();
    scene.send(0..3);
    let message = scene.take();
    scene.done(&message);
    scene.done(&message);
    scene.consume_all();
    scene.0.certify();
    scene.answer(1);
    let certificate = scene.issued().expect("nothing is open");
    assert_eq!(certificate.verdict, Verdict::Repeated);
    assert_eq!(certificate.total(|stream| stream.duplicates()), 1);
}

#[test]
fn a_hole_that_nothing_explains_breaks_it() {
    let mut scene = Scene::connected();
    scene.send([0, 1, 4, 5]);
    scene.consume_all();
    scene.0.certify();
    scene.answer(1);
    assert_eq!((scene.issued(), scene.0.uncertified()), (None, Some(2)));
    scene.0.handle_timeout(Time::ZERO + ClientSession::UNEXPLAINED);
    let certificate = scene.issued().expect("the hole has had its time");
    assert_eq!(certificate.verdict, Verdict::Lost);
    assert_eq!(certificate.total(|stream| stream.lost.count()), 2);
    assert_ne!(certificate.digest_server(), certificate.digest_client());
}

#[test]
fn beginning_anew_breaks_it_and_names_how_many_were_lost() {
    let mut scene = Scene::connected();
    scene.send(0..8);
    for _ in 0..3 {
        let message = scene.take();
        scene.done(&message);
    }
    scene.0.handle_disconnected();
    scene.0.start_over();
    scene.0.handle_connected(Time::ZERO);
    scene.welcome(1, Continuity::New, 20);
    scene.send(20..25);
    scene.consume_all();
    scene.0.certify();
    scene.answer(1);
    let certificate = scene.issued().expect("nothing is open");
    assert_eq!(certificate.verdict, Verdict::Lost);
    // Five were thrown away with the inbox, twelve passed before the page was back.
    assert_eq!(certificate.total(|stream| stream.lost.count()), 17);
    assert_eq!(certificate.total(|stream| stream.consumed.count()), 8);
}

#[test]
fn a_restart_of_the_server_voids_it_and_the_next_one_is_of_the_new_life() {
    let mut scene = Scene::connected();
    scene.send(0..4);
    let of_the_first_life = scene.take();
    scene.0.certify();
    scene.reconnected();
    scene.welcome(2, Continuity::EpochChanged, 0);
    let certificate = scene.issued().expect("it is void");
    assert_eq!((certificate.verdict, certificate.verdict.name()), (Verdict::EpochChanged, "void"));
    assert_eq!((certificate.epoch, certificate.streams.len()), (Epoch(1), 0));
    // What is left of the first life is consumed, and belongs to no book of the second.
    scene.send(0..2);
    scene.done(&of_the_first_life);
    scene.consume_all();
    scene.0.certify();
    scene.answer(2);
    let certificate = scene.issued().expect("nothing is open");
    assert_eq!((certificate.verdict, certificate.epoch), (Verdict::Continuous, Epoch(2)));
    assert_eq!(certificate.total(|stream| stream.consumed.count()), 2);
}

#[test]
fn answers_that_were_not_asked_for_change_nothing() {
    let mut scene = Scene::connected();
    scene.send(0..2);
    scene.consume_all();
    scene.0.certify();
    let request = scene.asked().expect("the client asks");
    let report = |nonce, epoch, spans| {
        ServerControl::Certificate(ProducedReport { nonce, epoch: Epoch(epoch), spans })
    };
    scene.say(&report(request.nonce + 1, 1, Vec::new()));
    scene.say(&report(request.nonce, 9, Vec::new()));
    assert_eq!(scene.issued(), None);
    scene.say(&report(request.nonce, 1, vec![(request.spans[0], None)]));
    assert_eq!(scene.issued().expect("answered").verdict, Verdict::StreamGone);
}

fn server(logs: &Logs) -> ServerSession {
    let hello = Hello {
        version: PROTOCOL_VERSION,
        mode: Mode::WebSocket,
        feeds: vec![FeedSpec::Host],
        policy: Policy::Lossless,
        limit: Amount::ZERO,
        sample_every_millis: 0,
        resume: None,
    };
    ServerSession::new(&hello, welcome(SessionId([1; 16]), logs.epoch, Continuity::New, 0), Time::ZERO)
}

#[test]
fn a_server_answers_for_its_streams_and_refuses_what_nobody_can_have_seen() {
    let mut logs = Logs::new(4, Amount::new(3, 1 << 20));
    (0..10).for_each(|_| logs.produce(STREAM, Key(0), 10, Time::ZERO));
    let certify = |spans: Vec<Span>| {
        let mut session = server(&logs);
        assert!(matches!(session.poll_control(), Some(ServerControl::Welcome(_))));
        session.handle_certify(&logs, CertifyRequest { nonce: 5, spans })?;
        Ok::<_, ProtocolError>(session.poll_control())
    };
    let span = |stream, first, cut| Span { stream, first: Seq(first), cut: Seq(cut) };
    let gone = span(StreamId(9), 4, 2);
    let spans = vec![span(STREAM, 2, 9), gone, span(STREAM, 10, 10)];
    let told = vec![
        (spans[0], Some(IdDigest::of_run(Seq(2), Seq(9)))),
        (gone, None),
        (spans[2], Some(IdDigest::EMPTY)),
    ];
    let expected = ServerControl::Certificate(ProducedReport { nonce: 5, epoch: logs.epoch, spans: told });
    assert_eq!(certify(spans), Ok(Some(expected)));
    for refused in [span(STREAM, 0, 11), span(STREAM, 6, 5), span(STREAM, u64::MAX, u64::MAX)] {
        let error = ProtocolError::CertifySpan { span: refused, next: Seq(10) };
        assert_eq!(certify(vec![span(STREAM, 0, 1), refused]), Err(error));
    }
    let count = CertifyRequest::MAX_STREAMS + 1;
    assert_eq!(certify(vec![gone; count]), Err(ProtocolError::CertifyStreams { count }));
}

#[test]
fn a_log_that_loses_a_message_is_found_out() {
    let mut log = StreamLog::new(Amount::new(100, 1 << 20));
    (0..5).for_each(|_| {
        log.append(Key(0), Time::ZERO, Bytes::from_static(b"x"));
    });
    let mut scene = Scene::connected();
    scene.send(0..6);
    scene.consume_all();
    scene.0.certify();
    let request = scene.asked().expect("the client asks");
    let span = request.spans[0];
    // The client has seen six, of which the server's log knows five.
    let spans = vec![(span, Some(log.produced().between(span.first, span.cut)))];
    scene.say(&ServerControl::Certificate(ProducedReport { nonce: request.nonce, epoch: Epoch(1), spans }));
    assert_eq!(scene.issued().expect("answered").verdict.name(), "broken");
}
