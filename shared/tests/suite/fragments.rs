//! Fragments on purpose: asked for on every WebSocket, and nowhere else.

use core::time::Duration;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::flow::WindowMode;
use sluice_shared::ids::{Epoch, SessionId};
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientConfig, ClientSession, Heartbeat, ProtocolError, Request, ServerSession};
use sluice_shared::time::Time;
use sluice_shared::wire::{ClientItem, Continuity, Hello, PROTOCOL_VERSION, TransportFacts, Welcome};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn client() -> ClientSession {
    let config = ClientConfig {
        mode: Mode::WebSocket,
        feeds: vec![FeedSpec::Ticks(TicksSpec { rate: 1, size: 16, streams: 1, keys: 1, seed: 1 })],
        policy: Policy::Lossless,
        window: WindowMode::Auto,
        sample_every: Duration::ZERO,
        heartbeat: Heartbeat::default(),
    };
    ClientSession::new(config, Time::ZERO)
}

/// Connects, and returns what is said of fragments behind the Hello.
fn asked(client: &mut ClientSession) -> Vec<u32> {
    client.handle_connected(Time::ZERO);
    assert!(matches!(client.poll_transmit(), Some(ClientItem::Hello(_))), "first of all");
    let mut asked = Vec::new();
    while let Some(item) = client.poll_transmit() {
        if let ClientItem::SetFragments { bytes } = item {
            asked.push(bytes);
        }
    }
    client.handle_disconnected();
    asked
}

#[test]
fn every_websocket_is_asked_and_no_other_transport() {
    let mut client = client();
    assert!(asked(&mut client).is_empty());
    client.set_fragments(64);
    assert_eq!(asked(&mut client), [64]);
    assert_eq!(asked(&mut client), [64], "after a reconnect");
    client.set_fragments(15);
    client.set_mode(Mode::OneStream);
    assert!(asked(&mut client).is_empty(), "WebTransport has no such frames");
    client.set_mode(Mode::WebSocketStream);
    assert_eq!(asked(&mut client), [64], "15 is out of range");
    client.set_fragments(0);
    assert!(asked(&mut client).is_empty(), "messages are whole from the start");
}

#[test]
fn a_size_out_of_range_breaks_the_protocol() {
    let mut client = client();
    client.handle_connected(Time::ZERO);
    let Some(ClientItem::Hello(hello)) = client.poll_transmit() else { panic!("no Hello") };
    let mut session = ServerSession::new(&hello, welcome(&hello), Time::ZERO);
    for bytes in [0, ClientItem::MIN_FRAGMENT, ClientItem::MAX_FRAGMENT] {
        let request = session.handle_item(ClientItem::SetFragments { bytes }, Time::ZERO);
        assert_eq!(request, Ok(Some(Request::SetFragments(bytes))));
    }
    for bytes in [1, ClientItem::MIN_FRAGMENT - 1, ClientItem::MAX_FRAGMENT + 1, u32::MAX] {
        let refused = session.handle_item(ClientItem::SetFragments { bytes }, Time::ZERO);
        assert_eq!(refused, Err(ProtocolError::Fragments { bytes }));
    }
}

fn welcome(hello: &Hello) -> Welcome {
    Welcome {
        version: PROTOCOL_VERSION,
        session: SessionId([1; 16]),
        epoch: Epoch(1),
        server_now: Time::ZERO,
        continuity: Continuity::New,
        streams: Vec::new(),
        policy: hello.policy,
        facts: TransportFacts::default(),
    }
}
