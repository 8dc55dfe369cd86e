//! Controls of the migration panel, row by row. They change the settings and start actions of the panel's
//! state; each setting is part of the panel's link.

use leptos::prelude::*;
use sluice_browser::window;
use sluice_shared::lab::{LabEvent, LabRouting, NewAddress, OriginalFate, TcpFate};

use super::choice::{ChoiceGroup, ChoiceOption};
use crate::features::lazy_host::Input;
use crate::features::migration::model::link::{replaying, with_survival_lanes};
use crate::features::migration::model::plan::PlannedKind;
use crate::features::migration::model::settings::{COPIED_PACKETS, MigrationSettings, TUNNEL_SECS};
use crate::features::migration::state::{Activity, MigrationState, StatusKind};

/// Choice of one setting.
#[component]
fn SettingChoice<T: Copy + PartialEq + Send + Sync + 'static>(
    /// Name of the quantity.
    label: &'static str,
    /// Values with their options.
    values: Vec<(T, ChoiceOption)>,
    /// Reads the setting.
    read: fn(&MigrationSettings) -> T,
    /// Writes the setting.
    write: fn(&mut MigrationSettings, T),
) -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let (values, options): (Vec<T>, Vec<ChoiceOption>) = values.into_iter().unzip();
    let known = values.clone();
    let chosen = Signal::derive(move || {
        let value = state.settings.with(read);
        known.iter().position(|known| *known == value)
    });
    let choose = move |at: usize| {
        if let Some(value) = values.get(at).copied() {
            state.settings.update(|settings| write(settings, value));
        }
    };
    view! { <ChoiceGroup label options chosen on_choose=choose/> }
}

/// Settings of a change of networks, and the buttons that start one or ten.
#[component]
pub(super) fn SwitchControls() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let address = |value: NewAddress, meaning| {
        let option = ChoiceOption::new("address-".to_owned() + value.name(), value.name(), meaning);
        (value, option)
    };
    let addresses = vec![
        address(NewAddress::Port, "as when a NAT has forgotten its mapping"),
        address(
            NewAddress::Host,
            "as when the phone leaves the Wi-Fi: the server starts anew with round trip and window",
        ),
    ];
    let fate = |value: TcpFate, meaning| {
        (value, ChoiceOption::new("tcp-".to_owned() + value.name(), tcp_fate_label(value), meaning))
    };
    let fates = vec![
        fate(TcpFate::Told, "the interface goes, and the system notifies the browser at once"),
        fate(TcpFate::Silent, "nothing passes any more, and both ends have to find out by themselves"),
    ];
    view! {
        <div class="settings">
            <SettingChoice
                label="New address"
                values=addresses
                read=|settings: &MigrationSettings| settings.switch.address
                write=|settings: &mut MigrationSettings, address| settings.switch.address = address
            />
            <SettingChoice
                label="TCP is"
                values=fates
                read=|settings: &MigrationSettings| settings.switch.tcp
                write=|settings: &mut MigrationSettings, tcp| settings.switch.tcp = tcp
            />
            <button
                type="button"
                class="primary"
                data-testid="migrate"
                on:click=move |_| state.act(PlannedKind::Switch)
            >
                "Switch network"
            </button>
            <button
                type="button"
                data-testid="ten-switches"
                aria-disabled=move || is_busy(state)
                on:click=move |_| state.act(PlannedKind::TenSwitches)
            >
                "Ten changes, one every 500\u{a0}ms"
            </button>
        </div>
    }
}

