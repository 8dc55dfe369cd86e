//! Another address for the clients after each planned outage, where the profile asks for it.

use std::sync::{Arc, Weak};

use sluice_shared::lab::Switch;
use sluice_shared::time::Time;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::core::Core;
use super::settings::Settings;

/// Switches the network at the end of each planned outage, until the network closes.
pub(super) async fn roam(
    core: Weak<Core>,
    mut changes: watch::Receiver<u64>,
    mut closing: watch::Receiver<bool>,
) {
    let mut asked_at = Time::ZERO;
    loop {
        let Some((at, wait)) = core.upgrade().map(|core| {
            let clock = core.engine().clock;
            asked_at = asked_at.max(clock.now());
            let at = next_renewal(&core.settings(), asked_at);
            (at, at.map(|at| Instant::from_std(clock.instant(at))))
        }) else {
            return;
        };
        let due = async {
            match wait {
                Some(wait) => sleep_until(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {
                if let (Some(at), Some(core)) = (at, core.upgrade()) {
                    // A timer may fire a little early; what is over is not asked for again.
                    asked_at = at;
                    core.switch_network(Switch::default());
                }
            }
            changed = changes.changed() => if changed.is_err() { return },
            _ = closing.wait_for(|is_closing| *is_closing) => return,
        }
    }
}

/// When the clients get another address, after `now`.
fn next_renewal(settings: &Settings, now: Time) -> Option<Time> {
    let Settings { profile, weather, .. } = settings;
    if !profile.renews_address {
        return None;
    }
    let end = profile.down.outages.next_end(now.since(weather.since))?;
    Some(weather.since + end)
}

/// Starts [`roam`] for `core`.
pub(super) fn spawn(core: &Arc<Core>) {
    core.engine().runtime.spawn(roam(Arc::downgrade(core), core.changes(), core.closing()));
}

#[cfg(test)]
mod tests {
    use sluice_link::Weather;
    use sluice_shared::link::NetworkProfile;

    use super::*;

    #[test]
    fn the_train_has_another_address_after_each_tunnel() {
        let since = Time::from_millis(1_000);
        let settings = Settings::new(NetworkProfile::train(), Weather { seed: 1, since });
        let after = |now| next_renewal(&settings, now);
        assert_eq!(after(since), Some(Time::from_millis(20_000)));
        assert_eq!(after(Time::from_millis(20_000)), Some(Time::from_millis(48_000)));
        assert_eq!(after(Time::from_millis(48_000)), Some(Time::from_millis(80_000)));
        let stays = Settings::new(NetworkProfile::lte(), Weather { seed: 1, since });
        assert_eq!(next_renewal(&stays, since), None);
    }
}
