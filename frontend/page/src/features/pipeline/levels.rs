//! Levels of the pipeline stages, as drawn in the strip and in the compact row. [`Place`] names the stages
//! with their texts; [`share`] computes how full each is. All shares are between 0 and 1.

use sluice_shared::exhibit;
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;
use sluice_shared::wire::Hop;

use crate::features::network::stats::RelayHops;
use sluice_bridge::Credit;
use sluice_bridge::Hops;
use sluice_bridge::Summary;

/// Stage of the pipeline, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Retained log from the lane's cursor to its head.
    Backlog,
    /// Queue of the lane's policy.
    PolicyQueue,
    /// Credit gate.
    Credit,
    /// Sent by the session but not yet on the wire.
    Transport,
    /// Waiting at the emulated network's bottleneck.
    RelayQueue,
    /// In flight through the emulated network.
    Wire,
    /// Sent and not yet received, wherever it is.
    Transit,
    /// Received and not yet consumed.
    Inbox,
    /// Being processed by the consumer.
    Consumer,
}

impl Place {
    /// All stages, from left to right.
    pub const ALL: [Self; 9] = [
        Self::Backlog,
        Self::PolicyQueue,
        Self::Credit,
        Self::Transport,
        Self::RelayQueue,
        Self::Wire,
        Self::Transit,
        Self::Inbox,
        Self::Consumer,
    ];

    /// Returns the title shown on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Backlog => "server log",
            Self::PolicyQueue => "policy queue",
            Self::Credit => "credit",
            Self::Transport => "transport",
            Self::RelayQueue => "bottleneck",
            Self::Wire => "in flight",
            Self::Transit => "in transit",
            Self::Inbox => "inbox",
            Self::Consumer => "consumer",
        }
    }

    /// Returns a one-sentence explanation of what waits there.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Backlog => {
                "Messages in the hub's log that this lane has not been sent yet. They cost no queue of their own."
            }
            Self::PolicyQueue => "Messages that a policy other than lossless keeps for this lane.",
            Self::Credit => {
                "What the receiver has granted and the server has not used. At zero the gate is closed."
            }
            Self::Transport => {
                "Sent by the session, and as far as the server's stack tells not on the wire yet."
            }
            Self::RelayQueue => {
                "Packets to the browser that wait for the emulated network's bottleneck. A direct lane has none."
            }
            Self::Wire => {
                "Packets to the browser that travel through the emulated network. A direct lane has none."
            }
            Self::Transit => {
                "Messages sent and not received: in the two places before this, lost and to be sent again, or in the \
                 browser's own buffers."
            }
            Self::Inbox => {
                "Received by the lane's worker and not taken by the consumer. Never more than the window."
            }
            Self::Consumer => "In the consumer's hands.",
        }
    }

    /// True if the stage belongs to the emulated network.
    pub const fn is_emulated(self) -> bool {
        matches!(self, Self::RelayQueue | Self::Wire)
    }

    /// Returns the name used in test ids.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Backlog => "hop-backlog",
            Self::PolicyQueue => "hop-policy-queue",
            Self::Credit => "credit-messages",
            Self::Transport => "hop-transport",
            Self::RelayQueue => "relay-queue",
            Self::Wire => "on-the-wire",
            Self::Transit => "hop-transit",
            Self::Inbox => "hop-inbox",
            Self::Consumer => "hop-consumer",
        }
    }

    /// Returns what a stage holds; `None` for the gate, and before the server has reported.
    pub const fn hop(self, hops: &Hops, relay: &RelayHops) -> Option<Hop> {
        match self {
            Self::Backlog => hops.backlog,
            Self::PolicyQueue => hops.policy_queue,
            Self::Credit => None,
            Self::Transport => hops.transport,
            Self::RelayQueue => Some(relay.queue),
            Self::Wire => Some(relay.wire),
            Self::Transit => Some(hops.transit),
            Self::Inbox => Some(hops.inbox),
            Self::Consumer => Some(hops.consumer),
        }
    }
}

/// Returns how full a stage is, 0 to 1, by messages or bytes, whichever is closer to its bound. A stage
/// without its own bound can't hold more than the window, and the consumer holds one message.
pub fn fullness(place: Place, hop: &Hop, window: Amount) -> f64 {
    // Without credit, the fault mode's cap is the only bound.
    let window = if has_credit(window) { window } else { Amount::new(0, exhibit::MAX_HELD_BYTES) };
    let fallback = match place {
        Place::Consumer => Amount::new(1, 0),
        // These stages count packets, not messages.
        Place::RelayQueue | Place::Wire => Amount::new(0, window.bytes),
        Place::Backlog
        | Place::PolicyQueue
        | Place::Credit
        | Place::Transport
        | Place::Transit
        | Place::Inbox => window,
    };
    let bound = if hop.bound.is_zero() { fallback } else { hop.bound };
    let share = |held: u64, bound: u64| if bound == 0 { 0.0 } else { held as f64 / bound as f64 };
    let messages = share(hop.held.messages, bound.messages);
    let bytes = share(hop.held.bytes, bound.bytes);
    messages.max(bytes).min(1.0)
}

