//! Naive page: in a fault mode there is no credit, and each message is handled where it is received.

use core::time::Duration;

use sluice_shared::exhibit::{BYTES_BESIDE_MESSAGE, MAX_HELD_BYTES};
use sluice_shared::mode::Mode;
use sluice_shared::wire::CloseCode;

use super::driver::Lane;
use super::platform::Platform;

/// Number of messages in the inbox above which read loops pause.
const MOST_UNREAD: u64 = 16;
/// Longest time for which a handler computes before it yields, unless a single message takes longer.
const MOST_IN_HANDLER: Duration = Duration::from_millis(100);

impl<P: Platform> Lane<P> {
    /// Lets a computing consumer keep the handler of the event API, and a slow one pause the read loops. Ends
    /// the lane if neither limits the memory it holds.
    pub(super) fn handle_naively(&mut self) {
        let began = self.platform.now();
        let Some(active) = self.active.as_mut().filter(|active| active.is_exhibit) else {
            return self.platform.set_reads_paused(false);
        };
        let is_event_api = active.session.mode() == Mode::WebSocket;
        while is_event_api
            && active.consumer.wants_to_compute()
            && self.platform.now() < began + MOST_IN_HANDLER
        {
            active.compute(&mut self.stats, &self.platform, self.platform.now());
        }
        let held = active.session.inbox_hop(began).held;
        self.platform.set_reads_paused(held.messages > MOST_UNREAD);
        let held_bytes = held.bytes + held.messages * BYTES_BESIDE_MESSAGE;
        if held_bytes >= MAX_HELD_BYTES {
            let reason = format!(
                "{} messages, {} MiB, wait in the page's own memory: its consumer waits instead of computing, so \
                 nothing holds the event API back. A real page goes on until its tab is killed",
                held.messages,
                held_bytes >> 20,
            );
            self.machine.handle_hopeless(CloseCode::ExhibitOver, &reason, began);
        }
    }
}
