//! Networks with a name.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::error::UnknownPreset;
use super::loss::{BurstLoss, LossModel};
use super::nearest::nearest;
use super::outage::{Outage, OutageSchedule};
use super::profile::{BottleneckLimits, LinkProfile, NetworkProfile, Propagation, QueueLimit};
use super::units::{Bitrate, ByteCount, Share};

/// The name of a ready-made network; the numbers are with the constructors of [`NetworkProfile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// [`NetworkProfile::none`].
    None,
    /// [`NetworkProfile::fibre`].
    Fibre,
    /// [`NetworkProfile::cable`].
    Cable,
    /// [`NetworkProfile::wifi_crowded`].
    WifiCrowded,
    /// [`NetworkProfile::lte`].
    Lte,
    /// [`NetworkProfile::three_g`].
    ThreeG,
    /// [`NetworkProfile::satellite`].
    Satellite,
    /// [`NetworkProfile::lossy_2`].
    Lossy2,
    /// [`NetworkProfile::train`].
    Train,
    /// [`NetworkProfile::long_rtt`].
    LongRtt,
    /// [`NetworkProfile::black_hole`].
    BlackHole,
    /// [`NetworkProfile::transfer_loss`].
    TransferLoss,
    /// [`NetworkProfile::udp_blocked`].
    UdpBlocked,
}

impl Preset {
    /// All presets, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::None,
        Self::Fibre,
        Self::Cable,
        Self::WifiCrowded,
        Self::Lte,
        Self::ThreeG,
        Self::Satellite,
        Self::Lossy2,
        Self::Train,
        Self::LongRtt,
        Self::BlackHole,
        Self::TransferLoss,
        Self::UdpBlocked,
    ];

    /// The name used in URLs, options and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fibre => "fibre",
            Self::Cable => "cable",
            Self::WifiCrowded => "wifi-crowded",
            Self::Lte => "lte",
            Self::ThreeG => "3g",
            Self::Satellite => "satellite",
            Self::Lossy2 => "lossy-2",
            Self::Train => "train",
            Self::LongRtt => "longrtt",
            Self::BlackHole => "blackhole",
            Self::TransferLoss => "transferloss",
            Self::UdpBlocked => "udp-blocked",
        }
    }

    /// What it is, in one line without its name: round-trip time, rates down/up, what goes wrong.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::None => "nothing is delayed, limited or lost",
            Self::Fibre => "8 ms, 300/100 Mbit/s, next to no loss",
            Self::Cable => "24 ms, 100/10 Mbit/s, a deep queue upwards",
            Self::WifiCrowded => "16 ms and up to 40 ms of jitter, 20/10 Mbit/s, 2 % lost in bursts",
            Self::Lte => "50 ms, 20/8 Mbit/s, deep queues, 0.1 % lost",
            Self::ThreeG => "300 ms, 1.6/0.768 Mbit/s, deep queues, 0.2 % lost",
            Self::Satellite => "600 ms, 25/3 Mbit/s, 0.5 % lost",
            Self::Lossy2 => "100 ms, 2 % lost each way",
            Self::Train => "lte with tunnels of 4 s and 12 s, and a new address after each",
            Self::LongRtt => "1,500 ms (750 ms each way), 10 Mbit/s, a short queue",
            Self::BlackHole => "30 ms, 10 Mbit/s, 5 s on and 2 s off",
            Self::TransferLoss => "30 ms, 10 Mbit/s, 2 % lost in bursts of about 3 packets",
            Self::UdpBlocked => "TCP passes untouched, UDP not at all",
        }
    }

    /// The network.
    pub fn profile(self) -> NetworkProfile {
        match self {
            Self::None => NetworkProfile::none(),
            Self::Fibre => NetworkProfile::fibre(),
            Self::Cable => NetworkProfile::cable(),
            Self::WifiCrowded => NetworkProfile::wifi_crowded(),
            Self::Lte => NetworkProfile::lte(),
            Self::ThreeG => NetworkProfile::three_g(),
            Self::Satellite => NetworkProfile::satellite(),
            Self::Lossy2 => NetworkProfile::lossy_2(),
            Self::Train => NetworkProfile::train(),
            Self::LongRtt => NetworkProfile::long_rtt(),
            Self::BlackHole => NetworkProfile::black_hole(),
            Self::TransferLoss => NetworkProfile::transfer_loss(),
            Self::UdpBlocked => NetworkProfile::udp_blocked(),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or_else(|| UnknownPreset {
            name: name.to_owned(),
            nearest: nearest(name, Self::ALL.into_iter().map(Self::name)),
        })
    }
}