/// Returns how full a stage is, 0 to 1; for the credit, the unused share. Unknown levels are drawn empty.
pub fn share(place: Place, summary: &Summary, relay: &RelayHops) -> f64 {
    let credit = &summary.credit;
    match place.hop(&summary.hops, relay) {
        Some(hop) => fullness(place, &hop, credit.window),
        None if place == Place::Credit => gate_opening(credit),
        None => 0.0,
    }
}

/// Returns the height at which a share is drawn: its square root, so that a few messages in a large tank are
/// visible and a full tank is full.
pub fn height_from_share(share: f64) -> f64 {
    share.clamp(0.0, 1.0).sqrt()
}

/// True if messages in a stage are being lost or soon will be: retention has nearly overtaken the log's
/// cursor, or a dropping policy's queue is full.
pub fn is_overflowing(place: Place, share: f64, policy: Policy) -> bool {
    match place {
        Place::Backlog => policy == Policy::Lossless && share >= 0.95,
        Place::PolicyQueue => {
            let drops = matches!(
                policy,
                Policy::DropOldest { .. } | Policy::DropNewest { .. } | Policy::SilentDrop { .. }
            );
            drops && share >= 1.0 || policy == Policy::Unbounded && share >= 0.1
        }
        Place::Credit
        | Place::Transport
        | Place::RelayQueue
        | Place::Wire
        | Place::Transit
        | Place::Inbox
        | Place::Consumer => false,
    }
}

/// True if the lane has a credit window; lanes in a fault mode have none.
pub fn has_credit(window: Amount) -> bool {
    window != Amount::MAX
}

/// Returns how far the gate is open, 0 to 1, by messages or bytes, whichever is scarcer.
pub fn gate_opening(credit: &Credit) -> f64 {
    let left = credit.left();
    let share = |left: u64, window: u64| if window == 0 { 0.0 } else { left as f64 / window as f64 };
    let messages = share(left.messages, credit.window.messages);
    let bytes = share(left.bytes, credit.window.bytes);
    messages.min(bytes).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(messages: u64, bytes: u64, bound: Amount) -> Hop {
        Hop { held: Amount::new(messages, bytes), bound, oldest_age_micros: 0 }
    }

    #[test]
    fn the_nearer_bound_decides_how_full_a_tank_is() {
        let window = Amount::new(10, 1_000);
        let by_bytes = hop(1, 500, Amount::new(10, 1_000));
        assert!((fullness(Place::Inbox, &by_bytes, window) - 0.5).abs() < 1e-9);
        let unbounded = hop(5, 0, Amount::ZERO);
        assert!((fullness(Place::Transit, &unbounded, window) - 0.5).abs() < 1e-9);
        assert!((fullness(Place::Consumer, &hop(1, 9, Amount::ZERO), window) - 1.0).abs() < 1e-9);
        assert!(fullness(Place::Transit, &unbounded, Amount::ZERO).abs() < 1e-9);
    }

    #[test]
    fn the_gate_is_closed_when_either_count_is_used_up() {
        let mut credit = Credit {
            limit: Amount::new(100, 10_000),
            sent: Amount::new(50, 5_000),
            consumed: Amount::new(40, 4_000),
            window: Amount::new(100, 10_000),
        };
        assert!((gate_opening(&credit) - 0.5).abs() < 1e-9);
        credit.sent.bytes = 10_000;
        assert!(gate_opening(&credit).abs() < 1e-9);
        credit.sent = Amount::new(200, 20_000);
        assert_eq!(credit.left(), Amount::ZERO);
    }

    #[test]
    fn a_stage_that_nobody_has_reported_is_not_an_open_gate() {
        let window = Amount::new(10, 1_000);
        let credit = Credit { limit: window, window, ..Credit::default() };
        let summary = Summary { credit, ..Summary::default() };
        let share = |place| share(place, &summary, &RelayHops::default());
        assert!(share(Place::Backlog).abs() < 1e-9 && (share(Place::Credit) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn without_credit_tanks_are_measured_by_the_cap_of_exhibits() {
        let half = hop(9, exhibit::MAX_HELD_BYTES / 2, Amount::ZERO);
        assert!((fullness(Place::PolicyQueue, &half, Amount::MAX) - 0.5).abs() < 1e-9);
        assert!(is_overflowing(Place::PolicyQueue, 0.5, Policy::Unbounded));
        assert!(!has_credit(Amount::MAX) && has_credit(Amount::ZERO));
    }

    #[test]
    fn only_places_that_lose_messages_can_overflow() {
        assert!(is_overflowing(Place::Backlog, 0.99, Policy::Lossless));
        assert!(is_overflowing(Place::PolicyQueue, 1.0, Policy::DropOldest { limit: 8 }));
        assert!(!is_overflowing(Place::PolicyQueue, 1.0, Policy::Latest));
        assert!(!is_overflowing(Place::Inbox, 1.0, Policy::Lossless));
    }
}
