//! What happens by plan: tunnels, and another address for the clients after each, where the profile asks for it.

use std::sync::{Arc, Weak};

use sluice_shared::lab::Switch;
use sluice_shared::time::Time;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::core::Core;
use super::settings::Settings;

/// Calls `act` at each of the times that `next` tells, with it and the end that belongs to it, until the network closes.
async fn at_each(
    core: Weak<Core>,
    next: fn(&Settings, Time) -> Option<(Time, Time)>,
    act: fn(&Arc<Core>, (Time, Time)),
    mut changes: watch::Receiver<u64>,
    mut closing: watch::Receiver<bool>,
) {
    let mut asked_at = Time::ZERO;
    loop {
        let Some((planned, wait)) = core.upgrade().map(|core| {
            let clock = core.engine().clock;
            asked_at = asked_at.max(clock.now());
            let planned = next(&core.settings(), asked_at);
            (planned, planned.map(|(at, _)| Instant::from_std(clock.instant(at))))
        }) else {
            return;
        };
        let due = async {
            match wait {
                Some(wait) => sleep_until(wait).await,
                None => std::future::pending().await,
            }
        };
        let is_due = tokio::select! {
            () = due => true,
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                false
            }
            _ = closing.wait_for(|is_closing| *is_closing) => return,
        };
        let Some(core) = core.upgrade() else { return };
        // A timer may fire a little early, and a little late: what was planned before a change has happened all the same.
        if let Some(planned) = planned.filter(|(at, _)| is_due || *at <= core.engine().clock.now()) {
            // What is over is not asked for again.
            asked_at = planned.0;
            act(&core, planned);
        }
    }
}

/// When the clients get another address, after `now`.
fn next_renewal(settings: &Settings, now: Time) -> Option<(Time, Time)> {
    let Settings { profile, weather, .. } = settings;
    if !profile.renews_address {
        return None;
    }
    let end = profile.down.outages.next_end(now.since(weather.since))?;
    let at = weather.since + end;
    Some((at, at))
}

/// When the next planned outage begins, after `now`, and when it is over. The way to the client is what counts.
fn next_tunnel(settings: &Settings, now: Time) -> Option<(Time, Time)> {
    let Settings { profile, weather, .. } = settings;
    let outage = profile.down.outages.next_begin(now.since(weather.since))?;
    Some((weather.since + outage.at, weather.since + outage.end()))
}

/// Lets happen what `core`'s profile has planned.
pub(super) fn spawn(core: &Arc<Core>) {
    let runtime = &core.engine().runtime;
    let act = |core: &Arc<Core>, _| core.switch_network(Switch::default());
    runtime.spawn(at_each(Arc::downgrade(core), next_renewal, act, core.changes(), core.closing()));
    let act = |core: &Arc<Core>, tunnel| core.follow_tunnel(tunnel);
    runtime.spawn(at_each(Arc::downgrade(core), next_tunnel, act, core.changes(), core.closing()));
}

#[cfg(test)]
mod tests {
    use sluice_link::Weather;
    use sluice_shared::link::NetworkProfile;

    use super::*;

    #[test]
    fn planned_tunnels_begin_one_after_the_other() {
        let since = Time::from_millis(1_000);
        let settings = Settings::new(NetworkProfile::train(), Weather { seed: 1, since });
        let first = next_tunnel(&settings, since).expect("the train has tunnels");
        assert_eq!(first, (Time::from_millis(16_000), Time::from_millis(20_000)));
        let second = next_tunnel(&settings, first.0).expect("another");
        assert_eq!(second, (Time::from_millis(36_000), Time::from_millis(48_000)));
        let stays = Settings::new(NetworkProfile::lte(), Weather { seed: 1, since });
        assert_eq!(next_tunnel(&stays, since), None);
    }

    #[test]
    fn the_train_has_another_address_after_each_tunnel() {
        let since = Time::from_millis(1_000);
        let settings = Settings::new(NetworkProfile::train(), Weather { seed: 1, since });
        let after = |now| next_renewal(&settings, now).map(|(at, _)| at);
        assert_eq!(after(since), Some(Time::from_millis(20_000)));
        assert_eq!(after(Time::from_millis(20_000)), Some(Time::from_millis(48_000)));
        assert_eq!(after(Time::from_millis(48_000)), Some(Time::from_millis(80_000)));
        let stays = Settings::new(NetworkProfile::lte(), Weather { seed: 1, since });
        assert_eq!(next_renewal(&stays, since), None);
    }
}
