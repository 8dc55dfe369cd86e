//! Where the server gets connections that came through the network.

use tokio::sync::mpsc;

use super::stream::RampStream;

/// The far ends of emulated connections, in the order in which they were established.
///
/// Dropping it stops the listener it belongs to; connections that were accepted go on.
#[derive(Debug)]
pub struct TcpRamp {
    streams: mpsc::Receiver<RampStream>,
}

impl TcpRamp {
    pub(super) const fn new(streams: mpsc::Receiver<RampStream>) -> Self {
        Self { streams }
    }

    /// The next connection; `None` once the network has closed.
    ///
    /// It is safe to cancel.
    pub async fn accept(&mut self) -> Option<RampStream> {
        self.streams.recv().await
    }
}