/// Controls of a single outage and of a series.
#[component]
pub(super) fn TunnelControls() -> impl IntoView {
    let Input(input) = expect_context();
    let state = expect_context::<MigrationState>();
    let lengths = TUNNEL_SECS
        .map(|seconds| {
            let is_chosen = move || state.settings.with(|settings| settings.tunnel_secs == seconds);
            view! { <option value=seconds.to_string() selected=is_chosen>{seconds} "\u{a0}s"</option> }
        })
        .collect_view();
    let set_length = move |event: leptos::ev::Event| {
        let chosen = event_target_value(&event).parse().ok().filter(|secs| TUNNEL_SECS.contains(secs));
        if let Some(seconds) = chosen {
            state.settings.update(|settings| settings.tunnel_secs = seconds);
        }
    };
    let is_series = move || state.activity.get() == Activity::TunnelSeries;
    let is_other = move || (is_busy(state) == "true" && !is_series()).to_string();
    let press_series =
        move |_| if untrack(is_series) { state.stop() } else { state.act(PlannedKind::TunnelSeries) };
    let link = move || input.with(|input| with_survival_lanes(&input.setup_query));
    view! {
        <div class="settings">
            <button
                type="button"
                data-testid="migration-tunnel"
                aria-disabled=move || is_busy(state)
                on:click=move |_| state.act(PlannedKind::Tunnel)
            >
                "Tunnel"
            </button>
            <select
                data-testid="migration-tunnel-seconds"
                aria-label="Length of the tunnel: nothing passes in either direction"
                on:change=set_length
            >
                {lengths}
            </select>
            <label>
                <input
                    type="checkbox"
                    data-testid="then-switch"
                    prop:checked=move || state.settings.with(|settings| settings.then_switch)
                    on:change=move |event| {
                        state.settings.update(|settings| settings.then_switch = event_target_checked(&event));
                    }
                />
                "then another address"
            </label>
            <button type="button" data-testid="tunnel-series" aria-disabled=is_other on:click=press_series>
                {move || if is_series() { "Stop" } else { "Series, 3 to 10\u{a0}s" }}
            </button>
            <a data-testid="survival-lanes" href=link>
                "Load the page with lanes to compare: QUIC with CUBIC, CUBIC 256\u{a0}KiB and BBR, and WebSocket"
            </a>
            <ReplayLink/>
        </div>
    }
}

/// Link that replays the actions since the lanes were open.
#[component]
fn ReplayLink() -> impl IntoView {
    let Input(input) = expect_context();
    let state = expect_context::<MigrationState>();
    let copy = move |_| {
        let link = input.with_untracked(|input| {
            state.settings.with_untracked(|settings| {
                state.recorded.with_untracked(|recorded| {
                    replaying(&window::href(), &input.setup_query, settings, recorded)
                })
            })
        });
        leptos::task::spawn_local(async move {
            match window::copy(&link).await {
                Ok(()) => state.say(StatusKind::Done, "The link is on the clipboard."),
                Err(_) => state.say(StatusKind::Refused, "This browser does not let the page copy the link."),
            }
        });
    };
    let text = move || {
        let count = state.recorded.with(Vec::len);
        let plural = if count == 1 { "" } else { "s" };
        format!("Copy link, replaying {count} action{plural}")
    };
    view! {
        <button type="button" data-testid="migration-link" on:click=copy>
            {text}
        </button>
    }
}

/// Controls of an attacker that copies packets.
#[component]
pub(super) fn AttackControls() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let counts = COPIED_PACKETS
        .map(|packets| {
            let is_chosen = move || state.settings.with(|settings| settings.spoof.packets == packets);
            let text = if packets == 1 { " packet" } else { " packets" };
            view! { <option value=packets.to_string() selected=is_chosen>{packets} {text}</option> }
        })
        .collect_view();
    let set_count = move |event: leptos::ev::Event| {
        let chosen = event_target_value(&event).parse().ok().filter(|count| COPIED_PACKETS.contains(count));
        if let Some(packets) = chosen {
            state.settings.update(|settings| settings.spoof.packets = packets);
        }
    };
    let drops = move || state.settings.with(|settings| settings.spoof.original == OriginalFate::Dropped);
    let set_drops = move |event: leptos::ev::Event| {
        let original =
            if event_target_checked(&event) { OriginalFate::Dropped } else { OriginalFate::Follows };
        state.settings.update(|settings| settings.spoof.original = original);
    };
    view! {
        <div class="settings">
            <button type="button" data-testid="spoof" on:click=move |_| state.act(PlannedKind::Spoof)>
                "Spoof address"
            </button>
            <select data-testid="spoof-packets" aria-label="Number of copied packets" on:change=set_count>
                {counts}
            </select>
            <label>
                <input type="checkbox" data-testid="spoof-drop" prop:checked=drops on:change=set_drops/>
                "and drop the originals"
            </label>
            <span class="note">
                "An on-path attacker copies the next packets of each WebTransport session; the copies arrive first, from another address. The attacker cannot answer: the path to it is not validated, and the client’s next packet brings the server back."
            </span>
        </div>
    }
}

