//! What new flows begin with.

use sluice_link::{Link, Weather};
use sluice_shared::link::{Direction, NetworkProfile};
use sluice_shared::time::Time;

/// The network as it is set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) profile: NetworkProfile,
    pub(crate) weather: Weather,
    pub(crate) is_udp_blocked: bool,
    /// Until when an outage lasts that somebody started.
    pub(crate) out_until: Time,
}

impl Settings {
    /// A network without an outage; UDP is blocked if the profile says so.
    pub(crate) const fn new(profile: NetworkProfile, weather: Weather) -> Self {
        let is_udp_blocked = profile.blocks_udp;
        Self { profile, weather, is_udp_blocked, out_until: Time::ZERO }
    }

    /// Links of a new flow, up and down, in the middle of whatever goes on.
    pub(crate) fn links<P: Clone>(&self, now: Time) -> (Link<P>, Link<P>) {
        let link = |direction| {
            let mut link = Link::new(self.profile.link(direction).clone(), self.weather, direction);
            if self.out_until > now {
                link.start_outage(self.out_until.since(now), now);
            }
            link
        };
        (link(Direction::Up), link(Direction::Down))
    }

    /// Whether an outage keeps everything out, in one direction at least.
    pub(crate) fn is_out(&self, now: Time) -> bool {
        let elapsed = now.since(self.weather.since);
        now < self.out_until
            || Direction::BOTH.iter().any(|direction| self.profile.link(*direction).outages.is_out(elapsed))
    }
}
