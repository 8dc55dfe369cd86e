//! What the kernel did, from the files that `cargo xtask reference --store` writes, and the model on the same settings.

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use serde::Deserialize;
use sluice_shared::lab::Congestion;
use sluice_shared::link::{BurstLoss, LossModel, NetworkProfile, Share};
use sluice_tcp::Config;
use sluice_tcp::traffic::{self, Measured, Traffic, quantile_millis};

use crate::network::{limited, lossy};

/// No machine is as exact as virtual time. Without this every round trip would be the least one, so that BBR would never
/// pause to measure it again, as the kernel's does every ten seconds.
const MACHINE_JITTER: Duration = Duration::from_micros(100);

/// A file of measurements.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    pub(crate) kernel: String,
    pub(crate) congestion: Congestion,
    /// The probabilities of every `delays_millis`.
    #[serde(default)]
    pub(crate) probabilities: Vec<f64>,
    #[serde(rename = "setting")]
    pub(crate) settings: Vec<Setting>,
}

/// Traffic over a network, and what the kernel did with it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    pub(crate) traffic: String,
    pub(crate) rtt_millis: u64,
    pub(crate) loss_billionths: u32,
    /// Mean length of bad spells; 0 for random loss.
    pub(crate) burst_millis: u64,
    pub(crate) jitter_millis: u64,
    /// 0 for no limit.
    pub(crate) mbit_per_sec: u64,
    pub(crate) seconds: u64,
    /// Seeds 1 to this.
    pub(crate) seeds: u64,
    /// Packets that reached the loss stages, and those lost there, seed by seed.
    pub(crate) packets: Vec<u64>,
    pub(crate) lost: Vec<u64>,
    #[serde(default)]
    pub(crate) delivered: usize,
    #[serde(default)]
    pub(crate) missing: usize,
    /// Milliseconds beyond the one-way delay, of all seeds together.
    #[serde(default)]
    pub(crate) delays_millis: Vec<f64>,
    /// Median, 95th and 99th percentile of each seed.
    #[serde(default)]
    pub(crate) by_seed: Vec<[f64; 3]>,
    #[serde(default)]
    pub(crate) goodput_mbit_per_sec: Vec<f64>,
}

impl Reference {
    /// Reads `data/<name>.toml`.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name).with_extension("toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The kernel's delay at `probability` in a setting of this file, in milliseconds.
    pub(crate) fn kernel_millis(&self, setting: &Setting, probability: f64) -> f64 {
        let index = self.probabilities.iter().position(|stored| *stored == probability);
        setting.delays_millis[index.expect("the probability is stored")]
    }
}

impl Setting {
    pub(crate) fn label(&self) -> String {
        let loss = f64::from(self.loss_billionths) / 1e7;
        let mut label = format!("{}, RTT {} ms, {loss:.1} % lost", self.traffic, self.rtt_millis);
        for (value, text) in [
            (self.burst_millis, "ms spells"),
            (self.jitter_millis, "ms jitter"),
            (self.mbit_per_sec, "Mbit/s"),
        ] {
            if value > 0 {
                label += &format!(", {value} {text}");
            }
        }
        label
    }

    /// What share of the packets of all seeds really was lost.
    pub(crate) fn lost_percent(&self) -> f64 {
        self.lost.iter().sum::<u64>() as f64 * 1e2 / self.packets.iter().sum::<u64>() as f64
    }

    /// The least and the most of the seeds' 95th percentiles.
    pub(crate) fn range_of_p95(&self) -> [f64; 2] {
        let values = self.by_seed.iter().map(|[_, p95, _]| *p95);
        values.fold([f64::INFINITY, 0.0], |[least, most], value| [least.min(value), most.max(value)])
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let known = Traffic::ALL.into_iter().find(|traffic| traffic.name() == self.traffic);
        known.expect("the traffic of the file is known")
    }

    pub(crate) fn network(&self) -> NetworkProfile {
        let loss = Share::from_billionths(self.loss_billionths);
        let mut network = match self.mbit_per_sec {
            0 => lossy(self.rtt_millis, loss),
            rate => limited(self.rtt_millis, rate, loss),
        };
        for link in [&mut network.up, &mut network.down] {
            link.propagation.jitter = Duration::from_millis(self.jitter_millis);
            if self.burst_millis > 0 {
                let burst = BurstLoss::of_mean(loss, Duration::from_millis(self.burst_millis));
                link.loss = LossModel::Burst(burst.expect("bursts are of a loss"));
            }
        }
        network
    }

    /// What the model does with each of `seeds`; every core takes its part.
    pub(crate) fn run(&self, congestion: Congestion, seeds: &[u64]) -> Vec<Measured> {
        let config = Config { congestion, ..Config::default() };
        let (mut network, traffic) = (self.network(), self.traffic());
        for link in [&mut network.up, &mut network.down] {
            link.propagation.jitter += MACHINE_JITTER;
        }
        let span = Duration::from_secs(self.seconds);
        let run = |seed: &u64| {
            traffic::measure(config, &network, *seed, traffic, span).expect("the handshake ends")
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let part = seeds.len().div_ceil(cores).max(1);
        thread::scope(|scope| {
            let parts: Vec<_> = seeds
                .chunks(part)
                .map(|part| scope.spawn(move || part.iter().map(run).collect::<Vec<_>>()))
                .collect();
            parts.into_iter().flat_map(|part| part.join().expect("the model does not panic")).collect()
        })
    }
}

/// The delay of the runs together at `probability`, in milliseconds.
pub(crate) fn pooled_millis(runs: &[Measured], probability: f64) -> f64 {
    let mut delays: Vec<Duration> = runs.iter().flat_map(|run| run.delays.iter().copied()).collect();
    delays.sort_unstable();
    quantile_millis(&delays, probability)
}

/// The mean goodput of the runs, in Mbit/s.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