impl NetworkProfile {
    /// Nothing at all: what both lanes do with no network between. No delay, no rate, no loss.
    pub fn none() -> Self {
        Self::default()
    }

    /// Fibre to the home, a server in the same country.
    ///
    /// Each way 4 ms and up to 0.5 ms of jitter, 0.001 % random loss. Down 300 Mbit/s, up 100 Mbit/s: common tariffs.
    /// Queue 20 ms: about what the line cards in such access networks hold at these rates.
    pub fn fibre() -> Self {
        let link = |mbit: u64| Line {
            jitter_us: 500,
            loss: random_billionths(10_000),
            ..Line::new(Duration::from_millis(4), mbit * 1_000, 20)
        };
        Self { down: link(300).link(), up: link(100).link(), ..Self::default() }
    }

    /// Cable (DOCSIS) at home, with the upstream queue it is known for.
    ///
    /// Each way 12 ms and up to 2 ms of jitter (the request-grant cycle of the shared upstream), 0.01 % random loss.
    /// Down 100 Mbit/s with a queue of 100 ms; up 10 Mbit/s with a queue of 250 ms, as modems without queue management
    /// have: an upload makes everything late.
    pub fn cable() -> Self {
        let link = |kbit, queue_ms| Line {
            jitter_us: 2_000,
            loss: random_billionths(100_000),
            ..Line::new(Duration::from_millis(12), kbit, queue_ms)
        };
        Self { down: link(100_000, 100).link(), up: link(10_000, 250).link(), ..Self::default() }
    }

    /// Wi-Fi that many share: a café, a conference.
    ///
    /// Each way 8 ms and up to 20 ms of jitter (waiting for the air). Down 20 Mbit/s, up 10 Mbit/s, queue 100 ms. Loss
    /// in bursts, since interference lasts: bad spells of 40 ms on average that take half of the packets, good ones of
    /// 960 ms, so 2 % in the long run.
    pub fn wifi_crowded() -> Self {
        let loss = LossModel::Burst(BurstLoss {
            good: Duration::from_millis(960),
            bad: Duration::from_millis(40),
            loss_in_good: Share::ZERO,
            loss_in_bad: Share::from_percent(50),
        });
        let link = |mbit: u64| Line {
            jitter_us: 20_000,
            loss,
            ..Line::new(Duration::from_millis(8), mbit * 1_000, 100)
        };
        Self { down: link(20).link(), up: link(10).link(), ..Self::default() }
    }

    /// A phone with a fair LTE signal.
    ///
    /// Each way 25 ms and up to 8 ms of jitter (the scheduler's grid and its retransmissions), 0.1 % random loss: the
    /// radio layer mends nearly all. Down 20 Mbit/s with a queue of 300 ms, up 8 Mbit/s with a queue of 500 ms: mobile
    /// networks delay rather than drop.
    pub fn lte() -> Self {
        let link = |mbit: u64, queue_ms| Line {
            jitter_us: 8_000,
            loss: random_billionths(1_000_000),
            ..Line::new(Duration::from_millis(25), mbit * 1_000, queue_ms)
        };
        Self { down: link(20, 300).link(), up: link(8, 500).link(), ..Self::default() }
    }

    /// A phone on 3G: the rates and the round trip that page-speed tools call "3G".
    ///
    /// Each way 150 ms and up to 30 ms of jitter, 0.2 % random loss. Down 1.6 Mbit/s, up 768 kbit/s, queue 1 s each:
    /// such networks were built to lose nothing and to wait instead.
    pub fn three_g() -> Self {
        let link = |kbit| Line {
            jitter_us: 30_000,
            loss: random_billionths(2_000_000),
            ..Line::new(Duration::from_millis(150), kbit, 1_000)
        };
        Self { down: link(1_600).link(), up: link(768).link(), ..Self::default() }
    }

    /// A satellite in geostationary orbit.
    ///
    /// Each way 300 ms, of which light needs about 250 ms there and back to 36,000 km, and up to 10 ms of jitter; 0.5 %
    /// random loss (rain, handled late). Down 25 Mbit/s, up 3 Mbit/s, queue 600 ms: one round trip, so that one
    /// connection can fill the rate.
    pub fn satellite() -> Self {
        let link = |mbit: u64| Line {
            jitter_us: 10_000,
            loss: random_billionths(5_000_000),
            ..Line::new(Duration::from_millis(300), mbit * 1_000, 600)
        };
        Self { down: link(25).link(), up: link(3).link(), ..Self::default() }
    }

