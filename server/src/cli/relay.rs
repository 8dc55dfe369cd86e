//! `sluice relay`.

use std::path::PathBuf;

use clap::{ArgGroup, value_parser};
use sluice_server::ListenAddress;
use sluice_server::relay::{Forward, RelayConfig};
use sluice_shared::lab::{Congestion, LinkRequest, TcpStack};

use super::network::network;
use super::{log_filter, tcp_stack};

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("ways").args(["tcp", "udp"]).required(true).multiple(true))]
pub(crate) struct Relay {
    /// The network: a name (see `sluice profiles`), or a TOML file with a network in it
    #[arg(long, value_name = "NAME|FILE.toml", value_parser = network)]
    profile: LinkRequest,
    /// Where every chance comes from: the same seed takes the same packets
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A way for TCP, from a port or address of this machine to a server; may be repeated
    #[arg(long, value_name = "LISTEN=UPSTREAM")]
    tcp: Vec<Forward>,
    /// A way for UDP; may be repeated
    #[arg(long, value_name = "LISTEN=UPSTREAM")]
    udp: Vec<Forward>,
    /// The congestion controller of the emulated TCP: cubic, cubic-wide (an initial window of 256 KiB), or bbr
    #[arg(long, value_name = "NAME", default_value = "cubic", value_parser = congestion)]
    congestion: Congestion,
    /// Whose TCP crosses the network: model, or the kernel's own (Linux, as root or where users may make namespaces)
    #[arg(long, value_name = "STACK", default_value = "model", value_parser = tcp_stack)]
    tcp_stack: TcpStack,
    /// Serve the API that changes the network live: GET /api/labs/relay, PUT …/link, POST …/events, GET …/watch
    #[arg(long, value_name = "HOST:PORT")]
    control: Option<ListenAddress>,
    /// Write every packet to a file that Wireshark reads
    #[arg(long, value_name = "FILE", value_parser = value_parser!(PathBuf))]
    pcapng: Option<PathBuf>,
    /// What to log, as in RUST_LOG, which counts if this is not given
    #[arg(long, value_name = "FILTER", value_parser = log_filter)]
    pub(crate) log: Option<String>,
}

impl Relay {
    /// The relay that the options describe.
    pub(crate) fn config(self) -> RelayConfig {
        RelayConfig {
            link: LinkRequest { seed: Some(self.seed), ..self.profile },
            congestion: self.congestion,
            tcp: self.tcp,
            tcp_stack: self.tcp_stack,
            udp: self.udp,
            control: self.control,
            pcapng: self.pcapng,
        }
    }
}

fn congestion(name: &str) -> Result<Congestion, String> {
    Congestion::named(name).ok_or_else(|| "use cubic, cubic-wide or bbr".to_owned())
}
