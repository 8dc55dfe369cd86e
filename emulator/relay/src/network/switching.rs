//! The clients get another address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use sluice_shared::lab::{NewAddress, Switch, TcpFate};
use sluice_shared::mode::Transport;

use super::core::{Core, Flow, FlowId, State};
use super::switches::Order;

/// What silent TCP connections get of time before the network forgets them, and their ends are told.
const SILENCE: Duration = Duration::from_secs(120);

impl Core {
    /// Gives the clients another address: TCP connections end or fall silent, since they belong to the old one; of UDP
    /// flows the server sees another.
    pub(super) fn switch_network(self: &Arc<Self>, switch: Switch) {
        let at = self.engine().clock.now();
        let (number, host, tcp) = {
            let mut state = self.state.lock();
            let number = state.switches.begin(switch, at);
            if switch.address == NewAddress::Host {
                match state.next_host() {
                    Ok(host) => state.host = Some(host),
                    Err(error) => state.switches.note_problem(number, no_host(&error)),
                }
            }
            let tcp = state
                .flows
                .iter()
                .filter(|(_, registered)| registered.flow.transport() == Transport::WebSocket);
            let tcp: Vec<_> = tcp.map(|(id, registered)| (*id, Arc::clone(&registered.flow))).collect();
            (number, state.host, tcp)
        };
        // What was silent before has nothing to lose.
        let cut = tcp.into_iter().filter(|(_, flow)| tells(switch) || flow.silence());
        let cut: Vec<(FlowId, Arc<dyn Flow>)> = cut.collect();
        for (id, flow) in &cut {
            let last = flow.last_packets();
            let mut state = self.state.lock();
            let known = state.flows.get(id).map(|known| (known.lane, known.seen_as.front().copied()));
            let (lane, peer) = known.unwrap_or_default();
            state.switches.follow_tcp(number, *id, lane, peer, last, at);
        }
        let cut = cut.into_iter().map(|(id, _)| id);
        if tells(switch) {
            cut.for_each(|id| self.end_flow(id));
        } else {
            self.end_later(cut.collect());
        }
        self.orders.send_replace(Some(Order { number, host }));
    }

    /// Forgets silent connections, if nobody else ends them.
    fn end_later(self: &Arc<Self>, flows: Vec<FlowId>) {
        if flows.is_empty() {
            return;
        }
        let (core, mut closing) = (Arc::downgrade(self), self.closing());
        self.engine().runtime.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(SILENCE) => {
                    if let Some(core) = core.upgrade() {
                        flows.into_iter().for_each(|id| core.end_flow(id));
                    }
                }
                _ = closing.wait_for(|is_closing| *is_closing) => {}
            }
        });
    }
}

impl State {
    /// The next of 127.0.0.2 to 127.0.0.254, in turn: on Linux all of them are this machine's.
    fn next_host(&mut self) -> io::Result<IpAddr> {
        let last = u8::try_from(self.hosts % 253).unwrap_or(0) + 2;
        let host = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        UdpSocket::bind((host, 0))?;
        self.hosts += 1;
        Ok(host)
    }
}

/// Why a client keeps its host.
pub(crate) fn no_host(error: &io::Error) -> String {
    format!("another host cannot be had here ({error}), so the port alone has changed")
}

/// Whether TCP connections are told.
const fn tells(switch: Switch) -> bool {
    match switch.tcp {
        TcpFate::Told => true,
        TcpFate::Silent => false,
    }
}
