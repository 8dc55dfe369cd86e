//! What is measured.

use std::time::Duration;

use sluice_shared::lab::Congestion;
use sluice_shared::link::{
    Bitrate, BottleneckLimits, BurstLoss, LinkProfile, LossModel, NetworkProfile, QueueLimit, Share,
};
use sluice_tcp::traffic::Traffic;

/// One row of the table: traffic over a network, with several seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) traffic: Traffic,
    pub(crate) congestion: Congestion,
    pub(crate) rtt_millis: u64,
    /// In each direction.
    pub(crate) loss: Share,
    /// Mean length of bad spells in milliseconds; 0 for random loss.
    pub(crate) burst_millis: u64,
    /// Each way, in order.
    pub(crate) jitter_millis: u64,
    /// Each way, with a queue of one round trip; 0 for no limit.
    pub(crate) mbit_per_sec: u64,
    /// Seeds 1 to this.
    pub(crate) seeds: u64,
    pub(crate) seconds: u64,
}

impl Setting {
    pub(crate) fn network(&self) -> NetworkProfile {
        let mut link = LinkProfile::delayed(Duration::from_micros(self.rtt_millis * 500));
        let burst = Duration::from_millis(self.burst_millis);
        link.loss = match BurstLoss::of_mean(self.loss, burst) {
            Some(loss) if self.burst_millis > 0 => LossModel::Burst(loss),
            _ => LossModel::Random(self.loss),
        };
        link.propagation.jitter = Duration::from_millis(self.jitter_millis);
        link.bottleneck = (self.mbit_per_sec > 0).then(|| BottleneckLimits {
            rate: Bitrate::from_mbit_per_sec(self.mbit_per_sec),
            queue: QueueLimit::Time(Duration::from_millis(self.rtt_millis)),
        });
        NetworkProfile::symmetric(link)
    }

    pub(crate) const fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Packets a second, both ways together, that one run costs the machine; a guess from above.
    pub(crate) const fn load(&self) -> u64 {
        match self.traffic {
            Traffic::OneWayTicks => 400,
            Traffic::TwoWayTicks => 600,
            Traffic::Bursts => 150,
            Traffic::Bulk => {
                // A packet of 1,500 bytes for every 12 kbit, and an acknowledgment for every second one.
                let most = self.mbit_per_sec * 125;
                // Loss holds CUBIC back to a fraction of what the network would carry.
                let held_back = match (self.congestion, self.loss.as_billionths()) {
                    (Congestion::Bbr, _) | (_, 0) => most,
                    (Congestion::Cubic | Congestion::CubicWide, ..=2_000_000) => 2_000,
                    (Congestion::Cubic | Congestion::CubicWide, _) => 500,
                };
                if held_back < most { held_back } else { most }
            }
        }
    }

    /// How many of p50, p95 and p99 say more of TCP than of luck, for delays.
    pub(crate) fn held_quantiles(&self) -> usize {
        let loss = self.loss.as_billionths();
        match self.congestion {
            // A handful of timeouts decides the tail, in the kernel's own runs too.
            _ if loss > 20 * TENTH_PERCENT => 0,
            // The window hardly carries the ticks: the queue behind it is a random walk.
            Congestion::Cubic | Congestion::CubicWide
                if self.rtt_millis >= 200 && loss >= 10 * TENTH_PERCENT =>
            {
                1
            }
            // Pauses delay one message in a hundred, sooner or later by the noise of the path.
            Congestion::Bbr if self.rtt_millis >= 100 && loss == 0 && self.mbit_per_sec == 0 => 2,
            Congestion::Cubic | Congestion::CubicWide | Congestion::Bbr => 3,
        }
    }

