//! A stage as quinn's runtime.

use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime};

use super::handle::StageHandle;
use super::sleep::Sleep;

/// A [`Sleep`] that is set by instants.
#[derive(Debug)]
struct InstantTimer {
    stage: StageHandle,
    sleep: Sleep,
}

impl AsyncTimer for InstantTimer {
    fn reset(self: Pin<&mut Self>, due: Instant) {
        let this = self.get_mut();
        let due = this.stage.time_of(due);
        this.sleep.reset(due);
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().sleep.poll_due(cx)
    }
}

impl Runtime for StageHandle {
    fn new_timer(&self, due: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(InstantTimer { stage: self.clone(), sleep: self.sleep_until(self.time_of(due)) })
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.spawn_boxed(future);
    }

    fn wrap_udp_socket(&self, _socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "no system sockets here: use those of the emulated network",
        ))
    }

    fn now(&self) -> Instant {
        self.instant()
    }
}
