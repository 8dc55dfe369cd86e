//! One connection of the kernel's over its own network, driven without waiting.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;

use sluice_link::{Link, Weather};
use sluice_relay::kernel::{Namespaces, Poller, Pump, Unavailable};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_tcp::Side;
use sluice_tcp::traffic::{Flow, Measured, Traffic};
use socket2::Socket;

use crate::setting::Setting;

/// A connection, its network and its traffic.
pub(crate) struct Lane {
    setting: Setting,
    pump: Pump,
    /// The client's.
    port: u16,
    listener: Socket,
    client: TcpStream,
    server: Option<TcpStream>,
    token: u64,
    /// Once the connection stands.
    traffic: Option<Running>,
    /// The sockets' namespaces live until the end.
    _namespaces: Namespaces,
}

struct Running {
    start: Time,
    flows: Vec<(Side, Flow)>,
}

impl Lane {
    const PORT: u16 = 4_000;

    /// A lane that begins to connect at `now`; `poller` wakes with `token` when it has something to do.
    pub(crate) fn open(
        setting: Setting,
        seed: u64,
        token: u64,
        poller: &Poller,
        clock: impl Fn() -> Time,
    ) -> Result<Self, LaneError> {
        let (mut namespaces, devices) = Namespaces::create()?;
        let congestion = setting.congestion.name();
        let listener = namespaces.listen(Self::PORT, congestion)?;
        let mut pump = Pump::new(devices);
        let (client, port) = namespaces.client_socket(congestion)?;
        let (network, now) = (setting.network(), clock());
        let weather = Weather { seed, since: now };
        let links =
            Direction::BOTH.map(|direction| Link::new(network.link(direction).clone(), weather, direction));
        pump.open(port, links, now);
        Namespaces::connect(&client, Self::PORT)?;
        let client = TcpStream::from(client);
        for device in pump.devices() {
            poller.add(device.as_fd(), token)?;
        }
        poller.add(listener.as_fd(), token)?;
        poller.add(client.as_fd(), token)?;
        Ok(Self {
            setting,
            pump,
            port,
            listener,
            client,
            server: None,
            token,
            traffic: None,
            _namespaces: namespaces,
        })
    }

    /// Does everything that can be done without waiting.
    pub(crate) fn turn(
        &mut self,
        poller: &Poller,
        scratch: &mut [u8],
        clock: impl Fn() -> Time,
    ) -> io::Result<()> {
        loop {
            let mut has_moved = self.pump.turn(clock())?;
            self.establish(poller, &clock)?;
            if let (Some(running), Some(server)) = (&mut self.traffic, &self.server) {
                for (from, flow) in &mut running.flows {
                    let (writer, reader) = match from {
                        Side::Client => (&self.client, server),
                        Side::Server => (server, &self.client),
                    };
                    flow.produce(clock());
                    has_moved |= read(reader, flow, scratch, &clock)?;
                    has_moved |= write(writer, flow, clock())?;
                }
            }
            if !has_moved {
                return Ok(());
            }
        }
    }

    /// When [`Self::turn`] should be called next, if nothing comes before.
    pub(crate) fn next_due(&self, now: Time) -> Option<Time> {
        let network = self.pump.poll_timeout().map(|(at, _)| at);
        let Some(running) = &self.traffic else { return network };
        let end = running.start + self.setting.span();
        let edges = [running.start, end, end + Traffic::PATIENCE].into_iter().find(|edge| *edge > now);
        let due = running.flows.iter().filter_map(|(_, flow)| flow.next_due());
        due.chain(network).chain(edges).min()
    }

    /// Whether nothing more will come of it.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        self.traffic.as_ref().is_some_and(|running| {
            let give_up_at = running.start + self.setting.span() + Traffic::PATIENCE;
            now >= give_up_at || running.flows.iter().all(|(_, flow)| flow.is_finished(now))
        })
    }

    /// What came of it.
    pub(crate) fn measured(&self) -> Measured {
        let flows = self.traffic.iter().flat_map(|running| running.flows.iter().map(|(_, flow)| flow));
        let links = self.pump.links(self.port).into_iter().flatten().map(Link::counters);
        Measured::of(flows, &self.setting.network(), self.setting.span(), links)
    }

    /// Accepts the connection, and plans the traffic once both ends stand.
    fn establish(&mut self, poller: &Poller, clock: impl Fn() -> Time) -> io::Result<()> {
        if self.traffic.is_some() {
            return Ok(());
        }
        if self.server.is_none() {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(true)?;
                    socket.set_tcp_nodelay(true)?;
                    poller.add(socket.as_fd(), self.token)?;
                    self.server = Some(TcpStream::from(socket));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if self.server.is_some() && self.client.peer_addr().is_ok() {
            let start = clock() + Traffic::LEAD;
            let flows = self.setting.traffic.flows(start, self.setting.span());
            self.traffic = Some(Running { start, flows });
        }
        Ok(())
    }
}

/// Why a lane could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaneError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn read(
    mut from: &TcpStream,
    flow: &mut Flow,
    scratch: &mut [u8],
    clock: impl Fn() -> Time,
) -> io::Result<bool> {
    let mut has_moved = false;
    loop {
        match from.read(scratch) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                flow.on_received(bytes, clock());
                has_moved = true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(has_moved),
            Err(error) => return Err(error),
        }
    }
}

fn write(mut to: &TcpStream, flow: &mut Flow, now: Time) -> io::Result<bool> {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    let mut has_moved = false;
    loop {
        let wanted = flow.unwritten_bytes(now).min(ZEROS.len());
        if wanted == 0 {
            return Ok(has_moved);
        }
        match to.write(&ZEROS[..wanted]) {
            Ok(bytes) => {
                flow.on_written(bytes);
                has_moved = true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(has_moved),
            Err(error) => return Err(error),
        }
    }
}
