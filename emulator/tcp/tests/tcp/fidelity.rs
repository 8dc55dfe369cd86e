//! The model against the kernel: the same traffic over the same emulated networks, with the same seeds.
//!
//! The kernel's distributions lie in `tests/data`; `cargo xtask reference --store` measures them anew. A delay may be
//! off by 15 % and 2 ms, a goodput by 10 %. Losses are paired by packet number only until the first packet that one
//! side sends and the other does not, so several seeds are compared together; where even that leaves the kernel's own
//! figure uncertain, [`WIDER`] says so.

use sluice_shared::lab::Congestion;
use sluice_tcp::traffic::Traffic;

use crate::reference::{Reference, Setting, mean, pooled_millis};

/// The quantiles that are held, and how far the model may be off.
const PROBABILITIES: [f64; 3] = [0.5, 0.95, 0.99];
const DELAY_SHARE: f64 = 0.15;
const DELAY_MILLIS: f64 = 2.0;
const GOODPUT_SHARE: f64 = 0.10;
/// Settings that lose more than this are measured and not held: a handful of timeouts decides their tail, which is a
/// decade wide between seeds of the kernel alone.
const JUDGED_LOSS_BILLIONTHS: u32 = 20_000_000;

/// A setting that may be further off, and why.
struct Wider {
    congestion: Congestion,
    traffic: Traffic,
    rtt_millis: u64,
    loss_billionths: u32,
    burst_millis: u64,
    /// Instead of [`DELAY_SHARE`], for each of [`PROBABILITIES`].
    shares: [f64; 3],
    why: &'static str,
}

const WIDER: [Wider; 9] = {
    use Congestion::{Bbr, Cubic};
    use Traffic::{OneWayTicks, TwoWayTicks};
    const TIGHT: &str = "a window that hardly carries the ticks: the queue behind it is a random walk, and the kernel's \
         own standard error over its 16 seeds is 8 to 17 %";
    const OUTLIER: &str = "one of the kernel's 8 seeds was overloaded for a while: its p95 is 2.7 s, that of the others \
         0.3 s at most";
    const PAUSES: &str = "BBR's pauses delay one or two messages in a hundred: p99 lies on their edge, and how often \
         they come follows from how soon the noise of the path repeats the least round trip";
    const fn random(
        congestion: Congestion,
        traffic: Traffic,
        rtt_millis: u64,
        loss_billionths: u32,
        shares: [f64; 3],
        why: &'static str,
    ) -> Wider {
        Wider { congestion, traffic, rtt_millis, loss_billionths, burst_millis: 0, shares, why }
    }
    [
        random(Cubic, OneWayTicks, 100, 20_000_000, [0.15, 0.15, 0.25], TIGHT),
        random(Cubic, OneWayTicks, 200, 10_000_000, [0.15, 0.15, 0.45], TIGHT),
        random(Cubic, OneWayTicks, 200, 20_000_000, [0.15, 0.45, 0.45], TIGHT),
        random(Cubic, TwoWayTicks, 200, 20_000_000, [0.15, 0.45, 0.45], TIGHT),
        Wider { burst_millis: 15, ..random(Cubic, OneWayTicks, 200, 20_000_000, [0.3, 0.3, 1.0], OUTLIER) },
        random(Bbr, OneWayTicks, 100, 0, [0.15, 0.15, 1.0], PAUSES),
        random(Bbr, OneWayTicks, 200, 0, [0.15, 0.15, 1.0], PAUSES),
        random(Bbr, TwoWayTicks, 100, 0, [0.15, 0.15, 1.0], PAUSES),
        random(Bbr, TwoWayTicks, 200, 0, [0.15, 0.15, 1.0], PAUSES),
    ]
};

#[test]
fn cubic_delays_as_the_kernel_does() {
    hold_delays(&Reference::read("cubic-delays"));
}

#[test]
fn cubic_is_as_fast_as_the_kernel() {
    hold_bulk(&Reference::read("cubic-bulk"));
}

