//! The clients get another address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluice_shared::lab::{NewAddress, Switch, TcpFate};
use sluice_shared::mode::Transport;
use tokio::sync::watch;

use super::core::{Core, State};
use super::flow::{Flow, FlowId};
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
            state.tunnels.on_switch(at);
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
        self.engine().runtime.spawn(outlast(Arc::downgrade(self), flows, self.closing()));
    }
}

/// Ends silent connections when their time is up, unless the network closes before.
async fn outlast(core: Weak<Core>, flows: Vec<FlowId>, mut closing: watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(SILENCE) => {
            if let Some(core) = core.upgrade() {
                flows.into_iter().for_each(|id| core.end_flow(id));
            }
        }
        _ = closing.wait_for(|is_closing| *is_closing) => {}
    }
}

impl State {
    /// The next of 127.0.0.2 to 127.0.0.254, in turn: on Linux all of them are this machine's.
    pub(super) fn next_host(&mut self) -> io::Result<IpAddr> {
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use sluice_shared::lab::{Congestion, NewAddress};
    use sluice_shared::link::NetworkProfile;
    use sluice_shared::time::Time;

    use super::*;
    use crate::clock::Clock;
    use crate::network::Network;
    use crate::relay::Relay;
    use crate::tcp::TcpRamp;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A network with one TCP connection that has fallen silent, and the client's end of it.
    fn silent() -> (Network, TcpRamp, TcpStream, FlowId) {
        let relay = Relay::start(Clock::new(Instant::now(), Time::ZERO)).expect("two threads");
        let network = relay.network(NetworkProfile::none(), 1);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let ramp = network.listen_tcp(listener, Congestion::Cubic).expect("a listener");
        let client = TcpStream::connect(address).expect("it listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let give_up = Instant::now() + PATIENCE;
        let id = loop {
            if let Some(id) = network.core().state.lock().flows.keys().next() {
                break *id;
            }
            assert!(Instant::now() < give_up, "the connection does not come");
            std::thread::yield_now();
        };
        network.switch_network(Switch { address: NewAddress::Port, tcp: TcpFate::Silent });
        (network, ramp, client, id)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_that_nobody_gives_up_ends_after_two_minutes() {
        let (network, _ramp, mut client, id) = silent();
        let core = network.core();
        let began = tokio::time::Instant::now();
        // The network's own runtime goes by the wall, so this is the same task in a time of its own.
        let mut ending = Box::pin(outlast(Arc::downgrade(core), vec![id], core.closing()));
        let early = tokio::time::timeout(SILENCE - Duration::from_millis(1), &mut ending).await;
        assert!(early.is_err() && core.flow(id).is_some(), "it is silent, and it is there");
        ending.await;
        assert_eq!(began.elapsed(), Duration::from_secs(120));
        assert!(core.flow(id).is_none());
        let read = client.read(&mut [0; 1]);
        assert!(
            !matches!(&read, Err(error) if error.kind() == io::ErrorKind::WouldBlock),
            "it is told: {read:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_silent_connection_leaves_with_its_network() {
        let (network, _ramp, _client, id) = silent();
        let began = tokio::time::Instant::now();
        let closing = network.core().closing();
        let ending = outlast(Arc::downgrade(network.core()), vec![id], closing);
        network.close();
        ending.await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
