//! The least that a broadcaster over tokio-tungstenite can be: what the server's fan-out is compared with.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use sluice_tests::deadline::must;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;

/// Bytes in a message.
pub(crate) const SIZE: usize = 64;
/// Messages kept for a connection that is behind; beyond that it misses some.
const KEPT: usize = 65_536;

/// Accepts connections and sends each of them `rate` messages a second, as many as it takes. Never returns.
pub(crate) async fn broadcast(rate: u32) {
    let listener = must("listening", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await);
    println!("listening at {}", must("listening", listener.local_addr()));
    let (sender, _) = broadcast::channel(KEPT);
    tokio::spawn(publish(rate, sender.clone()));
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, sender.clone()));
        }
    }
}

/// As the server's feed does: once a millisecond, whatever is due.
async fn publish(rate: u32, sender: broadcast::Sender<Bytes>) {
    let started = Instant::now();
    let mut published = 0;
    let mut every = interval(Duration::from_millis(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        every.tick().await;
        let due = (started.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        while published < due {
            let mut payload = [0; SIZE];
            payload[..8].copy_from_slice(&published.to_le_bytes());
            // Before anybody listens, nobody misses it.
            let _listeners = sender.send(Bytes::copy_from_slice(&payload));
            published += 1;
        }
    }
}

/// Waits for a first word, then sends what there is and flushes once, again and again.
async fn serve(stream: TcpStream, sender: broadcast::Sender<Bytes>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let (mut sink, mut stream) = socket.split();
    if !matches!(stream.next().await, Some(Ok(_))) {
        return;
    }
    let mut messages = sender.subscribe();
    tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} });
    loop {
        match messages.recv().await {
            Ok(message) => {
                if sink.feed(Message::Binary(message)).await.is_err() {
                    return;
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        }
        while let Ok(message) = messages.try_recv() {
            if sink.feed(Message::Binary(message)).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}