#[test]
fn bbr_delays_as_the_kernel_does() {
    hold_delays(&Reference::read("bbr-delays"));
}

#[test]
fn bbr_is_as_fast_as_the_kernel() {
    hold_bulk(&Reference::read("bbr-bulk"));
}

fn hold_delays(reference: &Reference) {
    println!(
        "{}, {}: lost; milliseconds beyond the one-way delay, p50 / p95 / p99; p95 of the kernel's seeds",
        reference.kernel, reference.congestion
    );
    let mut misses = Vec::new();
    let is_judged = |setting: &&Setting| setting.loss_billionths <= JUDGED_LOSS_BILLIONTHS;
    for setting in reference.settings.iter().filter(is_judged) {
        let runs = setting.run(reference.congestion, &model_seeds(setting));
        let kernel = PROBABILITIES.map(|probability| reference.kernel_millis(setting, probability));
        let model = PROBABILITIES.map(|probability| pooled_millis(&runs, probability));
        let wider = wider(reference.congestion, setting);
        let [least, most] = setting.range_of_p95();
        println!(
            "{:<60} {:.2} % · kernel {} · model {} · {least:.1} to {most:.1} {}",
            setting.label(),
            setting.lost_percent(),
            text(kernel),
            text(model),
            wider.map_or_else(String::new, |wider| format!("({})", wider.why))
        );
        let delivered: usize = runs.iter().map(|run| run.delays.len()).sum();
        let per_seed = setting.delivered / setting.by_seed.len();
        assert_eq!((delivered, setting.missing), (per_seed * runs.len(), 0), "{}", setting.label());
        for (index, (kernel, model)) in kernel.into_iter().zip(model).enumerate() {
            let share = wider.map_or(DELAY_SHARE, |wider| wider.shares[index]);
            if (model - kernel).abs() > share * kernel + DELAY_MILLIS {
                misses.push(format!("{}: {kernel:.1} ms, but {model:.1} ms", setting.label()));
            }
        }
    }
    assert!(misses.is_empty(), "the model is off:\n{}", misses.join("\n"));
}

fn hold_bulk(reference: &Reference) {
    println!("{}, {}: goodput in Mbit/s", reference.kernel, reference.congestion);
    let mut misses = Vec::new();
    for setting in &reference.settings {
        let seeds: Vec<u64> = (1..=setting.seeds).collect();
        let runs = setting.run(reference.congestion, &seeds);
        let kernel = mean(setting.goodput_mbit_per_sec.iter().copied());
        let model = mean(runs.iter().map(|run| run.goodput_mbit_per_sec));
        println!("{:<60} kernel {kernel:.2} · model {model:.2} · {:.2}", setting.label(), model / kernel);
        if (model - kernel).abs() > GOODPUT_SHARE * kernel {
            misses.push(format!("{}: {kernel:.2} Mbit/s, but {model:.2}", setting.label()));
        }
    }
    assert!(misses.is_empty(), "the model is off:\n{}", misses.join("\n"));
}

/// The kernel's seeds; and more where the window hardly carries the ticks, so that at least the model's tail is certain.
/// Spells come at the same times on both sides, so there the same seeds say more than many.
fn model_seeds(setting: &Setting) -> Vec<u64> {
    let is_random = setting.burst_millis == 0;
    let is_tight = is_random && setting.rtt_millis >= 100 && setting.loss_billionths >= 20_000_000;
    (1..=setting.seeds * if is_tight { 2 } else { 1 }).collect()
}

fn wider(congestion: Congestion, setting: &Setting) -> Option<&'static Wider> {
    WIDER.iter().find(|wider| {
        wider.congestion == congestion
            && wider.traffic == setting.traffic()
            && wider.rtt_millis == setting.rtt_millis
            && wider.loss_billionths == setting.loss_billionths
            && wider.burst_millis == setting.burst_millis
            && setting.mbit_per_sec == 0
    })
}

fn text(values: [f64; 3]) -> String {
    values.map(|value| format!("{value:.1}")).join(" / ")
}
