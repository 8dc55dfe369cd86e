//! Platform of the driver: a clock, one timer, macrotasks and transports.
//!
//! Browsers implement it in `browser.rs`; tests use a simulated server and network in virtual time.

use sluice_shared::mode::Mode;
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, EchoBlock};

use super::connection::ConnectionId;
use super::transport::TransportUnavailable;
use sluice_bridge::{Endpoints, FloodLevel};

/// Source of the time.
pub(crate) trait Clock {
    /// Returns the time, which is monotonic.
    fn now(&self) -> Time;
}

/// Platform of one lane. Events on a connection are reported to
/// [`Lane::handle_transport_event`](super::driver::Lane::handle_transport_event), never inside one of these
/// calls.
pub(crate) trait Platform: Clock {
    /// Connection that is open or being opened.
    type Transport: TransportHandle;

    /// Probes the server over HTTP, on behalf of attempt `id`.
    fn probe(&mut self, id: ConnectionId);

    /// Starts to open connection `id`.
    ///
    /// # Errors
    /// Returns an error if the browser lacks what `mode` needs, or refuses the address.
    fn open(
        &mut self,
        id: ConnectionId,
        mode: Mode,
        endpoints: &Endpoints,
    ) -> Result<Self::Transport, TransportUnavailable>;

    /// Requests one call of [`Lane::handle_timer`](super::driver::Lane::handle_timer) at `at` or shortly
    /// later; spurious calls are allowed.
    fn arm_timer(&mut self, at: Option<Time>, now: Time);

    /// Requests one call of [`Lane::handle_macrotask`](super::driver::Lane::handle_macrotask) after the
    /// events that are already queued.
    fn request_macrotask(&mut self);

    /// Pauses read loops before their next read, or resumes them.
    fn set_reads_paused(&self, are_paused: bool);
}

/// Connection of a lane. Dropping it closes it.
pub(crate) trait TransportHandle {
    /// True if the send queue is short enough for more.
    fn is_writable(&self) -> bool;
    /// Sends whole items.
    fn send(&self, items: &[u8]);
    /// Closes the connection, with a code and a reason for the peer.
    fn close(self, code: CloseCode, reason: &str);
    /// True if blocks of a flood can be handed over. If not, a stream for them is being opened.
    fn can_flood(&self) -> bool;
    /// True if a paced flood may continue.
    fn has_flood_room(&self) -> bool;
    /// Hands over a block of a flood, regardless of the queue.
    fn flood(&self, block: EchoBlock);
    /// Ends a flood after its last block.
    fn end_flood(&self);
    /// Returns how much of the flood is queued in the browser.
    fn flood_level(&self) -> FloodLevel;
}