    /// The plain case for head-of-line blocking: 50 ms and 2 % random loss each way, no rate limit, no jitter.
    ///
    /// Nothing else disturbs, so what is late is late because of loss.
    pub fn lossy_2() -> Self {
        let mut link = LinkProfile::delayed(Duration::from_millis(50));
        link.loss = LossModel::Random(Share::from_percent(2));
        Self::symmetric(link)
    }

    /// A phone in a train: [`Self::lte`] with two tunnels in each minute.
    ///
    /// Nothing gets in from 15 s to 19 s (4 s: sessions live through it) and from 35 s to 47 s (12 s: browsers give a
    /// WebTransport session up after 6 to 8 s). After each tunnel the client has another address.
    pub fn train() -> Self {
        let tunnels = OutageSchedule {
            outages: vec![
                Outage::new(Duration::from_secs(15), Duration::from_secs(4)),
                Outage::new(Duration::from_secs(35), Duration::from_secs(12)),
            ],
            repeats_every: Some(Duration::from_secs(60)),
        };
        let lte = Self::lte();
        Self {
            up: LinkProfile { outages: tunnels.clone(), ..lte.up },
            down: LinkProfile { outages: tunnels, ..lte.down },
            renews_address: true,
            ..lte
        }
    }

    /// `longrtt` of the QUIC interoperability tests: 750 ms each way, 10 Mbit/s, a queue of 25 packets of 1,500 bytes.
    ///
    /// The round trip of 1.5 s is longer than the first timeout of either transport (1 s), so each sends its first
    /// packet twice; the queue is short against the 1.9 MB that fill the way, so slow start overflows it early.
    pub fn long_rtt() -> Self {
        Self::symmetric(interop(Duration::from_millis(750)))
    }

    /// `blackhole` of the QUIC interoperability tests: 5 s on, 2 s off, again and again.
    ///
    /// Each way 15 ms, 10 Mbit/s and a queue of 25 packets of 1,500 bytes, as all those tests have.
    pub fn black_hole() -> Self {
        let outages =
            OutageSchedule::periodic(Duration::from_secs(5), Duration::from_secs(2), Duration::from_secs(7));
        Self::symmetric(LinkProfile { outages, ..interop(Duration::from_millis(15)) })
    }

    /// `transferloss` of the QUIC interoperability tests: 2 % lost, about 3 packets at a time.
    ///
    /// Each way 15 ms, 10 Mbit/s and a queue of 25 packets of 1,500 bytes. Three such packets take 3.6 ms at that rate,
    /// so bad spells last 3.6 ms on average and take everything; good ones 176.4 ms.
    pub fn transfer_loss() -> Self {
        let loss = LossModel::Burst(BurstLoss {
            good: Duration::from_micros(176_400),
            bad: Duration::from_micros(3_600),
            loss_in_good: Share::ZERO,
            loss_in_bad: Share::ALL,
        });
        Self::symmetric(LinkProfile { loss, ..interop(Duration::from_millis(15)) })
    }

    /// An office network that lets TCP through and no UDP: QUIC cannot start, WebSocket is untouched.
    pub fn udp_blocked() -> Self {
        Self { blocks_udp: true, ..Self::default() }
    }
}

/// The settings that differ between the everyday networks, for one direction.
struct Line {
    delay: Duration,
    jitter_us: u64,
    rate: Bitrate,
    queue: Duration,
    loss: LossModel,
}

impl Line {
    const fn new(delay: Duration, kbit: u64, queue_ms: u64) -> Self {
        Self {
            delay,
            jitter_us: 0,
            rate: Bitrate::from_kbit_per_sec(kbit),
            queue: Duration::from_millis(queue_ms),
            loss: LossModel::None,
        }
    }

    fn link(&self) -> LinkProfile {
        LinkProfile {
            bottleneck: Some(BottleneckLimits { rate: self.rate, queue: QueueLimit::Time(self.queue) }),
            loss: self.loss,
            propagation: Propagation {
                delay: self.delay,
                jitter: Duration::from_micros(self.jitter_us),
                ..Propagation::default()
            },
            ..LinkProfile::default()
        }
    }
}

const fn random_billionths(parts: u32) -> LossModel {
    LossModel::Random(Share::from_billionths(parts))
}

/// The link that the QUIC interoperability tests put under everything.
fn interop(delay: Duration) -> LinkProfile {
    LinkProfile {
        bottleneck: Some(BottleneckLimits {
            rate: Bitrate::from_mbit_per_sec(10),
            queue: QueueLimit::Bytes(ByteCount::new(25 * 1_500)),
        }),
        ..LinkProfile::delayed(delay)
    }
}
