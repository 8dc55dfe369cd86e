//! The far ends of TCP connections that cross a network, whoever's TCP it is.

use std::io;
use std::net::TcpListener;

#[cfg(target_os = "linux")]
use sluice_relay::kernel::{KernelRamp, KernelStream};
use sluice_relay::{Network, RampStream, TcpRamp};
use sluice_shared::lab::{Congestion, TcpStack};

/// Where connections come out of a network.
#[derive(Debug)]
pub(crate) enum Ramp {
    /// The model's.
    Model(TcpRamp),
    /// The kernel's.
    #[cfg(target_os = "linux")]
    Kernel(KernelRamp),
}

/// A connection that came out of a network.
pub(crate) enum Arrival {
    /// The model's.
    Model(RampStream),
    /// The kernel's.
    #[cfg(target_os = "linux")]
    Kernel(KernelStream),
}

impl Ramp {
    /// Takes connections from `listener` and carries them through `network`.
    ///
    /// # Errors
    /// The listener cannot be waited for, or there can be no kernel TCP here; the error says what is missing.
    pub(crate) fn open(
        network: &Network,
        listener: TcpListener,
        congestion: Congestion,
        stack: TcpStack,
    ) -> io::Result<Self> {
        match stack {
            TcpStack::Model => network.listen_tcp(listener, congestion).map(Self::Model),
            #[cfg(target_os = "linux")]
            TcpStack::Kernel => {
                KernelRamp::open(network, listener, congestion).map(Self::Kernel).map_err(io::Error::other)
            }
            #[cfg(not(target_os = "linux"))]
            TcpStack::Kernel => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "kernel TCP needs Linux: use the model"))
            }
        }
    }

    /// The next connection; `None` once the network has closed.
    pub(crate) async fn accept(&mut self) -> Option<Arrival> {
        match self {
            Self::Model(ramp) => ramp.accept().await.map(Arrival::Model),
            #[cfg(target_os = "linux")]
            Self::Kernel(ramp) => ramp.accept().await.map(Arrival::Kernel),
        }
    }
}