/// Controls of the balancer, its backends, and connection migration.
#[component]
pub(super) fn BalancerControls() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let routing = |value: LabRouting, text, meaning| {
        ChoiceOption::new("routing-".to_owned() + value.name(), text, meaning)
    };
    let routings = vec![
        routing(LabRouting::Off, "off", "everything goes to the first backend"),
        routing(
            LabRouting::Address,
            "by address",
            "by the hash of the client's address and port, as for any UDP",
        ),
        routing(
            LabRouting::ConnectionId,
            "by connection ID",
            "by the number that the backend has put into its connection ID",
        ),
    ];
    let in_force = Signal::derive(move || {
        let routing = state.routing_in_force();
        routing.and_then(|routing| LabRouting::ALL.iter().position(|known| *known == routing))
    });
    let counts = LabEvent::MIN_BACKENDS..=LabEvent::MAX_BACKENDS;
    let backends = counts.clone().map(|count| {
        let count = count.to_string();
        ChoiceOption::new("backends-".to_owned() + &count, count, "")
    });
    let count = Signal::derive(move || {
        state.settings.with(|settings| settings.backends.checked_sub(LabEvent::MIN_BACKENDS).map(usize::from))
    });
    let set_count = move |at: usize| {
        if let Some(count) = (LabEvent::MIN_BACKENDS..=LabEvent::MAX_BACKENDS).nth(at) {
            state.set_backends(count);
        }
    };
    let set_routing = move |at: usize| {
        if let Some(routing) = LabRouting::ALL.get(at) {
            state.balance(*routing);
        }
    };
    view! {
        <div class="settings">
            <ChoiceGroup label="Balancer" options=routings chosen=in_force on_choose=set_routing/>
            <ChoiceGroup label="Backends" options=backends.collect() chosen=count on_choose=set_count/>
            <MigrationChoice/>
        </div>
    }
}

/// Choice whether new connections may migrate.
#[component]
fn MigrationChoice() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let options = vec![
        ChoiceOption::new(
            "migration-allowed".to_owned(),
            "allowed",
            "the server follows a client to its new address",
        ),
        ChoiceOption::new(
            "migration-forbidden".to_owned(),
            "forbidden",
            "the server discards packets from another address: the control experiment",
        ),
    ];
    let in_force = Signal::derive(move || {
        state.report.with(|report| report.as_ref().map(|report| usize::from(report.is_migration_off)))
    });
    view! {
        <ChoiceGroup
            label="Migration"
            options
            chosen=in_force
            on_choose=move |at: usize| state.allow_migration(at == 0)
        />
        <span class="note">
            "For connections that begin from now on: open a lane anew, for example with another congestion controller."
        </span>
    }
}

/// Returns the text of a TCP fate on the page.
pub(super) const fn tcp_fate_label(fate: TcpFate) -> &'static str {
    match fate {
        TcpFate::Told => "notified",
        TcpFate::Silent => "silent",
    }
}

fn is_busy(state: MigrationState) -> &'static str {
    if state.activity.get() == Activity::Idle { "false" } else { "true" }
}
