//! What a scenario does to a lane's lab.

use std::io;

use sluice_shared::lab::{LabEvent, LabRouting, NewAddress, Switch, TcpFate};
use sluice_shared::scenario::{AddressChanges, AddressPart, Routing, Scenario};
use sluice_shared::time::Time;
use tokio::time::sleep_until;

use super::lab::Events;
use crate::clock::Clock;
use crate::compare::moments::Moments;

/// Sets up what stands before the servers, and whether they follow their clients.
///
/// # Errors
/// The lab refuses.
pub(super) async fn prepare(scenario: &Scenario, events: &Events) -> io::Result<()> {
    if let Some(balancer) = scenario.balancer {
        let routing = match balancer.routing {
            Routing::Address => LabRouting::Address,
            Routing::ConnectionId => LabRouting::ConnectionId,
        };
        events.tell(&LabEvent::Balance { routing, backends: balancer.backends }).await?;
    }
    if scenario.address_changes.is_some_and(|changes| !changes.server_follows) {
        events.tell(&LabEvent::Migration { allowed: false }).await?;
    }
    Ok(())
}

/// Gives the client another address, and lets somebody copy its packets, at the moments that the scenario plans between
/// `start` and `ends_at`; completes only when the lab refuses.
pub(super) async fn play(
    scenario: &Scenario,
    events: Events,
    clock: Clock,
    start: Time,
    ends_at: Time,
) -> io::Error {
    for (at, event) in planned(scenario, start, ends_at) {
        sleep_until(clock.instant(at)).await;
        if let Err(error) = events.tell(&event).await {
            return error;
        }
    }
    std::future::pending().await
}

/// All that the scenario plans, in order.
fn planned(scenario: &Scenario, start: Time, ends_at: Time) -> Vec<(Time, LabEvent)> {
    let Scenario { address_changes, spoof, seed, .. } = *scenario;
    let changes = Moments::new(address_changes, seed, start, ends_at)
        .filter_map(|at| Some((at, LabEvent::SwitchNetwork(switch(address_changes?)))));
    let attacks = spoof.into_iter().flat_map(|setup| {
        let moments = Moments::of_attacks(setup.every, seed, start, ends_at);
        moments.map(move |at| (at, LabEvent::Spoof(setup.spoof)))
    });
    let mut planned: Vec<_> = changes.chain(attacks).collect();
    planned.sort_by_key(|(at, _)| *at);
    planned
}

const fn switch(changes: AddressChanges) -> Switch {
    Switch {
        address: match changes.part {
            AddressPart::Port => NewAddress::Port,
            AddressPart::Address => NewAddress::Host,
        },
        tcp: match changes.tells_client {
            true => TcpFate::Told,
            false => TcpFate::Silent,
        },
    }
}
