//! What it costs to begin anew after each loss, as a page does that reloads.

use sluice_shared::ids::Epoch;
use sluice_shared::session::{ClientEvent, ClientSession};
use sluice_shared::time::Time;
use sluice_shared::wire::{ClientItem, Continuity, ServerControl};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::scripted::{self, SESSION, client, say, send};

fn connected() -> ClientSession {
    let mut session = client();
    session.handle_connected(Time::ZERO);
    session
}

fn welcome(session: &mut ClientSession, epoch: u64, continuity: Continuity, next: u64) {
    let welcome = scripted::welcome(SESSION, Epoch(epoch), continuity, next);
    say(session, &ServerControl::Welcome(welcome));
}

fn consumed(session: &mut ClientSession) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(message) = session.poll_message() {
        seqs.push(message.header.seq.0);
        session.handle_consumed(&message, Time::ZERO);
    }
    seqs
}

fn missed(session: &mut ClientSession) -> Vec<u64> {
    let mut told = Vec::new();
    while let Some(event) = session.poll_event() {
        match event {
            ClientEvent::StartedOver { missed } => told.push(missed),
            ClientEvent::Gap { .. } | ClientEvent::Lost { .. } => panic!("it is told twice: {event:?}"),
            ClientEvent::Welcome(_)
            | ClientEvent::Subscribed(_)
            | ClientEvent::Sample(_)
            | ClientEvent::Ping
            | ClientEvent::Heartbeat { .. }
            | ClientEvent::Missed
            | ClientEvent::Silent
            | ClientEvent::Certificate(_)
            | ClientEvent::Echo(_)
            | ClientEvent::Goodbye(_) => {}
        }
    }
    told
}

fn asks_to_resume(session: &mut ClientSession) -> bool {
    match session.poll_transmit() {
        Some(ClientItem::Hello(hello)) => hello.resume.is_some(),
        other => panic!("a connection begins with a Hello, not {other:?}"),
    }
}

#[test]
fn what_was_thrown_away_and_what_was_skipped_is_missed_once() {
    let mut session = connected();
    welcome(&mut session, 1, Continuity::New, 10);
    send(&mut session, 10..14);
    assert_eq!(consumed(&mut session), [10, 11, 12, 13]);
    send(&mut session, [14, 15, 17]);
    session.handle_disconnected();
    session.start_over();
    session.handle_connected(Time::ZERO);
    assert!(!asks_to_resume(&mut session), "a page that reloads knows of no session");
    welcome(&mut session, 1, Continuity::New, 30);
    // 14, 15 and 17 waited in the inbox; 16 and 18 to 29 never came.
    assert_eq!(missed(&mut session), [3 + 13]);
    send(&mut session, [30, 31]);
    assert_eq!(consumed(&mut session), [30, 31]);
    assert_eq!(session.duplicates(), 0);
}

#[test]
fn tries_that_fail_in_between_change_nothing() {
    let mut session = connected();
    welcome(&mut session, 1, Continuity::New, 0);
    send(&mut session, 0..5);
    for _ in 0..3 {
        session.handle_disconnected();
        session.start_over();
        session.handle_connected(Time::ZERO);
    }
    welcome(&mut session, 1, Continuity::New, 9);
    assert_eq!(missed(&mut session), [9]);
}

#[test]
fn a_server_that_has_restarted_numbers_anew_so_only_the_inbox_is_known_to_be_missed() {
    let mut session = connected();
    welcome(&mut session, 1, Continuity::New, 100);
    send(&mut session, 100..102);
    session.handle_disconnected();
    session.start_over();
    session.handle_connected(Time::ZERO);
    welcome(&mut session, 2, Continuity::New, 0);
    assert_eq!(missed(&mut session), [2]);
    send(&mut session, 0..3);
    assert_eq!(consumed(&mut session), [0, 1, 2]);
}

#[test]
fn whoever_resumes_misses_nothing() {
    let mut session = connected();
    welcome(&mut session, 1, Continuity::New, 0);
    send(&mut session, 0..5);
    session.handle_disconnected();
    session.handle_connected(Time::ZERO);
    assert!(asks_to_resume(&mut session));
    welcome(&mut session, 1, Continuity::Continued, 5);
    send(&mut session, 5..9);
    assert_eq!(consumed(&mut session), (0..9).collect::<Vec<_>>());
    assert!(missed(&mut session).is_empty());
}
