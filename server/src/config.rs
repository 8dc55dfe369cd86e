//! How a server is set up.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluice_shared::lab::{self, TcpStack};

use crate::feeds::FeedKind;
use crate::listen::ListenAddress;

/// Everything that a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP and WebSocket are served. Port 0 takes a free one.
    pub http: ListenAddress,
    /// Where WebTransport is served. Port 0 takes a free one.
    pub quic: ListenAddress,
    /// The feeds on offer.
    pub feeds: Vec<FeedKind>,
    /// Readings a second of the `host` feed, 1 to 50.
    pub host_rate_hz: u32,
    /// A certificate that browsers trust; without it the page is served in the clear and WebTransport with
    /// certificates that the page pins.
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may connect besides this server's own; `*` allows all.
    pub allowed_origins: Vec<String>,
    /// Names that this server goes by besides its addresses and `localhost`; with a certificate of its own it goes by any.
    pub hosts: Vec<String>,
    /// Connections that may be sessions at a time.
    pub max_sessions: u32,
    /// Labs at a time, each with an emulated network of its own, 0 to [`Config::MOST_LABS`].
    pub max_labs: usize,
    /// Whose TCP crosses the labs' networks.
    pub tcp: TcpStack,
    /// How QUIC sends.
    pub quic_tuning: QuicTuning,
    /// How WebSocket clients are asked for signs of life.
    pub pings: Pings,
    /// Where the QUIC backends of labs run.
    pub backends: Backends,
}

/// Where the QUIC backends of labs run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Backends {
    /// In the server's process.
    #[default]
    InProcess,
    /// Each in a process of its own, which ends connections; sessions are the server's.
    Process(BackendProgram),
}

/// The program that a backend's process runs: `sluice backend`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendProgram {
    /// The executable.
    pub executable: PathBuf,
    /// What follows its name.
    pub arguments: Vec<OsString>,
}

/// How a WebSocket client is asked for signs of life: one that dies is noticed within interval + timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pings {
    /// From one ping to the next, [`Pings::INTERVALS`].
    pub interval: Duration,
    /// From a ping to the end, if nothing at all is heard, [`Pings::TIMEOUTS`].
    pub timeout: Duration,
}

impl Pings {
    /// Every 20 s, dead after 10 s without an answer.
    pub const DEFAULT: Self = Self { interval: Duration::from_secs(20), timeout: Duration::from_secs(10) };
    /// Intervals that are taken.
    pub const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
    /// Timeouts that are taken.
    pub const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(300);
}

impl Config {
    /// Most labs of a server: the page's content security policy names the ports of all.
    pub const MOST_LABS: usize = 32;
}

/// A certificate chain and its key, in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How QUIC sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuicTuning {
    /// The congestion controller.
    pub congestion: Congestion,
    /// The congestion window to start with, bytes; `None` is the controller's own.
    pub initial_window: Option<u64>,
}

impl QuicTuning {
    /// CUBIC with quinn's own initial window.
    pub const fn standard() -> Self {
        Self { congestion: Congestion::Cubic, initial_window: None }
    }

    /// The same with what a lane has chosen; a window of its own goes before the one of these settings.
    pub const fn chosen(self, choice: lab::Congestion) -> Self {
        let congestion = match choice {
            lab::Congestion::Cubic | lab::Congestion::CubicWide => Congestion::Cubic,
            lab::Congestion::Bbr => Congestion::Bbr,
        };
        let initial_window = match choice.initial_window_bytes() {
            Some(bytes) => Some(bytes),
            None => self.initial_window,
        };
        Self { congestion, initial_window }
    }
}

/// Congestion controllers that quinn has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
pub enum Congestion {
    /// CUBIC (RFC 9438), as Linux's TCP
    #[default]
    Cubic,
    /// NewReno (RFC 9002)
    Newreno,
    /// BBR, which quinn calls experimental
    Bbr,
}

impl Congestion {
    /// The name used in options and on the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::Newreno => "newreno",
            Self::Bbr => "bbr",
        }
    }
}

impl Default for Config {
    /// The page at 127.0.0.1:8080 and WebTransport at port 4433, with the feeds `ticks` and `host`.
    fn default() -> Self {
        Self {
            http: ListenAddress::loopback(8080),
            quic: ListenAddress::loopback(4433),
            feeds: vec![FeedKind::Ticks, FeedKind::Host],
            host_rate_hz: 10,
            tls: None,
            allowed_origins: Vec::new(),
            hosts: Vec::new(),
            max_sessions: 4_096,
            max_labs: 8,
            tcp: TcpStack::Model,
            quic_tuning: QuicTuning::default(),
            pings: Pings::DEFAULT,
            backends: Backends::InProcess,
        }
    }
}
