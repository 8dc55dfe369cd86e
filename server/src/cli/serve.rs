//! `sluice serve`.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::value_parser;
use sluice_server::{
    BackendProgram, Backends, Config, Congestion, FeedKind, ListenAddress, Pings, QuicTuning, TlsFiles,
};
use sluice_shared::lab::TcpStack;

use super::span::{ping_interval, ping_timeout};
use super::{log_filter, tcp_stack};

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Where to serve the page, the API and WebSocket; with 127.0.0.1 or localhost also at ::1; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    http: ListenAddress,
    /// Where to serve WebTransport (UDP)
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4433")]
    quic: ListenAddress,
    /// A feed to offer; may be repeated [default: ticks and host]
    #[arg(long = "feed", value_name = "FEED", value_enum)]
    feeds: Vec<FeedKind>,
    /// Readings a second of the host feed
    #[arg(long, value_name = "HZ", default_value_t = 10, value_parser = value_parser!(u32).range(1..=50))]
    host_rate: u32,
    /// A certificate chain that browsers trust, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// An origin whose pages may connect besides this server's own, such as http://127.0.0.1:8081; * allows all
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<String>,
    /// A name that this server goes by besides its addresses and localhost, such as lab.example; may be repeated; not
    /// needed with --tls-cert
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Connections that may be sessions at a time
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = value_parser!(u32).range(1..=1_000_000))]
    max_sessions: u32,
    /// Labs at a time: each open page has one, with an emulated network of its own; 0 for none
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = value_parser!(u64).range(0..=32))]
    labs: u64,
    /// Whose TCP crosses the labs' networks: model follows Linux and needs nothing; kernel is the real one, through TUN
    /// devices in namespaces of its own (Linux, as root or where users may make namespaces)
    #[arg(long, value_name = "STACK", default_value = "model", value_parser = tcp_stack)]
    tcp: TcpStack,
    /// QUIC's congestion controller, for connections that go through no lab
    #[arg(long, value_name = "NAME", value_enum, default_value = "cubic")]
    congestion: Congestion,
    /// QUIC's congestion window to start with, bytes [default: the controller's own]
    #[arg(long, value_name = "BYTES", value_parser = value_parser!(u64).range(2_400..=16_777_216))]
    initial_window: Option<u64>,
    /// How often a WebSocket client is asked for a sign of life, such as 20s or 500ms
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = ping_interval)]
    ping_interval: Duration,
    /// After how long without one it is dead; noticed within interval + timeout
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = ping_timeout)]
    ping_timeout: Duration,
    /// Where the QUIC backends of labs run: in the server's process, or each in a process of its own that can be killed
    #[arg(long, value_name = "WHERE", value_enum, default_value_t)]
    backends: BackendPlace,
    /// Open the page in the browser
    #[arg(long)]
    pub(crate) open: bool,
    /// What to log, as in RUST_LOG, which counts if this is not given: info, debug, sluice_server=trace
    #[arg(long, value_name = "FILTER", value_parser = log_filter)]
    pub(crate) log: Option<String>,
}

/// Where backends run.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum BackendPlace {
    #[default]
    InProcess,
    Process,
}

impl Serve {
    /// The server that the options describe.
    ///
    /// # Errors
    /// Backends are to be processes, and it is not known what program this is.
    pub(crate) fn config(self) -> io::Result<Config> {
        let backends = match self.backends {
            BackendPlace::InProcess => Backends::InProcess,
            BackendPlace::Process => Backends::Process(program(self.log.as_deref())?),
        };
        let mut feeds = self.feeds;
        if feeds.is_empty() {
            feeds = Config::default().feeds;
        }
        feeds.sort_unstable();
        feeds.dedup();
        let tls = self.tls_cert.zip(self.tls_key);
        Ok(Config {
            http: self.http,
            quic: self.quic,
            feeds,
            host_rate_hz: self.host_rate,
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            allowed_origins: self.allowed_origins,
            hosts: self.hosts,
            max_sessions: self.max_sessions,
            tcp: self.tcp,
            max_labs: usize::try_from(self.labs).unwrap_or(Config::MOST_LABS),
            quic_tuning: QuicTuning { congestion: self.congestion, initial_window: self.initial_window },
            pings: Pings { interval: self.ping_interval, timeout: self.ping_timeout },
            backends,
        })
    }
}

/// This program, as a backend that logs what the server logs.
fn program(log: Option<&str>) -> io::Result<BackendProgram> {
    let mut arguments = vec![OsString::from("backend")];
    if let Some(filter) = log {
        arguments.extend([OsString::from("--log"), OsString::from(filter)]);
    }
    Ok(BackendProgram { executable: std::env::current_exe()?, arguments })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn config(arguments: &[&str]) -> Result<Config, clap::Error> {
        let cli = Cli::try_parse_from([&["sluice", "serve"], arguments].concat())?;
        let Command::Serve(serve) = cli.command else { panic!("serve was asked for") };
        Ok(serve.config().expect("this program is somewhere"))
    }

    #[test]
    fn without_options_the_default_server_is_meant() {
        let (config, default) = (config(&[]).expect("valid"), Config::default());
        assert_eq!((config.http, config.quic, config.feeds), (default.http, default.quic, default.feeds));
        assert_eq!((config.host_rate_hz, config.max_sessions), (default.host_rate_hz, default.max_sessions));
        assert_eq!(config.pings, default.pings);
    }

    #[test]
    fn backends_are_processes_if_asked_for_and_log_alike() {
        assert_eq!(config(&[]).expect("valid").backends, Backends::InProcess);
        let config = config(&["--backends", "process", "--log", "debug"]).expect("valid");
        let Backends::Process(program) = config.backends else { panic!("processes were asked for") };
        let cli = Cli::try_parse_from(std::iter::once("sluice".into()).chain(program.arguments));
        let Ok(Cli { command: Command::Backend(backend) }) = cli else { panic!("a backend is meant") };
        assert_eq!(backend.log.as_deref(), Some("debug"));
    }

    #[test]
    fn a_feed_named_twice_counts_once() {
        let config = config(&["--feed", "stdin", "--feed", "ticks", "--feed", "stdin"]).expect("valid");
        assert_eq!(config.feeds, [FeedKind::Ticks, FeedKind::Stdin]);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for wrong in [
            &["--tls-cert", "a.pem"][..],
            &["--host-rate", "0"],
            &["--host-rate", "51"],
            &["--http", "nowhere"],
            &["--congestion", "vegas"],
            &["--feed", "news"],
            &["--log", "a=b=c"],
            &["--ping-interval", "20"],
            &["--ping-interval", "99ms"],
            &["--ping-timeout", "301s"],
            &["--backends", "thread"],
        ] {
            let error = config(wrong).expect_err("wrong usage");
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
        }
    }
}
