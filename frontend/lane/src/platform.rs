//! What the driver needs of its surroundings: a clock, one timer, macrotasks and transports.
//!
//! Browsers provide it in `browser.rs`; tests provide a simulated server and network in virtual time.

use sluice_shared::mode::Mode;
use sluice_shared::time::Time;
use sluice_shared::wire::{CloseCode, EchoBlock};

use super::connection::ConnectionId;
use super::transport::TransportUnavailable;
use sluice_bridge::{Endpoints, FloodLevel};

/// Source of the time.
pub(crate) trait Clock {
    /// Returns the time now; it never goes back.
    fn now(&self) -> Time;
}

/// ConsumerContext of one lane. Whatever happens on a connection is reported to
/// [`Lane::handle_transport_event`](super::driver::Lane::handle_transport_event), never inside one of these calls.
pub(crate) trait Platform: Clock {
    /// A connection, open or being opened.
    type Transport: TransportHandle;

    /// Asks the server for a sign of life over HTTP, on behalf of attempt `id`.
    fn probe(&mut self, id: ConnectionId);

    /// Begins to open connection `id`.
    ///
    /// # Errors
    /// The browser lacks what `mode` needs, or refuses the address.
    fn open(
        &mut self,
        id: ConnectionId,
        mode: Mode,
        endpoints: &Endpoints,
    ) -> Result<Self::Transport, TransportUnavailable>;

    /// Requests one call of [`Lane::handle_timer`](super::driver::Lane::handle_timer) at `at` or shortly later; calls
    /// without need are allowed.
    fn arm_timer(&mut self, at: Option<Time>, now: Time);

    /// Requests one call of [`Lane::handle_macrotask`](super::driver::Lane::handle_macrotask) after what the event
    /// loop already holds.
    fn request_macrotask(&mut self);

    /// Lets read loops go on, or stops them before their next read.
    fn set_reads_paused(&self, are_paused: bool);
}

/// One connection of a lane. Dropping it closes it.
pub(crate) trait TransportHandle {
    /// True if little enough waits to be sent that more may be added.
    fn is_writable(&self) -> bool;
    /// Sends whole items.
    fn send(&self, items: &[u8]);
    /// Closes, and tells the other side why.
    fn close(self, code: CloseCode, reason: &str);
    /// True if blocks of a flood can be handed over. When they cannot, a stream for them is being opened.
    fn can_flood(&self) -> bool;
    /// True if a paced flood may go on.
    fn has_flood_room(&self) -> bool;
    /// Hands over a block of a flood, whatever waits already.
    fn flood(&self, block: EchoBlock);
    /// Ends a flood after its last block.
    fn end_flood(&self);
    /// Returns how much of the flood waits in the browser.
    fn flood_level(&self) -> FloodLevel;
}
