//! What must hold for one client, whatever happened to it.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_shared::certificate::Verdict;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::wire::{CloseCode, GapReason};

use super::plan::{Deed, Phase};
use crate::client::Client;
use crate::tally::Tally;

/// How long a client may take to be whole again on a clean network: the rest of the longest blackout, a handshake that
/// is given up, and a slow machine.
const RECOVERY: Duration = Duration::from_secs(60);
/// Messages that show that a client is alive.
const SIGNS_OF_LIFE: u64 = 20;

/// What is known of a client between two checks.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) mode: Mode,
    pub(super) policy: Policy,
    gaps: BTreeMap<GapReason, u64>,
    /// Phases that its last check covered.
    checked: usize,
}

impl Account {
    /// A lossless client of `mode` that has seen nothing.
    pub(super) const fn new(mode: Mode) -> Self {
        Self { mode, policy: Policy::Lossless, gaps: BTreeMap::new(), checked: 0 }
    }

    /// Waits until `client` is whole again in the life `epoch` of the server, and checks what must hold after `phases`,
    /// all from the first on.
    ///
    /// # Panics
    /// Something does not hold; the panic says what.
    pub(super) async fn check(&mut self, client: &Client, epoch: u64, phases: &[Phase], number: usize) {
        let unchecked = &phases[self.checked..];
        self.checked = phases.len();
        let is_here = |tally: &Tally| tally.welcomes.last().is_some_and(|last| last.epoch.0 == epoch);
        client.until_within(RECOVERY, "it is back in this life of the server", is_here).await;
        // A feed whose messages are too large for datagrams shows itself in gaps alone.
        let seen = |tally: &Tally| tally.consumed.messages + tally.gaps().values().sum::<u64>();
        let goal = seen(&client.tally()) + SIGNS_OF_LIFE;
        client.until_within(RECOVERY, "messages come again", |tally| seen(tally) >= goal).await;
        client.until_within(RECOVERY, "everything is accounted for", Tally::has_no_holes).await;
        let certificate = client.certify(RECOVERY).await;
        let tally = client.tally();
        tally.assert_sound();
        tally.assert_certified(&certificate);
        for earlier in &tally.certificates {
            let is_sound =
                matches!(earlier.verdict, Verdict::Continuous | Verdict::WithGaps | Verdict::EpochChanged);
            assert!(is_sound, "{}; seen: {}", earlier.to_json(), tally.summary());
        }
        for closed in &tally.closed {
            let is_expected = closed.code.is_none_or(is_expected);
            assert!(is_expected, "a connection was closed with {closed:?}: {}", tally.summary());
        }
        let gaps = tally.gaps();
        let new: BTreeMap<GapReason, u64> = gaps
            .iter()
            .map(|(reason, count)| (*reason, count - self.gaps.get(reason).copied().unwrap_or(0)))
            .filter(|(_, count)| *count > 0)
            .collect();
        if self.was_lossless_throughout(unchecked, number) {
            let explained = |reason: &GapReason| matches!(reason, GapReason::Retention | GapReason::Expired);
            assert!(new.keys().all(explained), "a lossless, reliable lane has gaps: {new:?}");
        }
        drop(tally);
        self.gaps = gaps;
        self.note(unchecked, number);
    }

    fn was_lossless_throughout(&self, phases: &[Phase], number: usize) -> bool {
        let changes = |deed: &Deed| match deed {
            Deed::Policy(client, _) | Deed::Switch(client, _) => *client == number,
            Deed::Cut(_)
            | Deed::Abandon(_)
            | Deed::Stick(_)
            | Deed::Certify(_)
            | Deed::Pace(..)
            | Deed::Window(..)
            | Deed::Feeds(..)
            | Deed::Tunnel(..)
            | Deed::SwitchNetwork(_)
            | Deed::BlockUdp(..)
            | Deed::Preset(..)
            | Deed::Link(..)
            | Deed::Restart { .. } => false,
        };
        self.policy == Policy::Lossless
            && self.mode.is_reliable()
            && !phases.iter().flatten().any(|step| changes(&step.deed))
    }

    /// The client's settings after `phases`.
    fn note(&mut self, phases: &[Phase], number: usize) {
        for step in phases.iter().flatten() {
            if let Deed::Policy(client, policy) = step.deed
                && client == number
            {
                self.policy = policy;
            }
            if let Deed::Switch(client, mode) = step.deed
                && client == number
            {
                self.mode = mode;
            }
        }
    }
}

/// Whether a server may close a connection with `code` although its client did nothing wrong.
fn is_expected(code: u32) -> bool {
    [CloseCode::GoingAway, CloseCode::TakenOver, CloseCode::Unresponsive]
        .iter()
        .any(|expected| [expected.webtransport(), u32::from(expected.websocket())].contains(&code))
}