    /// How the setting is called in the table.
    pub(crate) fn label(&self) -> String {
        let mut label =
            format!("{:<5} {:<13} RTT {:>3}", self.congestion, self.traffic.name(), self.rtt_millis);
        label += &format!(", loss {:.1} %", self.loss.as_fraction() * 1e2);
        if self.burst_millis > 0 {
            label += &format!(" in spells of {} ms", self.burst_millis);
        }
        if self.jitter_millis > 0 {
            label += &format!(", jitter {} ms", self.jitter_millis);
        }
        if self.mbit_per_sec > 0 {
            label += &format!(", {} Mbit/s", self.mbit_per_sec);
        }
        label
    }
}

const TENTH_PERCENT: u32 = 1_000_000;
/// What a kernel has: its sockets cannot choose an initial window.
pub(crate) const IN_KERNEL: [Congestion; 2] = [Congestion::Cubic, Congestion::Bbr];

/// Everything that is measured, ticks first.
pub(crate) fn all(is_quick: bool) -> Vec<Setting> {
    let mut settings = Vec::new();
    for congestion in IN_KERNEL {
        ticks(&mut settings, congestion, is_quick);
        bulk(&mut settings, congestion);
    }
    if is_quick {
        settings.retain(|setting| setting.seconds == 60 || setting.mbit_per_sec < 50);
        for setting in &mut settings {
            setting.seeds = setting.seeds.min(3);
            setting.seconds = setting.seconds.min(20);
        }
    }
    settings
}

fn ticks(settings: &mut Vec<Setting>, congestion: Congestion, is_quick: bool) {
    let base = Setting {
        traffic: Traffic::OneWayTicks,
        congestion,
        rtt_millis: 100,
        loss: Share::ZERO,
        burst_millis: 0,
        jitter_millis: 0,
        mbit_per_sec: 0,
        seeds: 8,
        seconds: 60,
    };
    let losses: &[u32] = match (congestion, is_quick) {
        (Congestion::Cubic | Congestion::CubicWide, false) => &[0, 5, 10, 20, 50],
        (Congestion::Bbr, false) => &[0, 10, 20, 50],
        (_, true) => &[0, 20],
    };
    for traffic in [Traffic::OneWayTicks, Traffic::TwoWayTicks] {
        for rtt_millis in [20, 100, 200] {
            for tenths in losses {
                let loss = Share::from_billionths(tenths * TENTH_PERCENT);
                let seeds = match (rtt_millis, tenths) {
                    // Without loss the runs differ only in what the machine adds.
                    (_, 0) => 2,
                    // A few spells in which the window does not carry the ticks decide the tail.
                    (100, 20) | (200, 10 | 20) => 2 * base.seeds,
                    _ => base.seeds,
                };
                settings.push(Setting { traffic, rtt_millis, loss, seeds, ..base });
            }
        }
    }
    for rtt_millis in [20, 100, 200] {
        let loss = Share::from_billionths(20 * TENTH_PERCENT);
        settings.push(Setting { rtt_millis, loss, burst_millis: 15, ..base });
    }
    let loss = Share::from_billionths(10 * TENTH_PERCENT);
    settings.push(Setting { rtt_millis: 50, loss, jitter_millis: 20, ..base });
    for rtt_millis in [50, 150] {
        let bursts = Setting { traffic: Traffic::Bursts, rtt_millis, mbit_per_sec: 20, seeds: 2, ..base };
        settings.push(bursts);
    }
}

fn bulk(settings: &mut Vec<Setting>, congestion: Congestion) {
    for mbit_per_sec in [10, 50] {
        for tenths in [0, 1, 10, 30] {
            let seeds = match (congestion, tenths) {
                (_, 0) => 2,
                (Congestion::Cubic | Congestion::CubicWide, 1) => 12,
                (Congestion::Cubic | Congestion::CubicWide, _) => 8,
                (Congestion::Bbr, _) => 3,
            };
            settings.push(Setting {
                traffic: Traffic::Bulk,
                congestion,
                rtt_millis: 50,
                loss: Share::from_billionths(tenths * TENTH_PERCENT),
                burst_millis: 0,
                jitter_millis: 0,
                mbit_per_sec,
                seeds,
                seconds: 30,
            });
        }
    }
}
